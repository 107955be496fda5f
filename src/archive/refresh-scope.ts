import type { DirectoryEntry } from './archive.js'
import { isTree, placeOf } from './layout.js'
import type { ItemPlace, TreePlace } from './layout.js'
import type { Source } from './listing-cache.js'

/** A directory that was put together from listings. */
interface Known {
  readonly directory: DirectoryEntry
  readonly sources: readonly Source[]
}

/**
 * Matches the listings that tell of a directory and of everything below it. Of a listing of which nobody knows what it
 * was asked for, it is better believed that it is one of them: that costs a request, the other way would hide a change.
 */
export function listingsWithin(directory: DirectoryEntry, known: Iterable<Known>): (key: string) => boolean {
  const inside = new Set<string>()
  const elsewhere = new Set<string>()
  for (const { directory: other, sources } of known) {
    const keys = isWithin(other, directory) ? inside : elsewhere
    for (const { key } of sources) keys.add(key)
  }
  return (key) => inside.has(key) || !elsewhere.has(key)
}

/** Where a place does not tell it exactly, what is near is within. */
function isWithin(directory: DirectoryEntry, above: DirectoryEntry): boolean {
  const place = placeOf(directory) as ItemPlace | TreePlace
  const from = placeOf(above) as ItemPlace | TreePlace
  if (isTree(from)) {
    const resources = new Set(from.parts.map(({ address }) => address.resource))
    return isTree(place) && place.parts.some(({ address }) => resources.has(address.resource))
  }
  const items = isTree(place) ? place.parts.map(({ address }) => address) : [place.item]
  const { project, subject, scan } = from.item
  return items.some(
    (item) =>
      (project === undefined || item.project === project) &&
      (subject === undefined || item.subject === subject) &&
      // Not the experiment: the resources of an assessor have the assessor in its place.
      (scan === undefined || item.scan === scan),
  )
}
