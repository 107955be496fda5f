import type { DirectoryEntry, Entry } from '../archive.js'
import type { Sources } from '../sources.js'
import type { ControlPlace } from './control-place.js'
import type { Directories, Documents } from './item-documents.js'

/** What a kind of directory in `.xnat` holds. Beside what is always there, what the server lists. */
export interface ControlRule {
  readonly documents?: (place: ControlPlace) => Documents
  readonly directories?: (place: ControlPlace) => Directories
  readonly list?: (directory: DirectoryEntry, place: ControlPlace, sources: Sources) => Promise<Entry[]>
  /** An entry beside what is always there, where that costs less than `list`, or it is not listed. */
  readonly find?: (
    directory: DirectoryEntry,
    place: ControlPlace,
    name: string,
    sources: Sources,
  ) => Promise<Entry | undefined>
}
