import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'

/** A file whose bytes have to go to the server. */
export interface Outgoing {
  /** For messages. */
  readonly path: string
  /** Whether there is anything to do for `upload`. */
  isDirty(): boolean
  /** Somebody has it open and may write on: it is not to be sent unasked. */
  isBeingWritten(): boolean
  /** Somebody has it open: it may soon be deleted or renamed. */
  isOpen(): boolean
  /** The last upload failed for a reason that may pass, and nothing was changed since. */
  isWorthAnotherTry(): boolean
  /** Sends what is there now. Two calls at once must not send twice. */
  upload(): Promise<void>
}

export interface WriteBackOptions {
  readonly log: Log
  /** A file that nobody waits for is sent after this time without news of it. */
  readonly quietMs: number
  /** Whether a file that could not be sent is tried again by itself, after growing waits. */
  readonly retries: boolean
}

/** The longest wait between two tries at a file. */
const longestWaitMs = 5 * 60_000
/** A file that somebody reads is not sent for so long: compressors read what is then deleted. */
const patienceMs = 30_000

/** The way out: sends files when asked to, or after a quiet time. A file that could not be sent stays where it is. */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #waiting = new Map<Outgoing, NodeJS.Timeout>()
  readonly #sending = new Set<Outgoing>()
  #hasGivenUp = false

  constructor(options: WriteBackOptions) {
    this.#options = options
  }

  /** Files that will be sent by themselves. */
  get waitingCount(): number {
    return this.#waiting.size + this.#sending.size
  }

  /** What fails from now on does so for the mount ends, which says what is left. */
  get hasGivenUp(): boolean {
    return this.#hasGivenUp
  }

  isSending(file: Outgoing): boolean {
    return this.#sending.has(file)
  }

  /** Sends the file, unless the server has it, and fails when that fails. */
  async flush(file: Outgoing): Promise<void> {
    this.cancel(file)
    if (!file.isDirty()) return
    this.#sending.add(file)
    try {
      await file.upload()
    } finally {
      this.#sending.delete(file)
    }
  }

  /** Sends the file after the quiet time, unless somebody writes to it again. */
  later(file: Outgoing): void {
    this.#after(this.#options.quietMs, file, 0)
  }

  /** The file is not to be sent by itself: it is open again, was deleted, or is sent right now. */
  cancel(file: Outgoing): void {
    clearTimeout(this.#waiting.get(file))
    this.#waiting.delete(file)
  }

  /** From now on nothing is sent by itself. */
  giveUp(): void {
    this.#hasGivenUp = true
    for (const file of this.#waiting.keys()) this.cancel(file)
  }

  #after(waitMs: number, file: Outgoing, heldUpMs: number): void {
    this.cancel(file)
    if (this.#hasGivenUp) return
    const timer = setTimeout(() => {
      this.#waiting.delete(file)
      if (file.isBeingWritten()) return // its close() sends it, or asks for this again
      if (file.isOpen() && heldUpMs < patienceMs) return this.#after(waitMs, file, heldUpMs + waitMs)
      this.flush(file).catch((error: unknown) => this.#failed(file, waitMs, error))
    }, waitMs)
    this.#waiting.set(file, timer)
  }

  #failed(file: Outgoing, waitMs: number, error: unknown): void {
    if (this.#hasGivenUp) return // the end says what is left
    const { retries, log } = this.#options
    const isTriedAgain = retries && file.isWorthAnotherTry() && !this.#waiting.has(file)
    const next = isTriedAgain
      ? 'it is tried again'
      : '`xnatfs flush` tries again, `xnatfs pending` keeps the bytes'
    log.error(`${file.path} is not on the server: ${causeChain(error)}; ${next}`)
    if (isTriedAgain) this.#after(Math.min(waitMs * 2, longestWaitMs), file, 0)
  }
}
