import type { FileEntry } from '../archive/archive.js'
import type { ListedVersion } from '../cache/block-cache.js'

export type SizedFile = FileEntry & { readonly sizeBytes: number }

export function isSized(file: FileEntry): file is SizedFile {
  return file.sizeBytes !== undefined
}

/** Names one version of one file. */
export function keyOf(file: FileEntry): string {
  return `${file.key} ${file.version}`
}

/** The same, for a cache. */
export function listedVersion({ key, version, sizeBytes, digest }: SizedFile): ListedVersion {
  return { file: key, version, sizeBytes, digest }
}

/**
 * The answer version of bytes that came together with others of their directory: no answer tells it, and their digest
 * is that of the listing.
 */
export const provedVersion = 'proved'

/** A small file is fetched in one piece at its first touch, wherever that is: tools look at the tail first and read
 *  all of it in the end. */
const smallFileBytes = 1024 * 1024
/** A member of a series is certain to be read whole. */
const seriesFileBytes = 8 * 1024 * 1024

export function isSmall(file: SizedFile): boolean {
  return file.sizeBytes <= wholeFileBytesOf(file)
}

export function wholeFileBytesOf(file: SizedFile): number {
  return file.isSeriesMember ? seriesFileBytes : smallFileBytes
}
