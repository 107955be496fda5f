import { LRUCache } from 'lru-cache'
import type { FileFacts } from './archive.js'

export interface Correction {
  /** What the listing said when it was found out; with another version it is believed again. */
  readonly listedVersion: string
  readonly facts: FileFacts
}

const correctionsKept = 10_000

/**
 * Files that are not what their catalog says: changed in place on the server's disk, or catalogued wrongly (xnat-wire.md
 * §2.4). Answers to reads tell; the catalog does not until somebody refreshes it.
 */
export class Corrections {
  readonly #byKey = new LRUCache<string, Correction>({ max: correctionsKept })

  note(key: string, correction: Correction): void {
    this.#byKey.set(key, correction)
  }

  of(key: string, listedVersion: string): FileFacts | undefined {
    const known = this.#byKey.get(key)
    return known?.listedVersion === listedVersion ? known.facts : undefined
  }
}
