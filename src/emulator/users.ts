/** What a user may do everywhere, before any membership of a project is looked at. */
export type SiteRole = 'admin' | 'reader' | 'none'

export interface UserAccount {
  /** xdat_user_id, as `/data/users` lists it. */
  readonly id: number
  readonly login: string
  readonly password: string
  readonly firstname: string
  readonly lastname: string
  readonly email: string
  readonly siteRole: SiteRole
}

function account(
  id: number,
  login: string,
  password: string,
  names: readonly [string, string],
  siteRole: SiteRole,
): UserAccount {
  return {
    id,
    login,
    password,
    firstname: names[0],
    lastname: names[1],
    email: `${login}@example.org`,
    siteRole,
  }
}

/**
 * The fixed accounts of the embedded XNAT. The passwords are well known on purpose: the server listens on loopback
 * and holds nothing but test data.
 */
export const USERS = {
  /** Site administrator and owner of every project. */
  admin: account(1, 'admin', 'admin-pass', ['Ada', 'Admin'], 'admin'),
  /** Collaborator: reads everything, edits nothing. */
  reader: account(3, 'reader', 'reader-pass', ['Rita', 'Reader'], 'reader'),
  /** Member of the projects that were imported or generated: edits, does not delete. */
  member: account(4, 'member', 'member-pass', ['Max', 'Member'], 'none'),
  /** Member of nothing: sees public projects only. */
  outsider: account(5, 'outsider', 'outsider-pass', ['Otto', 'Outsider'], 'none'),
} as const satisfies Record<string, UserAccount>

/** Who a request without credentials is, where the site is open. */
export const GUEST: UserAccount = account(2, 'guest', '', ['', 'Guest'], 'none')

const byLogin = new Map<string, UserAccount>(Object.values(USERS).map((user) => [user.login, user]))

export function findUser(login: string): UserAccount | undefined {
  return login === GUEST.login ? GUEST : byLogin.get(login)
}

export function allUsers(): readonly UserAccount[] {
  return Object.values(USERS)
}

export function isGuest(user: UserAccount): boolean {
  return user.login === GUEST.login
}
