import { isNameableScan, itemPath, listPath, resourcePath, storedFilePath } from '../xnat/address.js'
import { readPath } from '../xnat/wire-path.js'
import type { DirectoryEntry, Entry, Facts } from './archive.js'
import { isTree, placeOf } from './layout.js'
import type { FilePlace, ItemPlace, TreePlace } from './layout.js'

/** What is known of an entry from the listings that it comes from, by XNAT's own names. Asks nobody. */
export function factsOf(entry: Entry): Facts {
  const place = placeOf(entry)
  if (entry.kind === 'symlink' || place.level === 'link') return {}
  if (place.level === 'control-file') return known({ uri: place.document?.path })
  if (place.level === 'prearchived-file' || place.level === 'cached-file') return known({ uri: place.url })
  if (place.level === 'zip') return known({ uri: place.url, digest: digestOf(entry) })
  if (place.level === 'file') {
    const { format, content } = place
    return known({ uri: fileUri(place), digest: digestOf(entry), format, content })
  }
  const { facts } = entry as DirectoryEntry
  if (isTree(place)) return known({ uri: treeUri(place), id: idOfTree(place), ...facts })
  if (place.level === 'control') return facts ?? {}
  return known({ uri: itemUri(place), id: idOfItem(place), ...facts })
}

function digestOf(entry: Entry): string | undefined {
  return entry.kind === 'file' ? entry.digest : undefined
}

/** Of the path that a GET finds the file under; some names no URL can carry (xnat-wire.md §3.6). */
function fileUri({ address, storedPath }: FilePlace): string | undefined {
  const path = readPath(storedPath)
  return path === undefined ? undefined : storedFilePath(address, path)
}

function treeUri({ level, parts, path }: TreePlace): string | undefined {
  const [part] = parts
  if (!part || level === 'merged' || level === 'merged-folder') return undefined
  if (path.length === 0) return resourcePath(part.address, 'get')
  const folder = readPath(path.join('/'))
  return folder === undefined ? undefined : storedFilePath(part.address, `${folder}/`)
}

function idOfTree({ level, parts }: TreePlace): string | undefined {
  return level === 'resource' ? parts[0]?.address.resource : undefined
}

/** Directories that stand for a list of REST. */
const lists: ReadonlySet<string> = new Set(['scans', 'reconstructions', 'assessors', 'resources'])
const kinds = ['scan', 'reconstruction', 'assessor', 'experiment', 'subject', 'project'] as const

function itemUri({ level, item }: ItemPlace): string | undefined {
  if (item.scan !== undefined && !isNameableScan(item.scan)) return undefined
  if (lists.has(level)) return listPath(item, level)
  if (level === 'side') return listPath(item, 'resources')
  return isItem(level) ? itemPath(item) : undefined
}

function idOfItem({ level, item }: ItemPlace): string | undefined {
  return isItem(level) ? item[level] : undefined
}

function isItem(level: string): level is (typeof kinds)[number] {
  return (kinds as readonly string[]).includes(level)
}

function known(facts: Readonly<Record<string, string | undefined>>): Facts {
  return Object.fromEntries(
    Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== ''),
  )
}
