import type { ItemAddress } from '../xnat/address.js'
import type { DirectoryEntry, Facts, Place, SymlinkEntry } from './archive.js'
import { levels, placeOf } from './layout.js'
import type { ItemPlace, Level, LinkPlace, TreePlace } from './layout.js'

/** Listed where there is something in them; they resolve in any case. */
export function shown(
  directory: DirectoryEntry,
  present: Partial<Record<string, boolean>>,
): DirectoryEntry[] {
  const { fixed } = levels[placeOf(directory).level as Level]
  return Object.keys(fixed)
    .filter((name) => present[name])
    .map((name) => fixedEntry(directory, name))
}

/** The directory of this fixed name (`scans`, `in` …) within another. */
export function fixedEntry(directory: DirectoryEntry, name: string): DirectoryEntry {
  const parent = placeOf(directory) as ItemPlace
  const level = levels[parent.level].fixed[name] as ItemPlace['level']
  const item = itemOf(parent, level, name)
  const isOwn = parent.level === 'assessor' && level === 'resources'
  const place: ItemPlace = { ...parent, level, item, ...(isOwn && { assessor: parent.item }) }
  return directoryEntry(name, name, directory.mtimeMs, place)
}

function itemOf(parent: ItemPlace, level: Level, name: string): ItemAddress {
  const { assessor, ...session } = parent.item
  if (level === 'side' || level === 'side-selection') return { ...parent.item, side: name as 'in' | 'out' }
  // An assessor is an experiment too, and has resources of its own as such beside those of its two sides.
  if (parent.level === 'assessor') return { ...session, experiment: assessor! }
  return parent.item
}

export function directoryEntry(
  name: string,
  id: string,
  mtimeMs: number,
  place: ItemPlace | TreePlace,
  facts?: Facts,
): DirectoryEntry {
  return { kind: 'directory', name, id, mtimeMs, place, facts }
}

/** A link whose target is found out when somebody follows it. */
export function linkEntry(name: string, to: ItemAddress): SymlinkEntry {
  const place: LinkPlace = { level: 'link', item: to }
  return { kind: 'symlink', name, id: `link:${name}`, mtimeMs: 0, place, target: undefined }
}

/** Another spelling of a name in the same directory. */
export function aliasEntry(name: string, target: string): SymlinkEntry {
  const place: LinkPlace = { level: 'link', item: {} }
  return { kind: 'symlink', name, id: `alias:${name}`, mtimeMs: 0, place, target }
}

const keys = new WeakMap<Place, string>()

/** Equal for equal places, whichever listing the entry came from. */
export function directoryKey({ place }: DirectoryEntry): string {
  let key = keys.get(place)
  if (key === undefined) keys.set(place, (key = JSON.stringify(place)))
  return key
}
