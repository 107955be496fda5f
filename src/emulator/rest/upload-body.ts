import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, open, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import busboy from 'busboy'
import { StatusError } from '../http/answer.js'
import { ClientAbort } from '../http/exchange.js'
import { MEDIA } from '../http/media.js'
import { bytesOf, messageOf } from '../unknown.js'
import type { RestContext } from './resource.js'

/** What an upload brought: a file that can be put somewhere, once. */
export interface UploadedFile {
  readonly name: string
  /** Writes the file there and answers the MD5 of what was written. */
  writeTo(path: string): Promise<string>
  /** A path on disk that holds the bytes, for archives that are extracted. */
  spooled(): Promise<string>
  /** Removes what was spooled. */
  discard(): Promise<void>
}

/** Types that count as a file in the body without `inbody=true` (RequestUtil.isFileInBody). */
const FILE_TYPES: Readonly<Record<string, string>> = {
  'text/*': '.txt',
  'application/*': '',
  'text/plain': '.txt',
  'text/xml': '.xml',
  'text/csv': '.csv',
  'application/dicom': '.dcm',
  'application/zip': '.zip',
  'application/xar': '.xar',
  'application/x-gtar': '.tar.gz',
  'application/x-gzip': '.gzip',
  'application/octet-stream': '',
  'application/pdf': '.pdf',
  'application/vnd.ms-excel': '.xls',
  'application/vnd.ms-powerpoint': '.ppt',
  'application/x-tar': '.tar',
  'application/msword': '.doc',
  'image/*': '.img',
  'image/bmp': '.bmp',
  'image/gif': '.gif',
  'image/x-icon': '.icon',
  'image/jpeg': '.jpeg',
  'image/png': '.png',
  'image/svg+xml': '.svg',
  'image/tiff': '.tiff',
  'video/*': '.video',
  'video/x-msvideo': '.avi',
  'video/mp4': '.mp4',
  'video/mpeg': '.mpg',
  'video/quicktime': '.mov',
  'video/x-ms-wmv': '.wmv',
}

const IN_BODY = 'In-body File posts must include the file directly as the body of the message.'

/** A media type with parameters other than charset equals none of XNAT's. */
function recognisedType(context: RestContext): string | undefined {
  const header = context.exchange.header('content-type')
  const type = context.exchange.bodyType
  const parameters = (header ?? '').split(';').slice(1)
  const plain = parameters.every((parameter) => /^\s*(?:charset=.*)?$/i.test(parameter))
  return plain ? type : undefined
}

/** Reads the files of a request; undefined means that none were recognised, which is a 400 (§5). */
export async function uploadedFiles(context: RestContext): Promise<UploadedFile[] | undefined> {
  const reference = context.query.get('reference')
  if (reference !== undefined && reference !== '') return [await referencedFile(context, reference)]
  const { exchange } = context
  const type = recognisedType(context)
  if (context.query.isTrue('inbody') || (type !== undefined && type in FILE_TYPES)) {
    return exchange.bodyType === MEDIA.multipart ? undefined : [inBodyFile(context)]
  }
  if (exchange.bodyType === MEDIA.multipart) return multipartFiles(context)
  if (exchange.bodyType === MEDIA.form || exchange.bodyType === 'multipart/*') {
    throw new StatusError(
      500,
      `the request doesn't contain a multipart/form-data or multipart/mixed stream, content type header is ${exchange.bodyType}`,
    )
  }
  return undefined
}

/** A file that is at the server already. */
export function localFile(path: string, name: string): UploadedFile {
  return {
    name,
    writeTo: (target) => writeStream(target, bytesOf(createReadStream(path))),
    spooled: () => Promise.resolve(path),
    discard: () => Promise.resolve(),
  }
}

function inBodyFile(context: RestContext): UploadedFile {
  const { exchange } = context
  const type = exchange.bodyType
  const size = exchange.bodySize
  if (size < 1 && type !== MEDIA.zip) {
    // Without a Content-Type the original trips over a null, and its message is empty.
    if (type === undefined) throw new StatusError(500)
    throw new StatusError(
      500,
      `${IN_BODY} In this case, the request entity size is ${size} but the media type is not application/zip (i.e. streaming compressed upload).`,
    )
  }
  const derived = `upload${type === undefined ? '.unsupported' : (FILE_TYPES[type] ?? '.unsupported')}`
  const spool = join(context.services.temporary, randomUUID())
  return {
    name: context.filePath || derived,
    // Straight into the final path: what a broken upload leaves there stays there (§5).
    writeTo: (path) => writeStream(path, exchange.body()),
    spooled: async () => {
      await writeStream(spool, exchange.body())
      return spool
    },
    discard: () => rm(spool, { force: true }),
  }
}

