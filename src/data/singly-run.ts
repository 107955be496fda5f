import { setMaxListeners } from 'node:events'
import type { PrefetchRun, RunEnd } from './prefetch-run.js'
import { keyOf } from './sized-file.js'
import type { SizedFile } from './sized-file.js'
import { UnreadFiles } from './unread-budget.js'
import type { UnreadBudget } from './unread-budget.js'

export interface SinglyRunOptions {
  readonly budget: UnreadBudget
  /**
   * Brings a file; ends early when the signal aborts. Its failure is for the reader to meet. @returns false where it is
   * not to be had in this way, nor probably those behind it
   */
  readonly fetch: (file: SizedFile, signal: AbortSignal) => Promise<boolean>
  /** How many are fetched at a time. */
  readonly atOnce: number
}

/** Files of a directory one by one, in a window that goes before their reader. */
export class SinglyRun implements PrefetchRun {
  readonly done: Promise<RunEnd>
  readonly #files: readonly SizedFile[]
  readonly #options: SinglyRunOptions
  readonly #places: ReadonlyMap<string, number>
  readonly #unread: UnreadFiles
  readonly #stop = new AbortController()
  readonly #stopListening: () => void
  #finish!: (end: RunEnd) => void
  /** The next file to ask for. */
  #next = 0
  /** Where the reader has been: what is before is not waited for any more. */
  #readTo = 0
  #underWay = 0

  constructor(files: readonly SizedFile[], options: SinglyRunOptions) {
    this.#files = files
    this.#options = options
    this.#places = new Map(files.map((file, index) => [keyOf(file), index]))
    this.#unread = new UnreadFiles(options.budget)
    this.done = new Promise((resolve) => (this.#finish = resolve))
    this.#stopListening = options.budget.whenFreed(() => this.#fill())
    setMaxListeners(options.atOnce, this.#stop.signal)
  }

  stop(): void {
    this.#stop.abort()
    this.#end({ isComplete: false })
  }

  expects(file: SizedFile): boolean {
    return (this.#places.get(keyOf(file)) ?? -1) >= this.#next
  }

  touch(file: SizedFile): void {
    const key = keyOf(file)
    const place = this.#places.get(key)
    if (place !== undefined) {
      for (; this.#readTo <= place; this.#readTo++) this.#unread.drop(keyOf(this.#files[this.#readTo]!))
      this.#next = Math.max(this.#next, place + 1)
    }
    this.#unread.read(key, file.sizeBytes)
    setImmediate(() => this.#fill()) // after the request of the reader himself
  }

  /** Who asks for a file that is on its way joins that request. */
  awaited(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  #fill(): void {
    if (this.#stop.signal.aborted) return
    while (this.#underWay < this.#options.atOnce && this.#next < this.#files.length && !this.#unread.isFull) {
      void this.#fetch(this.#files[this.#next++]!)
    }
    if (this.#underWay === 0 && this.#next >= this.#files.length) this.#end({ isComplete: true })
  }

  async #fetch(file: SizedFile): Promise<void> {
    this.#underWay++
    this.#unread.add(keyOf(file), file.sizeBytes)
    const isBrought = await this.#options.fetch(file, this.#stop.signal)
    this.#underWay--
    if (isBrought) this.#fill()
    else this.stop()
  }

  #end(end: RunEnd): void {
    this.#stopListening()
    this.#unread.clear()
    this.#finish(end)
  }
}
