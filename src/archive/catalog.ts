import { createHash } from 'node:crypto'
import type { ResourceAddress } from '../xnat/address.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { XnatClient } from '../xnat/client.js'
import { exactPath, readPath, shownPath } from '../xnat/wire-path.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { DirectoryEntry, Entry, FileEntry } from './archive.js'
import type { Corrections } from './corrections.js'
import { DirectoryListing, filePlaceOf, placeOf, reservedNames } from './layout.js'
import type { Child, FilePlace, ResourcePart, TreePlace } from './layout.js'

/** A folder of a resource, by the names shown (before they are escaped for the file system). */
export interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: TreeFile[]
}

interface TreeFile extends StoredFile {
  readonly name: string
  readonly part: ResourcePart
  readonly isShadowed: boolean
  readonly listing: object
}

/**
 * All files of a resource. The catalog document comes first: it alone has times. It has no sizes where an import left
 * them out, and legacy resources have no catalog at all (xnat-wire.md §2.4, §2.5): then the table of files helps.
 */
export async function loadFiles(
  client: XnatClient,
  part: ResourcePart,
  signal: AbortSignal | undefined,
): Promise<StoredFile[]> {
  const listed = await catalogFiles(client, part.address, signal)
  if (listed && listed.every((file) => file.sizeBytes !== undefined)) return listed
  const rows = await client.files(part.address, signal)
  if (!listed) {
    const missing = rows.length === 0 ? await countNow(client, part, signal) : 0
    if (missing === 0) return rows
    const reason = `the catalog of resource ${part.address.resource} cannot be read on the server`
    throw new XnatError('bad-response', `${reason}: it should list ${missing} files`)
  }
  const sizes = new Map(rows.map((row) => [row.storedPath, row.sizeBytes]))
  return listed.map((file) => ({ ...file, sizeBytes: file.sizeBytes ?? sizes.get(file.storedPath) }))
}

/** How many files a resource has that had some when it was listed: they may have been deleted since. */
async function countNow(
  client: XnatClient,
  { address, fileCount = 0 }: ResourcePart,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (fileCount === 0) return 0
  const { resource, ...item } = address
  const now = (await client.resources(item, signal)).find(({ id }) => id === resource)
  return now?.fileCount ?? 0
}

async function catalogFiles(
  client: XnatClient,
  address: ResourceAddress,
  signal: AbortSignal | undefined,
): Promise<StoredFile[] | undefined> {
  try {
    return await client.catalog(address, signal)
  } catch (error) {
    if (error instanceof XnatError && isWithoutCatalog(error)) return undefined
    throw error
  }
}

/** There is none, or the server has another thing at its place: a page, or no such method. All have the table of files. */
function isWithoutCatalog({ code, status }: XnatError): boolean {
  return code === 'not-found' || code === 'bad-response' || status === 501
}

/** Sorts the files of one or more resources into folders. */
export function buildTree(parts: readonly (readonly [ResourcePart, readonly StoredFile[]])[]): Folder {
  const root: Folder = { folders: new Map(), files: [] }
  for (const [part, files] of parts) {
    const stored = new Set(files.map((file) => file.storedPath))
    const seen = new Set<string>()
    for (const file of files) {
      if (seen.has(file.storedPath)) continue // listed twice after a clash of writers; a GET finds the first
      seen.add(file.storedPath)
      const segments = shownPath(file.storedPath)
        .split('/')
        .filter((segment) => segment !== '')
      const name = segments.pop()
      if (name === undefined) continue
      let folder = root
      for (const segment of segments) folder = subfolder(folder, segment)
      folder.files.push({
        ...file,
        name,
        part,
        isShadowed: isShadowed(file.storedPath, stored),
        listing: files,
      })
    }
  }
  if (parts.length > 1) tellApart(root)
  return root
}

/** Where the server keeps a file, from the top of its resource. */
export function storedPathOf(file: FileEntry): string {
  return filePlaceOf(file).storedPath
}

function isShadowed(storedPath: string, others: ReadonlySet<string>): boolean {
  if (exactPath(storedPath) !== undefined) return false
  const path = readPath(storedPath)
  return path !== undefined && others.has(path)
}

function subfolder(parent: Folder, name: string): Folder {
  let folder = parent.folders.get(name)
  if (!folder) parent.folders.set(name, (folder = { folders: new Map(), files: [] }))
  return folder
}

/**
 * Of several resources' files in one folder, those that share a name are shown as `<item>-<name>`; where that does not
 * tell them apart, or all are of one item, by their resource too.
 */
function tellApart(folder: Folder): void {
  const byName = countOf(folder.files, ({ name }) => name)
  const byItem = countOf(folder.files, inItem)
  folder.files.forEach((file, index) => {
    if (byName.get(file.name) === 1) return
    const name = byItem.get(inItem(file)) === 1 ? inItem(file) : inResource(file)
    folder.files[index] = { ...file, name }
  })
  for (const child of folder.folders.values()) tellApart(child)
}

function inItem({ name, part }: TreeFile): string {
  return part.item === '' ? name : `${part.item}-${name}`
}

function inResource({ name, part }: TreeFile): string {
  const qualified = `${part.label}-${name}`
  return part.item === '' ? qualified : `${part.item}-${qualified}`
}

function countOf<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