/** Writes a stream to a file, in place; answers its MD5. */
export async function writeStream(path: string, body: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('md5')
  const file = await open(path, 'w')
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      await file.write(chunk)
    }
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/** So many bytes are written to a spool file at once: each write costs a change of threads. */
const SPOOL_WRITE_BYTES = 1024 * 1024

/** The same for a file that nobody sees before it is complete: written while the next bytes come. */
async function spoolStream(path: string, body: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('md5')
  const file = await open(path, 'w')
  let writing: Promise<void> = Promise.resolve()
  try {
    let chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body) {
      hash.update(chunk)
      chunks.push(chunk)
      size += chunk.length
      if (size < SPOOL_WRITE_BYTES) continue
      await writing
      writing = writeChunks(file, chunks)
      writing.catch(() => undefined) // the next piece, or the end, fails with it
      chunks = []
      size = 0
    }
    await writing
    await writeChunks(file, chunks)
  } finally {
    await writing.catch(() => undefined)
    await file.close()
  }
  return hash.digest('hex')
}

async function writeChunks(file: FileHandle, chunks: readonly Buffer[]): Promise<void> {
  if (chunks.length === 0) return
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const { bytesWritten } = await file.writev(chunks)
  if (bytesWritten < size) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
}

/** Multipart is read to its end before anything is stored: a broken one changes nothing (§5). */
async function multipartFiles(context: RestContext): Promise<UploadedFile[]> {
  const { exchange, services } = context
  const parts: Promise<UploadedFile>[] = []
  const fields: string[] = []
  try {
    // Header parameters are read as ISO-8859-1, which is what mangles other names (§3.6).
    const parser = busboy({ headers: exchange.request.headers, defParamCharset: 'latin1' })
    parser.on('file', (_field, stream, info) => {
      stream.on('error', () => undefined) // it breaks off with the request, perhaps before anybody reads it
      const part = spoolPart(services.temporary, info.filename ?? '', stream)
      part.catch(() => stream.resume())
      parts.push(part)
    })
    parser.on('field', (name) => fields.push(name))
    await feed(context, parser)
    const files = await Promise.all(parts)
    if (fields.includes('reference')) {
      throw new StatusError(500, 'multi-part form posts may not be used to upload files via reference.')
    }
    return files
  } catch (error) {
    for (const settled of await Promise.allSettled(parts)) {
      if (settled.status === 'fulfilled') await settled.value.discard()
    }
    if (error instanceof StatusError || error instanceof ClientAbort) throw error
    throw new StatusError(500, `Processing of multipart/form-data request failed. ${messageOf(error)}`)
  }
}

async function feed(context: RestContext, parser: busboy.Busboy): Promise<void> {
  const source = Readable.from(context.exchange.body())
  await new Promise<void>((done, fail) => {
    parser.on('close', done)
    parser.on('error', fail)
    source.on('error', (error) => {
      parser.destroy(error)
      fail(error)
    })
    source.pipe(parser)
  })
}

async function spoolPart(directory: string, name: string, stream: Readable): Promise<UploadedFile> {
  const path = join(directory, randomUUID())
  let digest: string
  try {
    digest = await spoolStream(path, stream)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
  return {
    name,
    writeTo: async (target) => {
      await rename(path, target)
      return digest
    },
    spooled: async () => path,
    discard: () => rm(path, { force: true }),
  }
}

/** `reference=`: a file on the server; only the emulator's own folders count as existing. */
async function referencedFile(context: RestContext, reference: string): Promise<UploadedFile> {
  const path = resolve(reference)
  const allowed = [context.services.archiveRoot, context.services.prearchiveRoot, context.services.temporary]
  const inside = allowed.some((root) => path.startsWith(`${root}/`))
  if (!inside || !(await stat(path).catch(() => undefined))?.isFile()) {
    throw new StatusError(500, `The resource referenced does not exist: ${reference}`)
  }
  return {
    name: reference.slice(reference.lastIndexOf('/') + 1),
    writeTo: async (target) => {
      await copyFile(path, target)
      const source = await open(target, 'r')
      try {
        const hash = createHash('md5')
        const chunks: AsyncIterable<Buffer> = source.createReadStream({ autoClose: false })
        for await (const chunk of chunks) hash.update(chunk)
        return hash.digest('hex')
      } finally {
        await source.close()
      }
    },
    spooled: async () => path,
    discard: async () => undefined,
  }
}
