import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenCatalog } from '../store/catalog-store.js'
import { relativePath, type CatalogEntry } from '../store/catalog.js'
import type { Resource } from '../store/model.js'

/** The file of an entry on disk, or its gzipped ghost (CatalogUtils.getFileOnLocalFileSystemOrig). */
export interface StoredFile {
  readonly path: string
  readonly size: number
  readonly modifiedMs: number
}

function regularFile(path: string): StoredFile | undefined {
  // Synchronous: a stat takes microseconds, and XNAT does one for every file of the resource.
  const info = statSync(path, { throwIfNoEntry: false })
  return info?.isFile() ? { path, size: info.size, modifiedMs: info.mtimeMs } : undefined
}

/** Where the file of an entry lies; never outside its resource. */
export function entryPath(opened: OpenCatalog, entry: CatalogEntry): string | undefined {
  const path = join(opened.directory, relativePath(entry))
  return path.startsWith(`${opened.directory}/`) ? path : undefined
}

export function storedFile(opened: OpenCatalog, entry: CatalogEntry): StoredFile | undefined {
  const path = entryPath(opened, entry)
  if (path === undefined) return undefined
  try {
    return regularFile(path) ?? (path.endsWith('.gz') ? undefined : regularFile(`${path}.gz`))
  } catch {
    // A name too long for the file system, or a file where a folder should be: not there.
    return undefined
  }
}

/** Files and bytes of a resource, from disk (populateStats). */
export function resourceStats(opened: OpenCatalog): { count: number; size: number } {
  let count = 0
  let size = 0
  for (const entry of opened.entries) {
    const file = storedFile(opened, entry)
    if (!file || file.path.endsWith('catalog.xml')) continue
    count++
    size += file.size
  }
  return { count, size }
}

export function applyStats(resource: Resource, opened: OpenCatalog): void {
  const { count, size } = resourceStats(opened)
  resource.fileCount = count
  resource.fileSize = size
}
