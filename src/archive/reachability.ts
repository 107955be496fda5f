import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'

/** A server that did not answer is asked again after this time. */
const silentMs = 5000

/** Whether the server answers. A refusal is an answer: a wrong password does not make older knowledge good enough. */
export class Reachability {
  readonly #log: Log
  readonly #now: () => number
  #isReachable = true
  #silentUntil = 0
  #isTold = false

  constructor(log: Log, now: () => number = Date.now) {
    this.#log = log
    this.#now = now
  }

  get isReachable(): boolean {
    return this.#isReachable
  }

  /** When it is to be asked again for listings that are known already. */
  get askAgainMs(): number {
    return this.#silentUntil
  }

  /** It did not answer when it was asked for a listing. That a file could not be read is no reason to doubt the rest. */
  get wasSilent(): boolean {
    return this.#silentUntil > 0
  }

  /** It need not be asked for those: it just did not answer. */
  get isSilent(): boolean {
    return this.#now() < this.#silentUntil
  }

  staySilent(): void {
    this.#silentUntil = this.#now() + silentMs
  }

  /** Notes how an exchange with the server ends. */
  async watch<T>(exchange: Promise<T>): Promise<T> {
    try {
      const result = await exchange
      this.noteAnswer()
      return result
    } catch (error) {
      this.noteFailure(error)
      throw error
    }
  }

  noteAnswer(): void {
    if (this.#isTold) this.#log.info('the server answers again')
    this.#isTold = false
    this.#isReachable = true
    this.#silentUntil = 0
  }

  noteFailure(error: unknown): void {
    if (isAway(error)) this.#isReachable = false
    else if (isAnswer(error)) this.noteAnswer()
  }

  /** Something older is shown in place of an answer: said once for as long as the server is away. */
  tellStale(): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#log.warn(
      'the server does not answer, and what is known of it is shown, which may be out of date; `xnatfs refresh` asks it again',
    )
  }
}

/** Whether a failure means that the server does not answer. */
export function isAway(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'unreachable' || code === 'timeout'
}

function isAnswer(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && code !== 'aborted'
}

function codeOf(error: unknown): XnatErrorCode | undefined {
  const cause = error instanceof FsError ? error.cause : error
  return cause instanceof XnatError ? cause.code : undefined
}
