import { LRUCache } from 'lru-cache'
import { textOf, withNewline } from './text.js'
import type { Text } from './text.js'

/** A search that was run here, and what it found then. */
export interface SearchRun {
  readonly search: Text
  readonly table: Text
}

const runsKept = 100
const charactersKept = 64 * 1024 * 1024

/** The searches of `.xnat/search/run`, as long as the mount lasts. */
export class SearchRuns {
  readonly #runs = new LRUCache<string, SearchRun>({
    max: runsKept,
    maxSize: charactersKept,
    sizeCalculation: ({ search, table }) => search.latin1.length + table.latin1.length,
  })

  get names(): string[] {
    return [...this.#runs.keys()]
  }

  get(name: string): SearchRun | undefined {
    return this.#runs.get(name)
  }

  keep(name: string, search: Buffer, table: Buffer): void {
    this.#runs.set(name, { search: withNewline(textOf(search)), table: withNewline(textOf(table)) })
  }

  forget(name: string): void {
    this.#runs.delete(name)
  }
}
