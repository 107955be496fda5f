import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { MEDIA, isArchiveType } from '../http/media.js'
import { archiveAnswer } from './archive-stream.js'
import { fileAnswer } from './file-single.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import { uploadedFiles, writeStream, type UploadedFile } from './upload-body.js'

/**
 * `/user/cache/resources[/{X}[/files[/{F…}]]]`: a folder of files of each user, on their way into the archive
 * (xnat-wire.md §11.3). Nothing of these URLs is decoded: `a b` is kept as `a%20b`.
 */
export function userCache(context: RestContext): RestResource {
  const place = placeOf(context)
  return {
    variants: [MEDIA.html],
    get: (mediaType) => represent(context, place, mediaType),
    put: () => put(context, place),
    post: () => post(context, place),
    delete: () => remove(place),
  }
}

interface CachePlace {
  /** Of the user. */
  readonly top: string
  readonly resource: string | undefined
  /** Below the resource. */
  readonly file: string | undefined
}

function placeOf(context: RestContext): CachePlace {
  const { services, user } = context
  const first = context.variable('FILE')
  const rest = context.remaining === '' ? '' : `/${context.remaining}`
  const resource = context.variable('XNAME')
  const file = first === undefined ? undefined : `${first}${rest}`
  const top = join(services.cacheRoot, 'USERS', String(user.id))
  for (const part of [resource ?? '', ...(file ?? '').split('/')])
    if (part === '..' || part === '.') throw new StatusError(400)
  return { top, resource, file }
}

function folderOf({ top, resource }: CachePlace): string {
  return join(top, resource!)
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}

function represent(context: RestContext, place: CachePlace, mediaType: string): Answer {
  const { top, resource, file } = place
  const base = `/data${decodeURI(context.exchange.path.replace(/^\/(?:data|REST)/, '').replace(/\/$/, ''))}`
  const table = (columns: readonly string[], rows: Cell[][]): Answer =>
    tableAnswer(
      context,
      { columns, rows },
      mediaType,
      { totalRecords: rows.length },
      { URI: { serverRoot: '' } },
    )
  if (resource === undefined) {
    const names = existsSync(top) ? readdirSync(top) : []
    return table(
      ['Resource', 'URI'],
      names.map((name) => [name, `${base}/${name}`]),
    )
  }
  const folder = folderOf(place)
  const notFound = new StatusError(404, 'User directory not found or is not a directory.')
  if (file !== undefined && !isArchiveType(context.requestedFormat)) {
    const path = join(folder, file)
    if (!existsSync(path) || !statSync(path).isFile()) throw notFound
    const { size, mtimeMs } = statSync(path)
    return fileAnswer({ path, size, modifiedMs: mtimeMs })
  }
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw notFound
  const files = filesBelow(folder)
  if (isArchiveType(mediaType)) {
    const members = files.map((path) => {
      const { size, mtimeMs } = statSync(path)
      return { name: relative(folder, path), path, size, modifiedMs: mtimeMs }
    })
    return archiveAnswer(context, mediaType, resource, members)
  }
  const list = base.endsWith('/files') ? base : `${base}/files`
  const rows = files.map((path): Cell[] => {
    const name = relative(folder, path)
    return [name, statSync(path).size, `${list}/${name}`]
  })
  return table(['Name', 'Size', 'URI'], rows)
}

async function put(context: RestContext, place: CachePlace): Promise<Answer> {
  const { resource, file } = place
  if (resource === undefined) throw new StatusError(400, 'Invalid Operation.')
  if (file !== undefined) return upload(context, place, file)
  const folder = join(folderOf(place), context.remaining)
  if (existsSync(folder)) throw new StatusError(412, 'Resource with this name already exists.')
  await mkdir(folder, { recursive: true })
  return EMPTY_OK
}

/** A body goes straight into the file, with the folders that it needs; of a form the folders have to be there. */
async function upload(context: RestContext, place: CachePlace, file: string): Promise<Answer> {
  const folder = folderOf(place)
  await mkdir(folder, { recursive: true })
  const path = join(folder, file)
  if (context.query.isTrue('inbody')) {
    await mkdir(dirname(path), { recursive: true })
    await writeStream(path, context.exchange.body())
    return EMPTY_OK
  }
  for (const each of await formFiles(context)) await store(each, path)
  return EMPTY_OK
}

async function formFiles(context: RestContext): Promise<UploadedFile[]> {
  if (context.exchange.bodyType !== MEDIA.multipart)
    throw new StatusError(500, "the request doesn't contain a multipart/form-data or multipart/mixed stream")
  return (await uploadedFiles(context)) ?? []
}

async function store(file: UploadedFile, path: string): Promise<void> {
  try {
    if (!existsSync(dirname(path))) throw new StatusError(500, `${path} (No such file or directory)`)
    await file.writeTo(path)
  } finally {
    await file.discard()
  }
}

/** Files of a form, by the names that they have in it. */
async function post(context: RestContext, place: CachePlace): Promise<Answer> {
  const { resource, file } = place
  if (resource === undefined) throw new StatusError(400, 'Invalid Operation.')
  if (file !== undefined || context.query.isTrue('inbody'))
    throw new StatusError(400, 'Please use HTTP PUT request to specify a file name in the URL.')
  const folder = folderOf(place)
  await mkdir(folder, { recursive: true })
  for (const each of await formFiles(context)) await store(each, join(folder, basename(each.name)))
  return { status: 201 }
}

/** Folders with all that is in them; of names with commas between each. */
async function remove(place: CachePlace): Promise<Answer> {
  const { resource, file } = place
  if (resource === undefined) throw new StatusError(400, 'Invalid Operation.')
  const folder = folderOf(place)
  if (file === undefined) {
    if (!existsSync(folder)) throw new StatusError(404, 'User directory not found or is not a directory.')
    await rm(folder, { recursive: true })
    return EMPTY_OK
  }
  const paths = file.split(',').map((name) => join(folder, name))
  if (paths.some((path) => !existsSync(path))) throw new StatusError(404, 'No matching files found.')
  for (const path of paths) await rm(path, { recursive: true })
  return EMPTY_OK
}
