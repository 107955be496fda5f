import type { MaybePromise } from './block-cache.js'

export interface BacklogOptions {
  /** Who brings more waits while there is as much as this, until a quarter of it has gone. */
  readonly fullBytes: number
  readonly now: () => number
}

/** Waiting in all, less what the disk needed for what it has written meanwhile at `slowBytesPerMs`. */
const patienceMs = 3000
const slowBytesPerMs = (8 * 1024 * 1024) / 1000
/** A disk that is too slow is not waited for again so soon. */
const impatientMs = 30_000

/** What waits to be written. Who brings it waits for the disk, unless that is so slow that it would be felt. */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #waiters = new Set<() => void>()
  #bytes = 0
  /** Of the patience; and since when those who wait now do. */
  #spentMs = 0
  #sinceMs = 0
  #impatientUntilMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(options: BacklogOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#options.fullBytes
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    this.#spend()
    this.#spentMs = this.#bytes === 0 ? 0 : Math.max(0, this.#spentMs - bytes / slowBytesPerMs)
    if (this.#bytes <= this.#options.fullBytes * 0.75) this.#wake()
  }

  /** Resolves when there is room for more, or the disk is not to be waited for, or the signal aborts. Never fails. */
  room(signal: AbortSignal): MaybePromise<void> {
    if (!this.isFull || signal.aborted || this.#options.now() < this.#impatientUntilMs) return undefined
    return new Promise((resolve) => {
      this.#spend()
      const leave = (): void => {
        signal.removeEventListener('abort', leave)
        this.#spend()
        this.#waiters.delete(leave)
        if (this.#waiters.size === 0) clearTimeout(this.#timer)
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.add(leave)
      if (this.#waiters.size === 1) this.#watch()
    })
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#spend()
      if (this.#spentMs < patienceMs) return this.#watch()
      this.#spentMs = 0
      this.#impatientUntilMs = this.#options.now() + impatientMs
      this.#wake()
    }, patienceMs - this.#spentMs).unref()
  }

  #wake(): void {
    for (const leave of this.#waiters) leave()
  }

  #spend(): void {
    const nowMs = this.#options.now()
    if (this.#waiters.size > 0) this.#spentMs += nowMs - this.#sinceMs
    this.#sinceMs = nowMs
  }
}
