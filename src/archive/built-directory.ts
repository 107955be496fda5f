import type { DirectoryEntry } from './archive.js'
import type { DirectoryListing } from './layout.js'
import type { Source } from './listing-cache.js'

/** A directory with the answers that it was put together from. */
export interface BuiltDirectory {
  readonly directory: DirectoryEntry
  readonly listing: DirectoryListing
  readonly sources: readonly Source[]
  /** False: something could not be asked, and is not shown; the next one asks again. */
  readonly isCertain: boolean
}
