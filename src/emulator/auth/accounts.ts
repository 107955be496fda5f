import { findUser } from '../users.js'

/** What stands against the log-ins of some users, or of all but administrators (xnat-wire.md §7). */
export interface AccountStates {
  /** Right passwords that have expired. */
  readonly expired?: readonly string[]
  /** After 20 wrong passwords, whoever gave them. */
  readonly locked?: readonly string[]
  readonly disabled?: readonly string[]
  /** False: the site lets nobody in but its administrators. */
  readonly isSetUp?: boolean
}

const LISTS = ['expired', 'locked', 'disabled'] as const

/** May be changed while the server runs. */
export class Accounts {
  #states: AccountStates

  constructor(states: AccountStates = {}) {
    this.#states = checked(states)
  }

  get states(): AccountStates {
    return this.#states
  }

  get isSetUp(): boolean {
    return this.#states.isSetUp ?? true
  }

  /** @throws TypeError that says what is wrong; then nothing has changed */
  replace(states: unknown): void {
    this.#states = checked(states)
  }

  is(state: (typeof LISTS)[number], login: string): boolean {
    return this.#states[state]?.includes(login) ?? false
  }
}

function checked(value: unknown): AccountStates {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('states of accounts are an object with expired, locked, disabled, isSetUp')
  for (const [key, content] of Object.entries(value)) {
    if (key === 'isSetUp') {
      if (typeof content !== 'boolean') throw new TypeError('isSetUp is true or false')
      continue
    }
    if (!LISTS.some((list) => list === key)) throw new TypeError(`${key} is no state of an account`)
    if (!Array.isArray(content)) throw new TypeError(`${key} is a list of users`)
    const unknown: unknown = content.find((login) => typeof login !== 'string' || !findUser(login))
    if (unknown !== undefined) throw new TypeError(`${key}: there is no user ${JSON.stringify(unknown)}`)
  }
  return value
}
