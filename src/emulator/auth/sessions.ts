import { randomBytes, randomUUID } from 'node:crypto'
import type { UserAccount } from '../users.js'

/** One server session. Without a user it is what an unauthenticated visitor gets. */
export interface ServerSession {
  readonly id: string
  readonly csrfToken: string
  readonly user: UserAccount | undefined
  lastAccessMs: number
}

/** XNAT refuses a login when a user has this many sessions (xnat-wire.md §7). */
const MAX_SESSIONS_PER_USER = 1000
/** How many new sessions pass between two sweeps for dead ones. */
const SWEEP_EVERY = 500

export class SessionStore {
  readonly #sessions = new Map<string, ServerSession>()
  readonly #perUser = new Map<string, number>()
  readonly #timeoutMs: number
  readonly #now: () => number
  #untilSweep = SWEEP_EVERY

  constructor(timeoutMs: number, now: () => number) {
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** The session of a cookie, if it is alive; counts as an access. */
  touch(id: string): ServerSession | undefined {
    const session = this.#sessions.get(id)
    if (!session) return undefined
    if (this.#isDead(session)) {
      this.remove(id)
      return undefined
    }
    session.lastAccessMs = this.#now()
    return session
  }

  /** A new session, or undefined if the user has too many. */
  create(user: UserAccount | undefined): ServerSession | undefined {
    if (--this.#untilSweep <= 0) this.#sweep()
    if (user && this.count(user.login) >= MAX_SESSIONS_PER_USER) {
      this.#sweep()
      if (this.count(user.login) >= MAX_SESSIONS_PER_USER) return undefined
    }
    const id = randomBytes(16).toString('hex').toUpperCase()
    const session: ServerSession = { id, csrfToken: randomUUID(), user, lastAccessMs: this.#now() }
    this.#sessions.set(id, session)
    if (user) this.#perUser.set(user.login, (this.#perUser.get(user.login) ?? 0) + 1)
    return session
  }

  remove(id: string): void {
    const session = this.#sessions.get(id)
    if (!session || !this.#sessions.delete(id)) return
    if (session.user) this.#perUser.set(session.user.login, (this.#perUser.get(session.user.login) ?? 1) - 1)
  }

  /** Number of sessions of a user. */
  count(login: string): number {
    return this.#perUser.get(login) ?? 0
  }

  /** Ends all sessions of a user; answers their ids. */
  removeAll(login: string): string[] {
    const ids = [...this.#sessions.values()].filter((s) => s.user?.login === login).map((s) => s.id)
    for (const id of ids) this.remove(id)
    return ids
  }

  clear(): void {
    this.#sessions.clear()
    this.#perUser.clear()
  }

  #isDead(session: ServerSession): boolean {
    return this.#now() - session.lastAccessMs > this.#timeoutMs
  }

  #sweep(): void {
    this.#untilSweep = SWEEP_EVERY
    for (const session of this.#sessions.values()) if (this.#isDead(session)) this.remove(session.id)
  }
}
