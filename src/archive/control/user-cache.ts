import type { CachedFile } from '../../xnat/user-cache-client.js'
import type { DirectoryEntry, Entry, FileEntry } from '../archive.js'
import { versionOf } from '../catalog.js'
import { aliasEntry, directoryKey } from '../entries.js'
import { placeOf } from '../layout.js'
import { escapeName, nameSiblings, unescapeName } from '../names.js'
import { cachedFilesKey } from '../sources.js'
import type { Sources } from '../sources.js'
import { controlDirectoryEntry } from './control-entries.js'
import type { CacheKind, CachedFilePlace, ControlPlace } from './control-place.js'
import type { ControlRule } from './control-rule.js'

/** The folders of files that the user has at the server, on their way into the archive: REST's `user/cache/resources`. */
export const userCacheRules: Readonly<Record<CacheKind, ControlRule>> = {
  cache: {
    list: async (directory, _, sources) =>
      (await sources.cacheResources()).map((name) => cacheFolder(directory, name)),
    find: async (directory, _, name, sources) => {
      const label = unescapeName(name)
      if ((await sources.cacheResources()).includes(label)) return cacheFolder(directory, label)
      return name === 'resources' ? aliasEntry(name, '.') : undefined
    },
  },
  'cache-folder': {
    list: async (directory, place, sources) => [...(await entriesOf(directory, place, sources)).values()],
    find: async (directory, place, name, sources) => {
      const found = (await entriesOf(directory, place, sources)).get(name)
      return found ?? (name === 'files' && place.folders === undefined ? aliasEntry(name, '.') : undefined)
    },
  },
}

/** A folder of the user, or one in it. */
export function cacheFolder(directory: DirectoryEntry, label: string): DirectoryEntry {
  const parent = placeOf(directory) as ControlPlace
  const place: ControlPlace =
    parent.kind === 'cache'
      ? { ...parent, kind: 'cache-folder', subject: label }
      : { ...parent, folders: [...(parent.folders ?? []), label] }
  return controlDirectoryEntry(directory, escapeName(label), place)
}

/** Below the folder of the user, as it is meant. */
export function cachedPath({ folders = [] }: ControlPlace, label: string): string {
  return [...folders, label].join('/')
}

type Entries = ReadonlyMap<string, Entry>

/** What was made of a list, by directory: there are as many look-ups as names. */
const made = new WeakMap<readonly CachedFile[], Map<string, Entries>>()

async function entriesOf(directory: DirectoryEntry, place: ControlPlace, sources: Sources): Promise<Entries> {
  const listed = await sources.cachedFiles(place.subject!)
  const known = made.get(listed) ?? new Map<string, Entries>()
  made.set(listed, known)
  const key = directoryKey(directory)
  let entries = known.get(key)
  if (!entries) known.set(key, (entries = entriesAmong(listed, directory, place, sources)))
  return entries
}

function entriesAmong(
  listed: readonly CachedFile[],
  directory: DirectoryEntry,
  place: ControlPlace,
  sources: Sources,
): Entries {
  const top = (place.folders ?? []).map((name) => `${name}/`).join('')
  const below = listed.filter(({ path }) => path.startsWith(top))
  const folders = new Set<string>()
  const files: CachedFile[] = []
  for (const file of below) {
    const [name, ...rest] = file.path.slice(top.length).split('/')
    if (name === '') continue
    if (rest.length > 0) folders.add(name!)
    else files.push(file)
  }
  // Where a file and a folder share a name, the folder keeps it; `files` is in REST's path of every file.
  const taken = new Set([...folders, ...(top === '' ? ['files'] : [])])
  const named = files.map((file) => ({ label: file.path.slice(top.length), id: file.path }))
  const entries = new Map<string, Entry>()
  for (const name of folders) {
    const entry = cacheFolder(directory, name)
    entries.set(entry.name, entry)
  }
  nameSiblings(named, taken).forEach((name, i) => {
    entries.set(name, fileEntry(directory, name, files[i]!, { listed, sources, resource: place.subject! }))
  })
  return entries
}

interface Listed {
  readonly listed: readonly CachedFile[]
  readonly resource: string
  readonly sources: Sources
}

function fileEntry(
  directory: DirectoryEntry,
  name: string,
  { path, url, sizeBytes }: CachedFile,
  { listed, resource, sources }: Listed,
): FileEntry {
  const key = cachedFileKey(resource, path)
  const listedVersion = cachedVersion(path, sizeBytes)
  const content = sources.corrections.applied(key, listedVersion, { sizeBytes, digest: undefined })
  const place: CachedFilePlace = {
    level: 'cached-file',
    resource,
    storedPath: path,
    url,
    listedVersion,
    listingKey: cachedFilesKey(resource),
  }
  return {
    kind: 'file',
    name,
    id: `file:${name}`,
    mtimeMs: directory.mtimeMs,
    place,
    key,
    ...content,
    listing: listed,
    isSeriesMember: false,
  }
}

export function cachedFileKey(resource: string, path: string): string {
  return `cached ${JSON.stringify([resource, path])}`
}

export function cachedVersion(storedPath: string, sizeBytes: number | undefined): string {
  return versionOf({ storedPath, sizeBytes, digest: undefined, modifiedMs: undefined })
}
