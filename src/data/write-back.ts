import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'

/** A file whose bytes have to go to the server. */
export interface Outgoing {
  /** For messages. */
  readonly path: string
  /** Whether the server lacks anything. */
  isDirty(): boolean
  /** Sends what is there now. Two calls at once must not send twice. */
  upload(): Promise<void>
}

export interface WriteBackOptions {
  readonly log: Log
  /** A file that nobody waits for is sent after this time without news of it. */
  readonly quietMs: number
}

/**
 * The way out. Knows which files have bytes the server lacks, sends them when asked to or after a quiet time, and at
 * the end of the mount all of them. A file that could not be sent stays here.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #pending = new Set<Outgoing>()
  readonly #timers = new Map<Outgoing, NodeJS.Timeout>()

  constructor(options: WriteBackOptions) {
    this.#options = options
  }

  get pending(): readonly Outgoing[] {
    return [...this.#pending]
  }

  /** Sends the file, unless the server has it, and fails when that fails. */
  async flush(file: Outgoing): Promise<void> {
    this.#stopTimer(file)
    if (!file.isDirty()) {
      this.#pending.delete(file)
      return
    }
    this.#pending.add(file)
    await file.upload()
    if (!file.isDirty()) this.#pending.delete(file)
  }

  /** Sends the file after the quiet time. */
  later(file: Outgoing): void {
    this.#pending.add(file)
    this.#stopTimer(file)
    const timer = setTimeout(() => {
      this.flush(file).catch((error: unknown) => {
        this.#options.log.error(
          `${file.path} is not on the server: ${causeChain(error)}; kept to be sent at unmount`,
        )
      })
    }, this.#options.quietMs)
    this.#timers.set(file, timer)
  }

  /** The file is not to be sent any more: it was deleted, or is not to leave this machine under its name. */
  cancel(file: Outgoing): void {
    this.#stopTimer(file)
    this.#pending.delete(file)
  }

  /** Sends everything. @returns the files that could not be sent, with the reasons */
  async drain(): Promise<{ file: Outgoing; error: unknown }[]> {
    const failed: { file: Outgoing; error: unknown }[] = []
    await Promise.all(
      this.pending.map(async (file) => {
        try {
          await this.flush(file)
        } catch (error) {
          failed.push({ file, error })
        }
      }),
    )
    return failed
  }

  #stopTimer(file: Outgoing): void {
    clearTimeout(this.#timers.get(file))
    this.#timers.delete(file)
  }
}
