import { randomBytes, randomUUID } from 'node:crypto'
import type { UserAccount } from '../users.js'

/** aliasTokenTimeout's default: two days (xnat-wire.md §7). */
const LIFETIME_MS = 2 * 24 * 60 * 60 * 1000
const SECRET_LENGTH = 64
const SECRET_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export interface AliasToken {
  readonly alias: string
  readonly secret: string
  readonly user: UserAccount
  readonly id: number
  readonly createdMs: number
}

export function isAliasFormat(name: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)
}

export class AliasTokens {
  readonly #tokens = new Map<string, AliasToken>()
  readonly #now: () => number
  #nextId = 1

  constructor(now: () => number) {
    this.#now = now
  }

  issue(user: UserAccount): AliasToken {
    const letters = [...randomBytes(SECRET_LENGTH)].map(
      (byte) => SECRET_LETTERS[byte % SECRET_LETTERS.length],
    )
    const token: AliasToken = {
      alias: randomUUID(),
      secret: letters.join(''),
      user,
      id: this.#nextId++,
      createdMs: this.#now(),
    }
    this.#tokens.set(token.alias, token)
    return token
  }

  locate(aliasOrId: string): AliasToken | undefined {
    const token = isAliasFormat(aliasOrId)
      ? this.#tokens.get(aliasOrId)
      : [...this.#tokens.values()].find((candidate) => String(candidate.id) === aliasOrId)
    if (token && this.#now() - token.createdMs > LIFETIME_MS) {
      this.#tokens.delete(token.alias)
      return undefined
    }
    return token
  }

  validate(alias: string, secret: string): UserAccount | undefined {
    const token = this.locate(alias)
    return token?.secret === secret ? token.user : undefined
  }

  invalidate(alias: string): void {
    this.#tokens.delete(alias)
  }

  ofUser(login: string): AliasToken[] {
    return [...this.#tokens.values()].filter((token) => token.user.login === login)
  }
}

/** The JSON of a token; the keys are those recorded from XNAT 1.6 and 1.7 together. */
export function tokenJson(
  token: AliasToken,
): Readonly<Record<string, string | number | boolean | readonly string[]>> {
  return {
    alias: token.alias,
    secret: token.secret,
    xdatUserId: token.user.login,
    singleUse: false,
    estimatedExpirationTime: token.createdMs + LIFETIME_MS,
    validIPAddresses: [],
    id: token.id,
    enabled: true,
    created: token.createdMs,
    timestamp: token.createdMs,
    disabled: 0,
  }
}
