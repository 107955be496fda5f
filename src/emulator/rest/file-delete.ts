import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { canDeleteIn } from '../store/access.js'
import type { OpenCatalog } from '../store/catalog-store.js'
import { catalogedSize, relativePath, type Catalog, type CatalogEntry } from '../store/catalog.js'
import type { FilesRequest } from './files-request.js'
import { entryPath } from './resource-stats.js'

/** Whether DELETE of `path` takes this entry: by PREFIX, or by a pattern with a star at its end (§6). */
export function isWithinPath(entry: CatalogEntry, path: string): boolean {
  const key = relativePath(entry)
  if (key.startsWith(path)) return true
  if (!path.endsWith('*')) return false
  try {
    return new RegExp(`^(?:${path.slice(0, -1)}.*)$`).test(key)
  } catch {
    return false
  }
}

export async function deleteFiles(request: FilesRequest): Promise<Answer> {
  const { context, selection, filePath } = request
  const { database, catalogs, now } = context.services
  const found = request.resources[0]
  const project = selection.securityProject
  if (!found || !project || selection.isRefused) {
    throw new StatusError(400, 'Unable to determine resource, parent, or security.')
  }
  if (!canDeleteIn(project, context.user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  if (selection.isFrozen) throw new StatusError(403)
  const { resource } = found
  const opened = await catalogs.open(resource, selection.archiveProject?.id ?? project.id)
  const doomed = opened.entries.filter((entry) => isWithinPath(entry, filePath))
  if (doomed.length === 0) {
    if (request.acceptNotFound) return { status: 204 }
    throw new StatusError(404, 'No matched files')
  }
  const gone = new Set(doomed)
  await catalogs.write(opened, without(opened.catalog, gone))
  const removed = doomed.reduce((sum, entry) => sum + Number(catalogedSize(entry) ?? 0), 0)
  resource.fileSize = (resource.fileSize ?? 0) - removed
  resource.fileCount = (resource.fileCount ?? 0) - doomed.length
  resource.meta.lastModifiedMs = now()
  await database.commit()
  if (!context.query.isFalse('removeFiles')) await removeStored(opened, doomed)
  return EMPTY_OK
}

function without(catalog: Catalog, gone: ReadonlySet<CatalogEntry>): Catalog {
  return {
    ...catalog,
    entries: catalog.entries.filter((entry) => !gone.has(entry)),
    sets: catalog.sets.map((set) => without(set, gone)),
  }
}

/** Removes files, and each folder that has become empty; the resource's own folder stays, it has the catalog. */
async function removeStored(opened: OpenCatalog, entries: readonly CatalogEntry[]): Promise<void> {
  for (const entry of entries) {
    const path = entryPath(opened, entry)
    if (path === undefined) continue
    await rm(path, { force: true }).catch(() => undefined)
    let folder = dirname(path)
    while (folder.startsWith(`${opened.directory}/`) && (await isEmpty(folder))) {
      await rmdir(folder).catch(() => undefined)
      folder = dirname(folder)
    }
  }
}

async function isEmpty(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => ['?'])).length === 0
}