export function folderAt(root: Folder, path: readonly string[]): Folder | undefined {
  let folder: Folder | undefined = root
  for (const name of path) folder = folder?.folders.get(name)
  return folder
}

/** What a directory of files holds. Where a file and a folder share a name, the folder keeps it. */
export function treeListing(
  directory: DirectoryEntry,
  folder: Folder,
  corrections: Corrections,
): DirectoryListing {
  const place = placeOf(directory) as TreePlace
  const folders = [...folder.folders.keys()].map((label): Child => ({
    label,
    id: 'folder',
    entry: (name) => folderEntry(directory, label, name),
  }))
  const files = inOrderOfRemoval(folder.files).map((file) => fileChild(directory, place, file, corrections))
  return new DirectoryListing(place.level, [folders, files])
}

/**
 * The listing with a file that was stored since. Undefined where that may change other names or their order, so that it
 * has to be built anew.
 * @param files of the resource, with that one
 */
export function withStoredFile(
  listing: DirectoryListing,
  directory: DirectoryEntry,
  stored: StoredFile,
  files: readonly StoredFile[],
  corrections: Corrections,
): DirectoryListing | undefined {
  const place = placeOf(directory) as TreePlace
  const [part, ...others] = place.parts
  const { storedPath } = stored
  const name = storedPath.slice(storedPath.lastIndexOf('/') + 1)
  const isPlain = isPlainName.test(name) && [...place.path, name].join('/') === storedPath
  if (!part || others.length > 0 || !isPlain || reservedNames[place.level].has(name)) return undefined
  const before = listing.get(name)
  if (before && !(before.kind === 'file' && storedPathOf(before) === storedPath)) return undefined
  const file = { ...stored, name, part, isShadowed: false, listing: files }
  const entry = fileChild(directory, place, file, corrections).entry(name)
  const entries = before
    ? listing.entries.map((other) => (other === before ? entry : other))
    : withEntry(listing.entries, entry)
  return entries && new DirectoryListing(place.level, [], entries)
}

/** In its place in the order of removal, if there is one. */
function withEntry(entries: readonly Entry[], entry: Entry): Entry[] | undefined {
  const first = entries.findIndex(({ kind, name }) => kind === 'file' && entry.name.startsWith(name))
  const index = first === -1 ? entries.length : first
  const isBefore = entries.every(({ name }, i) => i < index || !name.startsWith(entry.name))
  return isBefore ? entries.toSpliced(index, 0, entry) : undefined
}

/** Shown, stored and asked for as it is. */
const isPlainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/

/**
 * The server's order, unless a name is the beginning of another: XNAT cannot delete `scan1` before `scan10`
 * (xnat-wire.md §6), and `rm -r` deletes in the order of the listing.
 */
function inOrderOfRemoval(files: readonly TreeFile[]): readonly TreeFile[] {
  const descending = files.toSorted((a, b) => (a.storedPath < b.storedPath ? 1 : -1))
  const isSafe = descending.every(
    (file, i) => i === 0 || !descending[i - 1]!.storedPath.startsWith(file.storedPath),
  )
  return isSafe ? files : descending
}

/** @param label as the server means it, @param name as the file system shows it */
export function folderEntry(directory: DirectoryEntry, label: string, name: string): DirectoryEntry {
  const parent = placeOf(directory) as TreePlace
  const isMerged = parent.level === 'merged' || parent.level === 'merged-folder'
  const place: TreePlace = {
    ...parent,
    level: isMerged ? 'merged-folder' : 'folder',
    path: [...parent.path, label],
  }
  return { kind: 'directory', name, id: `folder:${label}`, mtimeMs: directory.mtimeMs, place }
}

function fileChild(
  directory: DirectoryEntry,
  place: TreePlace,
  file: TreeFile,
  corrections: Corrections,
): Child {
  const { part, storedPath, sizeBytes, digest } = file
  const key = fileKey(part.address.resource, file)
  const listedVersion = versionOf(file)
  const content = corrections.applied(key, listedVersion, { sizeBytes, digest })
  const filePlace: FilePlace = {
    level: 'file',
    address: part.address,
    storedPath,
    listedVersion,
    isShadowed: file.isShadowed,
    isProtected: place.isProtected,
    format: file.format,
    content: file.content,
    ...(place.isView && { isView: true }),
  }
  return {
    label: file.name,
    // Seldom needed: only where two siblings want one name.
    get id() {
      return createHash('md5').update(key).digest('hex').slice(0, 8)
    },
    entry: (name): FileEntry => ({
      kind: 'file',
      name,
      id: `file:${name}`,
      mtimeMs: file.modifiedMs ?? directory.mtimeMs,
      place: filePlace,
      key,
      sizeBytes: content.sizeBytes,
      version: content.version,
      digest: content.digest,
      listing: file.listing,
      isSeriesMember: part.isSeries,
    }),
  }
}

export function fileKey(resource: string, { storedPath }: StoredFile): string {
  return `${resource}/${storedPath}`
}

/** The bytes' digest names them best; without one, XNAT tells size and time only. */
export function versionOf(file: StoredFile): string {
  const size = file.sizeBytes ?? '?'
  return file.digest === undefined ? `${size}@${file.modifiedMs ?? '?'}` : `${size}#${file.digest}`
}
