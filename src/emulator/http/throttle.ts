import { setTimeout as sleep } from 'node:timers/promises'

/** Lets bytes of one connection pass at a given rate, both directions together. */
export class Throttle {
  readonly #bytesPerMs: number
  #freeAt = 0

  constructor(mbitPerSecond: number) {
    this.#bytesPerMs = (mbitPerSecond * 1_000_000) / 8 / 1000
  }

  /** Resolves when `bytes` more may have passed. */
  async take(bytes: number): Promise<void> {
    const now = performance.now()
    this.#freeAt = Math.max(now, this.#freeAt) + bytes / this.#bytesPerMs
    const wait = this.#freeAt - now
    if (wait > 1) await sleep(wait)
  }
}
