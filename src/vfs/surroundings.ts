import type { Archive } from '../archive/archive.js'
import type { Surroundings } from '../data/walk.js'
import type { Node } from './node.js'

/** Where a file lies. The directory's listing is mostly at hand: the file was looked up in it. */
export function surroundingsOf({ parent }: Node, archive: Pick<Archive, 'list'>): Surroundings | undefined {
  const directory = parent?.entry
  if (!parent || directory?.kind !== 'directory') return undefined
  return {
    id: parent.ino,
    directory,
    files: () => {
      const listing = archive.list(directory)
      if (!(listing instanceof Promise)) return listing.entries.filter((entry) => entry.kind === 'file')
      listing.catch(() => {}) // who needs it gets the failure; a later read finds it
      return undefined
    },
  }
}
