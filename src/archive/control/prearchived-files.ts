import { prearchivedFilesPath } from '../../xnat/prearchive-client.js'
import type { PrearchivedFile, PrearchivedResourceAddress } from '../../xnat/prearchive-client.js'
import { prearchivedReadPath } from '../../xnat/wire-path.js'
import type { DirectoryEntry, Entry, FileEntry } from '../archive.js'
import { versionOf } from '../catalog.js'
import type { Corrections } from '../corrections.js'
import type { Child } from '../layout.js'
import { nameSiblings } from '../names.js'
import { prearchivedFilesKey } from '../sources.js'
import type { Sources } from '../sources.js'
import { controlDirectoryEntry } from './control-entries.js'
import type { ControlPlace, PrearchivedFilePlace } from './control-place.js'

interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: PrearchivedFile[]
  /** Made when it is first asked for: there are as many look-ups as files. */
  entries?: ReadonlyMap<string, Entry>
}

interface Tree {
  readonly root: Folder
  readonly paths: ReadonlySet<string>
}

const trees = new WeakMap<readonly PrearchivedFile[], Tree>()

/** What a folder of a prearchived resource holds, by its names; undefined when it is no longer there. */
export async function prearchivedEntries(
  directory: DirectoryEntry,
  place: ControlPlace,
  sources: Sources,
): Promise<ReadonlyMap<string, Entry> | undefined> {
  const { folders = [], ...address } = place.prearchived!
  const resource = address as PrearchivedResourceAddress
  const files = await sources.prearchivedFiles(resource)
  let tree = trees.get(files)
  if (!tree) trees.set(files, (tree = treeOf(files)))
  const { paths } = tree
  let folder: Folder | undefined = tree.root
  for (const name of folders) folder = folder?.folders.get(name)
  if (!folder) return undefined
  const { project, timestamp, name: session, scan, resource: label } = resource
  return (folder.entries ??= entriesOf(directory, place, folder, {
    resource,
    // Neither is a thing for each of the files: there may be many.
    base: prearchivedFilesPath(resource),
    keyBase: `prearchive ${JSON.stringify([project, timestamp, session, scan, label])} `,
    files,
    paths,
    corrections: sources.corrections,
  }))
}

function treeOf(files: readonly PrearchivedFile[]): Tree {
  const root: Folder = { folders: new Map(), files: [] }
  const paths = new Set<string>()
  for (const file of files) {
    if (paths.has(file.storedPath)) continue // a GET finds the first
    paths.add(file.storedPath)
    let folder = root
    const names = namesOf(file)
    for (const name of names.slice(0, -1)) {
      const known = folder.folders.get(name)
      const next = known ?? { folders: new Map<string, Folder>(), files: [] }
      if (!known) folder.folders.set(name, next)
      folder = next
    }
    if (names.length > 0) folder.files.push(file)
  }
  return { root, paths }
}

function namesOf({ storedPath }: PrearchivedFile): string[] {
  return storedPath.split('/').filter((name) => name !== '')
}

interface Listed {
  readonly resource: PrearchivedResourceAddress
  /** What the URL paths of its files begin with. */
  readonly base: string
  /** What their keys begin with. */
  readonly keyBase: string
  readonly files: readonly PrearchivedFile[]
  readonly paths: ReadonlySet<string>
  readonly corrections: Corrections
}

function entriesOf(
  directory: DirectoryEntry,
  place: ControlPlace,
  folder: Folder,
  listed: Listed,
): ReadonlyMap<string, Entry> {
  const path = place.prearchived!.folders!
  const folders = [...folder.folders.keys()].map((label): Child => {
    const below = { ...place, prearchived: { ...place.prearchived, folders: [...path, label] } }
    return { label, id: 'folder', entry: (name) => controlDirectoryEntry(directory, name, below) }
  })
  const files = folder.files.map((file) => fileChild(directory, file, listed))
  // Where a file and a folder share a name, the folder keeps it; `files` is in REST's path of every file.
  const taken = new Set(path.length === 0 ? ['files'] : [])
  const entries = new Map<string, Entry>()
  for (const children of [folders, files]) {
    nameSiblings(children, taken).forEach((name, i) => {
      taken.add(name)
      entries.set(name, children[i]!.entry(name))
    })
  }
  return entries
}

function fileChild(directory: DirectoryEntry, file: PrearchivedFile, listed: Listed): Child {
  const { storedPath, sizeBytes } = file
  const key = listed.keyBase + storedPath
  const listedVersion = versionOf({ ...file, digest: undefined, modifiedMs: undefined })
  const content = listed.corrections.applied(key, listedVersion, { sizeBytes, digest: undefined })
  const place: PrearchivedFilePlace = {
    level: 'prearchived-file',
    storedPath,
    url: urlOf(storedPath, listed),
    listedVersion,
    listingKey: prearchivedFilesKey(listed.resource),
  }
  return {
    label: namesOf(file).at(-1)!,
    id: storedPath,
    entry: (name): FileEntry => ({
      kind: 'file',
      name,
      id: `file:${name}`,
      mtimeMs: directory.mtimeMs,
      place,
      key,
      ...content,
      listing: listed.files,
      isSeriesMember: listed.resource.resource === 'DICOM',
    }),
  }
}

/** A server looks for the path as it was sent first: a file that is stored under the very escapes hides another. */
function urlOf(storedPath: string, { base, paths }: Listed): string | undefined {
  const path = prearchivedReadPath(storedPath)
  if (path === undefined || (path !== storedPath && paths.has(path))) return undefined
  return `${base}/${path}`
}
