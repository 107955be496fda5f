import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { StoringFault } from '../faults/effects.js'
import { canEditIn } from '../store/access.js'
import { ConcurrentModification, type OpenCatalog } from '../store/catalog-store.js'
import { catalogUri, type ResourceParent } from '../store/layout.js'
import type { Project, Resource } from '../store/model.js'
import { CatalogEdit, withDigests, type CatalogEvent } from './catalog-edit.js'
import { resourcesOf } from './catalog-rows.js'
import { extractArchive, isArchiveName } from './extract.js'
import type { FilesRequest } from './files-request.js'
import { writeJson } from './json.js'
import { setAttributes } from './resource-list.js'
import { applyStats } from './resource-stats.js'
import { isCatalogable, targetPath } from './stored-paths.js'
import { uploadedFiles, type UploadedFile } from './upload-body.js'

/** PUT and POST of files: one code for both (FileList.handlePost). */
export async function storeFiles(request: FilesRequest): Promise<Answer> {
  const { context, selection } = request
  const parent = selection.parents()[0]
  const project = selection.securityProject
  if (selection.isRefused || !parent || !project) return EMPTY_OK
  // No right to edit: nothing happens, and the answer is an empty 200 without Content-Type (§5).
  if (!canEditIn(project, context.user)) return EMPTY_OK
  const uploads = await uploadedFiles(context)
  if (!uploads || uploads.length === 0) throw new StatusError(400, nothingRecognised(request))
  try {
    if (context.exchange.effects.storing?.kind === 'swallow') return stringAnswer('')
    const overwrite = context.query.isTrue('overwrite')
    const duplicates = await addFiles(request, parent, project, uploads, overwrite)
    if (overwrite || duplicates.length === 0) return stringAnswer('')
    const body = { kind: 'output' as const, text: writeJson({ duplicates }), mediaType: MEDIA.html }
    return { status: 200, body }
  } finally {
    for (const upload of uploads) await upload.discard()
  }
}

function nothingRecognised({ context }: FilesRequest): string {
  const { method, exchange } = context
  if (exchange.bodySize === 0) {
    return `You tried to ${method} to this service, but didn't provide any data (found request entity size of 0). Please check the format of your service request.`
  }
  return `You tried to ${method} a payload of ${exchange.bodySize} B to this service, but didn't provide any data. If you think you sent data to upload, you can try to ${method} with the query-string parameter inbody=true or use multipart/form-data encoding.`
}

/** Stores files that came in another way. @returns the paths of those that were there already */
export async function storeUploads(
  request: FilesRequest,
  uploads: readonly UploadedFile[],
  overwrite: boolean,
): Promise<{ duplicates: string[] }> {
  const { context, selection } = request
  const parent = selection.parents()[0]
  const project = selection.securityProject
  if (!parent || !project || !canEditIn(project, context.user)) throw new StatusError(403)
  return { duplicates: await addFiles(request, parent, project, uploads, overwrite) }
}

/** The resource meant, by the parent's own lists; sides of an assessor or reconstruction are not told apart. */
function existingResource(request: FilesRequest, parent: ResourceParent): Resource | undefined {
  const { resources, selection } = request
  const own = resourcesOfAllSides(parent)
  const named = resources[0]?.resource ?? selection.rows[0]?.resource
  if (named) return own.find((resource) => resource.id === named.id)
  const label = selection.names[0]
  return label === undefined ? undefined : own.find((resource) => resource.label === label)
}

function resourcesOfAllSides(parent: ResourceParent): Resource[] {
  if (parent.kind === 'assessor') {
    const { resources, inResources, outResources } = parent.assessor
    return [...resources, ...inResources, ...outResources]
  }
  if (parent.kind === 'reconstruction') {
    return [...parent.reconstruction.inResources, ...parent.reconstruction.outResources]
  }
  return resourcesOf(parent)
}

