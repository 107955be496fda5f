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
  /** Sends what is there now. Two calls at once must not send twice. */
  upload(): Promise<void>
}

export interface WriteBackOptions {
  readonly log: Log
  /** A file that nobody waits for is sent after this time without news of it. */
  readonly quietMs: number
}

/**
 * The way out: sends files when asked to, or after a quiet time. A file that could not be sent stays where it is; the
 * end of the mount is its next chance.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #timers = new Map<Outgoing, NodeJS.Timeout>()

  constructor(options: WriteBackOptions) {
    this.#options = options
  }

  /** Sends the file, unless the server has it, and fails when that fails. */
  async flush(file: Outgoing): Promise<void> {
    this.cancel(file)
    if (file.isDirty()) await file.upload()
  }

  /** Sends the file after the quiet time, unless somebody writes to it again. */
  later(file: Outgoing): void {
    this.cancel(file)
    const timer = setTimeout(() => {
      this.#timers.delete(file)
      if (file.isBeingWritten()) return // its close() sends it, or asks for this again
      this.flush(file).catch((error: unknown) => {
        this.#options.log.error(
          `${file.path} is not on the server: ${causeChain(error)}; kept to be sent at unmount`,
        )
      })
    }, this.#options.quietMs)
    this.#timers.set(file, timer)
  }

  /** The file is not to be sent by itself: it is open again, was deleted, or is sent right now. */
  cancel(file: Outgoing): void {
    clearTimeout(this.#timers.get(file))
    this.#timers.delete(file)
  }
}
