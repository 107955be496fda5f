import { basename, join } from 'node:path'
import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA, isArchiveType } from '../http/media.js'
import { CatalogError, type OpenCatalog } from '../store/catalog-store.js'
import { relativePath, type CatalogEntry } from '../store/catalog.js'
import { projectFolder } from '../store/layout.js'
import { defaultName, improvedName, sessionTokens, typedNames } from './archive-names.js'
import { archiveAnswer } from './archive-stream.js'
import type { CatalogRow, FoundResource } from './catalog-rows.js'
import {
  entriesByPattern,
  entryFilter,
  fileColumns,
  fileRows,
  findEntry,
  folderFilter,
  locatorOf,
} from './file-rows.js'
import { fileAnswer, fileIndex, filesTable } from './file-single.js'
import type { FilesRequest } from './files-request.js'
import { storedFile, type StoredFile } from './resource-stats.js'
import type { Cell } from './table.js'
import type { ArchiveMember } from './zip-writer.js'

interface OpenResource {
  readonly row: CatalogRow
  readonly opened: OpenCatalog
}

/** FileList.handleMultipleCatalogs: several resources at once, and everything that is zipped. */
export async function multipleCatalogs(
  request: FilesRequest,
  found: readonly FoundResource[],
  mediaType: string,
): Promise<Answer | undefined> {
  const all: OpenResource[] = []
  for (const resource of found)
    all.push({ row: asRow(resource), opened: await openCatalog(request, resource) })
  const index = fileIndex(request)
  if (request.filePath === '' && index === undefined) {
    return isArchiveType(mediaType) ? zipAll(request, all, mediaType) : listAll(request, all, mediaType)
  }
  const picked = index === undefined ? pickFiles(request, all) : [pickByIndex(request, all, index)]
  const files = picked.filter((item) => item !== undefined)
  const last = files.at(-1)
  if (!last) {
    if (request.acceptNotFound) return { status: 204 }
    throw new StatusError(404, 'Unable to find file.')
  }
  return deliver(request, files, last, mediaType)
}

function isCatalogRow(found: FoundResource): found is CatalogRow {
  return 'category' in found
}

function asRow(found: FoundResource): CatalogRow {
  return isCatalogRow(found) ? found : { ...found, category: '', catId: null, catDesc: null }
}

async function openCatalog(request: FilesRequest, { resource }: FoundResource): Promise<OpenCatalog> {
  try {
    return await request.context.services.catalogs.open(resource, request.selection.archiveProject!.id)
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error
    throw new StatusError(404, 'Unable to find file.')
  }
}

function listAll(request: FilesRequest, all: readonly OpenResource[], mediaType: string): Answer {
  const { context, selection } = request
  const locator = locatorOf(context)
  const projectRoot = join(context.services.archiveRoot, projectFolder(selection.archiveProject!.id))
  const rows: Cell[][] = all.flatMap(({ row, opened }) =>
    fileRows(
      context,
      { opened, resource: row.resource, uriBase: `${row.path}/files`, projectRoot, locator },
      entryFilter(context),
    ),
  )
  return filesTable(request, { columns: fileColumns(locator), rows }, mediaType)
}

interface PickedFile {
  /** Path below its resource. */
  readonly path: string
  readonly file: StoredFile
}

function stored(opened: OpenCatalog, entry: CatalogEntry): PickedFile | undefined {
  const file = storedFile(opened, entry)
  return file ? { path: relativePath(entry), file } : undefined
}

/** The files a path means in the first resource that has any: an entry, a folder, or a pattern. */
function pickFiles(request: FilesRequest, all: readonly OpenResource[]): (PickedFile | undefined)[] {
  const { context, filePath } = request
  for (const { opened } of all) {
    let entries: readonly CatalogEntry[] = [findEntry(opened, filePath)].filter(
      (entry) => entry !== undefined,
    )
    if (entries.length === 0 && filePath.endsWith('/')) {
      entries = opened.entries.filter(folderFilter(context, filePath, entryFilter(context)))
    }
    if (entries.length === 0 && filePath.endsWith('*')) entries = entriesByPattern(opened.catalog, filePath)
    const files = entries.map((entry) => stored(opened, entry)).filter((item) => item !== undefined)
    if (files.length > 0) return files
  }
  return []
}

function pickByIndex(
  request: FilesRequest,
  all: readonly OpenResource[],
  index: number,
): PickedFile | undefined {
  const filter = entryFilter(request.context)
  const candidates = all.flatMap(({ opened }) =>
    opened.entries.filter((entry) => filter?.(entry) ?? true).map((entry) => ({ opened, entry })),
  )
  const chosen = candidates[index]
  return chosen ? stored(chosen.opened, chosen.entry) : undefined
}

function deliver(
  request: FilesRequest,
  files: readonly PickedFile[],
  last: PickedFile,
  mediaType: string,
): Answer | undefined {
  const name = basename(last.file.path)
  const wraps = isArchiveType(mediaType) && !name.toLowerCase().endsWith(archiveSuffix(mediaType))
  if (files.length === 1) {
    if (!wraps) return fileAnswer(last.file)
    return archiveAnswer(request.context, mediaType, archiveName(request), [member(name, last.file)])
  }
  // Several files without an archive to put them in: the original returns nothing, which is a 404.
  if (!wraps) return undefined
  const members = files.map(({ path, file }) => member(path, file))
  return archiveAnswer(request.context, mediaType, archiveName(request), members)
}

function archiveSuffix(mediaType: string): string {
  if (mediaType === MEDIA.tarGz) return '.tar.gz'
  return mediaType === MEDIA.tar ? '.tar' : '.zip'
}

function archiveName(request: FilesRequest): string {
  return request.selection.archiveName ?? 'null'
}

function member(name: string, file: StoredFile): ArchiveMember {
  return { name, path: file.path, size: file.size, modifiedMs: file.modifiedMs }
}

function zipAll(request: FilesRequest, all: readonly OpenResource[], mediaType: string): Answer | undefined {
  const { context, selection } = request
  const structure = (context.query.get('structure') ?? 'default').toLowerCase()
  const tokens = sessionTokens(context, selection)
  const typed =
    structure === 'legacy' || structure === 'simplified' ? new Map<string, string>() : typedNames(selection)
  const filter = entryFilter(context)
  const members: ArchiveMember[] = []
  for (const { row, opened } of all) {
    for (const entry of opened.entries) {
      if (filter && !filter(entry)) continue
      const file = storedFile(opened, entry)
      if (!file) continue
      const uri = `${row.path}/files/${relativePath(entry)}`
      let name: string
      if (structure === 'improved') name = improvedName(uri, row, mediaType)
      else name = defaultName(structure === 'legacy' ? file.path : uri, tokens, typed, row)
      if (structure === 'simplified') name = name.replaceAll('/resources', '').replaceAll('/files', '')
      members.push(member(name, file))
    }
  }
  // No entries: 404, or 204 where the caller accepts that.
  if (members.length === 0) return request.acceptNotFound ? { status: 204 } : undefined
  return archiveAnswer(context, mediaType, archiveName(request), members)
}