/** ResourceModifierA.addFile: finds or makes the resource, stores, and keeps the numbers; answers duplicates. */
async function addFiles(
  request: FilesRequest,
  parent: ResourceParent,
  project: Project,
  uploads: readonly UploadedFile[],
  overwrite: boolean,
): Promise<string[]> {
  const { context } = request
  const { database, catalogs, now } = context.services
  // Only "true" and "1" count here, unlike elsewhere.
  const updateStats = /^(?:true|1)$/i.test(context.query.get('update-stats') ?? 'true')
  const event: CatalogEvent = {
    login: context.user.login,
    nowMs: now(),
    eventId: updateStats ? database.nextNumber('event') : undefined,
  }
  let resource = existingResource(request, parent)
  const isNew = !resource
  if (resource) {
    setAttributes(context, resource)
  } else {
    const named = request.resources[0]?.resource.id
    const label = request.selection.names[0] ?? (named === undefined ? null : String(named))
    resource = database.newResource(label, catalogUri(parent, label, now()), context.user.login)
    setAttributes(context, resource)
    const id = label ?? basename(dirname(resource.uri))
    await catalogs.create(
      catalogs.path(resource),
      { id, isDicom: false, metaFields: [], entries: [], sets: [] },
      project.id,
    )
  }
  try {
    return await storeEntries(request, resource, project, uploads, overwrite, event)
  } finally {
    // Also after a failure: a resource that was new exists from now on, empty (finally in addFile).
    if (updateStats || isNew) applyStats(resource, await catalogs.open(resource, project.id))
    if (isNew) attach(parent, resource)
    resource.meta.lastModifiedMs = now()
    await database.commit()
  }
}

function attach(parent: ResourceParent, resource: Resource): void {
  // The first resource of a typed scan is raw data unless something else was said (DirectScanResourceImpl).
  if (parent.kind === 'scan' && parent.scan.resources.length === 0 && parent.scan.type !== null) {
    resource.content ??= 'RAW'
  }
  resourcesOf(parent).push(resource)
}

/** CatalogUtils.storeCatalogEntry: catalog read, files written, catalog written if nobody else did meanwhile. */
async function storeEntries(
  request: FilesRequest,
  resource: Resource,
  project: Project,
  uploads: readonly UploadedFile[],
  overwrite: boolean,
  event: CatalogEvent,
): Promise<string[]> {
  const { context, filePath } = request
  const { catalogs } = context.services
  const { storing } = context.exchange.effects
  const opened = await catalogs.open(resource, project.id)
  const edit = new CatalogEdit(opened.catalog, event, {
    format: context.query.get('format'),
    content: context.query.get('content'),
    description: context.query.get('description'),
    tags: context.query.all('tags').flatMap((tags) => tags.split(',')),
  })
  const duplicates: string[] = []
  for (const upload of uploads) {
    const name = baseName(upload.name)
    if (context.query.isTrue('extract') && isArchiveName(name)) {
      duplicates.push(...(await extractArchive(opened, edit, upload, name, overwrite)))
    } else {
      const path = (filePath === '' ? name : filePath.replace(/^\//, '')) + suffixOf(storing)
      if (!(await storeFile(opened, edit, upload, path, overwrite, storing))) duplicates.push(path)
    }
  }
  if (storing?.kind === 'catalog-conflict') throw new ConcurrentModification(opened.path)
  await catalogs.write(opened, await withDigests(opened, edit.result))
  return duplicates
}

function baseName(name: string): string {
  return name.replaceAll('\\', '/').replace(/\/+$/, '').split('/').at(-1)!
}

/** Stores one file; false if it is there already and must not be overwritten. */
async function storeFile(
  opened: OpenCatalog,
  edit: CatalogEdit,
  upload: UploadedFile,
  path: string,
  overwrite: boolean,
  fault: StoringFault | undefined,
): Promise<boolean> {
  const target = targetPath(opened, path)
  const existing = await stat(target).catch(() => undefined)
  if (existing?.isFile() && !isCatalogable(basename(target))) {
    throw new StatusError(500, `XNAT cannot catalog ${basename(target)}`)
  }
  if (existing && !overwrite) return false
  if (existing?.isDirectory()) throw new StatusError(500, `${target} (Is a directory)`)
  try {
    await mkdir(dirname(target), { recursive: true })
  } catch {
    throw new StatusError(500, `Failed to create required directory: ${dirname(target)}`)
  }
  let md5 = await upload.writeTo(target)
  if (fault?.kind === 'store-short') md5 = await shortened(target, fault.bytes)
  edit.put({ path, size: (await stat(target)).size, md5 })
  return true
}

function suffixOf(fault: StoringFault | undefined): string {
  return fault?.kind === 'store-as' ? fault.suffix : ''
}

/** Takes bytes off the end of a file; answers the MD5 of the rest. */
async function shortened(path: string, bytes: number): Promise<string> {
  const content = await readFile(path)
  const rest = content.subarray(0, Math.max(0, content.length - bytes))
  await writeFile(path, rest)
  return createHash('md5').update(rest).digest('hex')
}
