import { createHash } from 'node:crypto'
import { packedResourcesPath } from '../xnat/packed-paths.js'
import type { DirectoryEntry, Entry, FileEntry, Place } from './archive.js'
import { versionOf } from './catalog.js'
import { isTree, placeOf } from './layout.js'
import type { ResourcePart } from './layout.js'
import type { Sources } from './sources.js'

/** `<RESOURCE>.zip` beside a resource, or beside the view of several: what the server packs of it. */
export interface ZipPlace extends Place {
  readonly level: 'zip'
  readonly url: string
  /** Of the files in it, as they are listed. */
  readonly listedVersion: string
  readonly fileSizes?: readonly (number | undefined)[]
  /** It cannot be changed. */
  readonly isView: true
}

export function isZip({ place }: Entry): boolean {
  return place.level === 'zip'
}

const ending = '.zip'
/** The name of the directory of which this would be the zip. */
export function packedName(name: string): string | undefined {
  return name.length > ending.length && name.endsWith(ending) ? name.slice(0, -ending.length) : undefined
}

/** Its size is known once it is here. Undefined where there is nothing to pack. */
export async function zipEntry(
  name: string,
  directory: DirectoryEntry,
  sources: Sources,
): Promise<FileEntry | undefined> {
  const tree = placeOf(directory)
  if (!sources.zips || !isTree(tree)) return undefined
  const url = packedResourcesPath(tree.parts.map(({ address }) => address))
  if (url === undefined) return undefined
  return packedFiles(name, { url, parts: tree.parts, mtimeMs: directory.mtimeMs }, sources)
}

export interface Packing {
  readonly url: string
  readonly parts: readonly ResourcePart[]
  readonly mtimeMs: number
  /** The server adds one that nobody lists. */
  readonly hasIndex?: boolean
}

/** A zip that the server packs of all files of some resources; undefined where there are none. */
export async function packedFiles(
  name: string,
  { url, parts, mtimeMs, hasIndex = false }: Packing,
  sources: Sources,
): Promise<FileEntry | undefined> {
  const listings = await Promise.all(parts.map((part) => sources.files(part)))
  const files = listings.flatMap((listed, i) =>
    listed.map(
      (file) => [`${parts[i]!.address.resource}/${file.storedPath} ${versionOf(file)}`, file] as const,
    ),
  )
  if (files.length === 0) return undefined
  // Without digests the same listing may be of other bytes, unless it is the very same.
  const isTold = files.every(([, { digest }]) => digest !== undefined)
  const versions = [url, files.map(([version]) => version).toSorted(), isTold ? [] : listings.map(serialOf)]
  const fileSizes = [...files.map(([, { sizeBytes }]) => sizeBytes), ...(hasIndex ? [undefined] : [])]
  const times = files.map(([, { modifiedMs }]) => modifiedMs ?? 0)
  return packed(name, { url, versions, fileSizes, mtimeMs: Math.max(mtimeMs, ...newest(times)) }, sources)
}

interface Packed {
  readonly url: string
  /** Of all that is in it, as far as that can be told. */
  readonly versions: readonly unknown[]
  /** Undefined where nobody lists all that is in it. */
  readonly fileSizes?: readonly (number | undefined)[]
  readonly mtimeMs: number
}

export function packed(
  name: string,
  { url, versions, fileSizes, mtimeMs }: Packed,
  { zips }: Sources,
): FileEntry | undefined {
  if (!zips) return undefined
  const listedVersion = createHash('md5').update(JSON.stringify(versions)).digest('hex')
  const known = zips.known(listedVersion)
  const place: ZipPlace = { level: 'zip', url, listedVersion, ...(fileSizes && { fileSizes }), isView: true }
  return {
    kind: 'file',
    isMade: true,
    name,
    id: `zip:${name}`,
    mtimeMs,
    place,
    key: `zip ${url}`,
    sizeBytes: known?.sizeBytes,
    version: known?.version ?? listedVersion,
    digest: known?.digest,
    isSeriesMember: false,
  }
}

const serials = new WeakMap<object, number>()
let lastSerial = 0

function serialOf(listing: object): number {
  let serial = serials.get(listing)
  if (serial === undefined) serials.set(listing, (serial = ++lastSerial))
  return serial
}

function newest(times: readonly number[]): number[] {
  return [times.reduce((a, b) => Math.max(a, b), 0)]
}
