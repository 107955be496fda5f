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

  /** What is known of a file that is listed like this: its own version, and how large and of which digest it is. */
  applied(
    key: string,
    listedVersion: string,
    { sizeBytes, digest }: { readonly sizeBytes: number | undefined; readonly digest: string | undefined },
  ): {
    readonly version: string
    readonly sizeBytes: number | undefined
    readonly digest: string | undefined
  } {
    const known = this.#byKey.get(key)
    if (known?.listedVersion !== listedVersion) return { version: listedVersion, sizeBytes, digest }
    const { facts } = known
    const version = `${listedVersion}!${facts.answerVersion}`
    return { version, sizeBytes: facts.sizeBytes, digest: facts.digest }
  }
}
