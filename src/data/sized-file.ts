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
