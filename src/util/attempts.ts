import { sleep } from './sleep.js'

export interface AttemptsOptions {
  /** How often a thing is tried in a row without progress. */
  readonly limit: number
  /** The wait before the second attempt; it grows by as much with each further one. */
  readonly delayMs: number
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** Counts attempts at something that makes progress: as long as it does, it may go on. */
export class Attempts {
  readonly #options: AttemptsOptions
  #made = 1

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** Part of it is done: the count begins anew. */
  progress(): void {
    this.#made = 1
  }

  /** To be called with a failure. Waits before the next attempt. @throws the failure when none is left */
  async again(failure: unknown, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || this.#made >= this.#options.limit) throw failure
    await (this.#options.sleep ?? sleep)(this.#options.delayMs * this.#made, signal)
    this.#made++
  }
}
