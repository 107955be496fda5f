import type { StartedStore } from '../archive/archive.js'
import type { GrowingSource } from '../data/growing-source.js'

/** The upload of a local file that follows its bytes as they are written, if there is one. */
export class LocalStream {
  #started: StartedStore | undefined
  #source: GrowingSource | undefined
  #hasBegun = false

  /** One is begun at most: who has a file stored several times while it is written, will do so again. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  begin(started: StartedStore, source: GrowingSource): void {
    this.#hasBegun = true
    this.#started = started
    this.#source = source
  }

  /** No more than `sizeBytes` are to be stored. @returns what `Archive.store` can finish */
  end(sizeBytes: number): StartedStore | undefined {
    const source = this.#source
    if (source?.sizeBytes === sizeBytes) source.end()
    else source?.abandon(`${sizeBytes} bytes are to be stored, but ${source.sizeBytes} are known`)
    return this.#started
  }

  /** What has been sent is not to be stored. */
  abandon(): void {
    this.#started?.abandon()
    this.#started = undefined
    this.#source = undefined
  }
}
