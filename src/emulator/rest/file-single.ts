import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA, fileMediaType } from '../http/media.js'
import { CatalogError, type OpenCatalog } from '../store/catalog-store.js'
import { projectFolder } from '../store/layout.js'
import { contentDisposition } from './archive-stream.js'
import type { FoundResource } from './catalog-rows.js'
import { entryFilter, fileColumns, fileRows, findEntry, folderFilter, locatorOf } from './file-rows.js'
import { fileNotFound, type FilesRequest } from './files-request.js'
import { baseUri } from './resource-selection.js'
import { storedFile, type StoredFile } from './resource-stats.js'
import { tableAnswer, type Table } from './table.js'
import { xcatAnswer } from './xcat.js'
import { NotAZip, extractMember, listMembers } from './zip-reader.js'

/** Extensions whose files are looked into (SiteConfigPreferences.zipExtensions, §2.4). */
const ZIP_EXTENSIONS = ['zip', 'jar', 'rar', 'ear', 'gar', 'mrb']

/** FileList.handleSingleCatalog: a listing of, or a file from, one resource. */
export async function singleCatalog(
  request: FilesRequest,
  found: FoundResource,
  mediaType: string,
): Promise<Answer> {
  const { context, selection } = request
  const project = selection.archiveProject!
  let opened: OpenCatalog
  try {
    opened = await context.services.catalogs.open(found.resource, project.id)
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error
    return fileNotFound(request)
  }
  const list = (folder?: string): Answer => {
    const filter = entryFilter(context)
    const locator = locatorOf(context)
    const source = {
      opened,
      resource: found.resource,
      uriBase: `${baseUri(selection)}/resources/${found.resource.id}/files`,
      projectRoot: join(context.services.archiveRoot, projectFolder(project.id)),
      locator,
    }
    const rows = fileRows(
      context,
      source,
      folder === undefined ? filter : folderFilter(context, folder, filter),
    )
    return filesTable(request, { columns: fileColumns(locator), rows }, mediaType)
  }
  const index = fileIndex(request)
  if (request.filePath === '' && index === undefined) return list()
  return oneFile(request, opened, mediaType, index, list)
}

/** `?index=N`; a text that is no number is an exception. */
export function fileIndex(request: FilesRequest): number | undefined {
  const value = request.context.query.get('index')
  if (value === undefined) return undefined
  if (!/^[+-]?\d+$/.test(value)) throw new StatusError(500, `For input string: "${value}"`)
  return Number(value)
}

/** A files table with the properties such tables have. */
export function filesTable(request: FilesRequest, table: Table, mediaType: string): Answer {
  if (mediaType === MEDIA.xcat) return xcatAnswer(request, table)
  const { context } = request
  return tableAnswer(
    context,
    table,
    mediaType,
    { title: 'Files', totalRecords: table.rows.length },
    { URI: { serverRoot: context.exchange.contextPath } },
  )
}

async function oneFile(
  request: FilesRequest,
  opened: OpenCatalog,
  mediaType: string,
  index: number | undefined,
  list: (folder: string) => Answer,
): Promise<Answer> {
  const { path, member } = splitZipPath(request.filePath)
  const filter = entryFilter(request.context)
  const entry =
    index === undefined
      ? findEntry(opened, path)
      : opened.entries.filter((candidate) => filter?.(candidate) ?? true)[index]
  if (!entry) return path.endsWith('/') ? list(path) : fileNotFound(request)
  const file = storedFile(opened, entry)
  if (!file) return fileNotFound(request)
  if (mediaType === MEDIA.jpeg && (await isDicomFile(file))) {
    throw new StatusError(400, 'Unable to convert this file to jpeg : no suitable image reader')
  }
  if (member !== undefined) return zipMember(request, file, member)
  if (request.context.query.isTrue('listContents') && ZIP_EXTENSIONS.some((e) => file.path.includes(e))) {
    return zipListing(request, file, mediaType)
  }
  return fileAnswer(file)
}

/**
 * `x.zip!/member` and `x.zip/member` mean a member of the archive, so a folder called `foo.zip` cannot be read at
 * all (§2.4).
 */
export function splitZipPath(path: string): { path: string; member?: string } {
  for (const extension of ZIP_EXTENSIONS) {
    const lower = path.toLowerCase()
    const bang = lower.includes(`.${extension}!`)
    if (!bang && !lower.includes(`.${extension}/`)) continue
    const separator = `.${extension}${bang ? '!' : '/'}`
    // Found without regard to case, but split at the lower-case spelling, as in the original.
    const at = path.indexOf(separator)
    if (at < 0) return { path: `${path}.${extension}` }
    return { path: `${path.slice(0, at)}.${extension}`, member: path.slice(at + separator.length) }
  }
  return { path }
}

export function fileAnswer(file: StoredFile): Answer {
  const name = file.path.slice(file.path.lastIndexOf('/') + 1)
  return {
    status: 200,
    headers: { 'Cache-Control': 'must-revalidate', 'Content-Disposition': contentDisposition(name) },
    body: {
      kind: 'file',
      path: file.path,
      size: file.size,
      modifiedMs: file.modifiedMs,
      mediaType: fileMediaType(name),
    },
  }
}

async function zipMember(request: FilesRequest, file: StoredFile, member: string): Promise<Answer> {
  // "!/member" and "!member" both occur; java.util.zip knows members without a leading slash only.
  const name = decodeURIComponentSafely(member.replace(/^\//, ''))
  try {
    const write = await extractMember(file.path, name)
    if (!write) return fileNotFound(request)
    return { status: 200, body: { kind: 'stream', mediaType: fileMediaType(name.toLowerCase()), write } }
  } catch (error) {
    if (!(error instanceof NotAZip)) throw error
    return { status: 415, tomcatError: true }
  }
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '))
  } catch {
    return text
  }
}

async function zipListing(request: FilesRequest, file: StoredFile, mediaType: string): Promise<Answer> {
  try {
    const members = await listMembers(file.path)
    const rows = members.map(({ name, size }) => [name, size])
    return filesTable(request, { columns: ['File Name', 'Size'], rows }, mediaType)
  } catch (error) {
    if (!(error instanceof NotAZip)) throw error
    return { status: 415, tomcatError: true }
  }
}

async function isDicomFile(file: StoredFile): Promise<boolean> {
  const handle = await open(file.path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(132), 0, 132, 0)
    return bytesRead === 132 && buffer.toString('latin1', 128) === 'DICM'
  } finally {
    await handle.close()
  }
}
