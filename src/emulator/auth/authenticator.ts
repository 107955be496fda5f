import type { Exchange } from '../http/exchange.js'
import { GUEST, findUser, isGuest, type UserAccount } from '../users.js'
import type { Accounts } from './accounts.js'
import { isAliasFormat, type AliasTokens } from './alias-tokens.js'
import type { SessionStore } from './sessions.js'

/** XNAT locks an account for an hour after this many failed logins (xnat-wire.md §7). */
const MAX_FAILURES = 20
const LOCK_MS = 60 * 60 * 1000

/** User agents XNAT takes for a browser (SiteConfigPreferences, interactiveAgentIds). */
const INTERACTIVE = /MSIE|Mozilla|AppleWebKit|Opera/

export type AuthOutcome =
  | { readonly kind: 'authenticated' }
  /** Open site without credentials. */
  | { readonly kind: 'guest' }
  /** Nobody, on a closed site. */
  | { readonly kind: 'anonymous' }
  /** Credentials were given and are wrong: 401 with this text. */
  | { readonly kind: 'failed'; readonly message: string }
  /** The credentials are right, and do not let in: 403 with this text. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** … or something is to be done in a browser first: 302 to this page. */
  | { readonly kind: 'redirected'; readonly page: string }
  /** An Authorization header that is no Basic credentials: a servlet exception, 500. */
  | { readonly kind: 'malformed' }

export const LOGIN_FAILURE =
  'Your login attempt failed because the username and password combination you provided was invalid or your user already has the maximum number of user sessions open. After 20 failed login attempts, your user account will be locked. If you believe your account is currently locked, you can:<ul><li>Unlock it by resetting your password</li><li>Wait one hour for it to unlock automatically</li></ul>'

const PASSWORD_EXPIRED = 'Your password has expired. Please update your password and try again.'
const NOT_SET_UP = 'Site has not yet been configured.'
const CHANGE_PASSWORD_PAGE = '/app/template/ChangePassword.vm'
const INACTIVE_PAGE = '/app/template/InactiveAccount.vm'

export class Authenticator {
  readonly #sessions: SessionStore
  readonly #tokens: AliasTokens
  readonly #requireLogin: boolean
  readonly #accounts: Accounts
  readonly #now: () => number
  readonly #failures = new Map<string, { count: number; lastMs: number }>()

  constructor(
    sessions: SessionStore,
    tokens: AliasTokens,
    requireLogin: boolean,
    accounts: Accounts,
    now: () => number,
  ) {
    this.#sessions = sessions
    this.#tokens = tokens
    this.#requireLogin = requireLogin
    this.#accounts = accounts
    this.#now = now
  }

  static isInteractive(exchange: Exchange): boolean {
    return INTERACTIVE.test(exchange.header('user-agent') ?? '')
  }

  /** Finds out who asks, from cookie and Basic credentials, and leaves user and session in the exchange. */
  identify(exchange: Exchange): AuthOutcome {
    const cookie = sessionCookie(exchange.header('cookie'))
    const session = cookie === undefined ? undefined : this.#sessions.touch(cookie)
    exchange.session = session
    const basic = basicCredentials(exchange.header('authorization'))
    if (basic === 'malformed') return { kind: 'malformed' }
    if (basic && !this.#speaksFor(session?.user, basic.username)) return this.#login(exchange, basic)
    if (session?.user && !isGuest(session.user)) {
      exchange.user = session.user
      return this.#hindrance(session.user, 'cookie') ?? { kind: 'authenticated' }
    }
    if (!session) this.#open(exchange, undefined)
    exchange.user = GUEST
    return this.#requireLogin ? { kind: 'anonymous' } : { kind: 'guest' }
  }

  /** Checks a name and password (or alias and secret); counts failures. */
  check(username: string, password: string): UserAccount | undefined {
    const login = username.slice(username.indexOf('/') + 1)
    if (isAliasFormat(login)) return this.#tokens.validate(login, password)
    const failures = this.#failures.get(login)
    const locked =
      this.#accounts.is('locked', login) ||
      (failures !== undefined && failures.count >= MAX_FAILURES && this.#now() - failures.lastMs < LOCK_MS)
    const user = findUser(login)
    if (!locked && user && !isGuest(user) && user.password === password) {
      this.#failures.delete(login)
      return user
    }
    const count = failures && this.#now() - failures.lastMs < LOCK_MS ? failures.count : 0
    // A locked account stays locked from its last counted failure on; later attempts do not prolong it.
    if (!locked) this.#failures.set(login, { count: count + 1, lastMs: this.#now() })
    return undefined
  }

  /** Gives the exchange a fresh session of that user; false if the user has too many. */
  startSession(exchange: Exchange, user: UserAccount): boolean {
    // Session fixation protection: the id changes with every login.
    if (exchange.session) this.#sessions.remove(exchange.session.id)
    if (!this.#open(exchange, user)) return false
    exchange.user = user
    return true
  }

  /** The cookie every answer carries, in the spelling real servers were recorded with. */
  expirationCookie(contextPath: string): string {
    return `SESSION_EXPIRATION_TIME="${this.#now()},${this.#sessions.timeoutMs}"; Version=1; Path=${contextPath}/`
  }

  #login(exchange: Exchange, basic: { username: string; password: string }): AuthOutcome {
    const user = this.check(basic.username, basic.password)
    const hindrance = user && this.#hindrance(user, 'basic')
    if (hindrance) return hindrance
    if (!user || !this.startSession(exchange, user)) return { kind: 'failed', message: LOGIN_FAILURE }
    return { kind: 'authenticated' }
  }

  /** What is wrong beside the password. A cookie is for browsers: they are sent where it can be put right. */
  #hindrance(user: UserAccount, by: 'basic' | 'cookie'): AuthOutcome | undefined {
    const { login } = user
    if (this.#accounts.is('disabled', login)) return { kind: 'redirected', page: INACTIVE_PAGE }
    if (this.#accounts.is('expired', login)) {
      return by === 'basic'
        ? { kind: 'forbidden', message: PASSWORD_EXPIRED }
        : { kind: 'redirected', page: CHANGE_PASSWORD_PAGE }
    }
    if (!this.#accounts.isSetUp && user.siteRole !== 'admin')
      return { kind: 'forbidden', message: NOT_SET_UP }
    return undefined
  }

  #speaksFor(user: UserAccount | undefined, username: string): boolean {
    if (!user) return false
    const login = username.slice(username.indexOf('/') + 1)
    return user.login === login || this.#tokens.locate(login)?.user.login === user.login
  }

  #open(exchange: Exchange, user: UserAccount | undefined): boolean {
    const session = this.#sessions.create(user)
    if (!session) return false
    exchange.session = session
    exchange.setCookies.push(`JSESSIONID=${session.id}; Path=${exchange.contextPath || '/'}; HttpOnly`)
    return true
  }
}

function sessionCookie(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /(?:^|;\s*)JSESSIONID=([^;\s]+)/.exec(header)?.[1]
}

function basicCredentials(
  header: string | undefined,
): { username: string; password: string } | 'malformed' | undefined {
  if (header === undefined || !/^basic /i.test(header)) return undefined
  const text = Buffer.from(header.slice(6), 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return 'malformed'
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
