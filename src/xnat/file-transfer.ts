import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile as readLocalFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { resourcePath, storedFilePath } from './address.js'
import type { ResourceAddress } from './address.js'
import type { ExpectedFile } from './content-encoding.js'
import type { HttpResponse, Priority } from './http.js'
import type { Session } from './session.js'
import { readPath, storePath } from './wire-path.js'
import { XnatError } from './xnat-error.js'

/** First and last byte, both included, as in HTTP. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** The bytes of a file as they come. Consume `body` to its end or destroy it. */
export interface FileBytes {
  /** Where in the file `body` begins: the range's first byte, or 0 when the server sent the whole file. */
  readonly first: number
  /** Bytes that `body` must have. Undefined where a proxy took the length away. */
  readonly lengthBytes: number | undefined
  /** Size of the file as it is now. Undefined likewise. */
  readonly totalBytes: number | undefined
  /** False: the range was ignored and the whole file comes (a proxy, or a converted file). */
  readonly rangeHonoured: boolean
  /** The second-exact time of the stored file; with the size it is the only version XNAT tells (xnat-wire.md §3.1). */
  readonly lastModified: string | undefined
  /** When the server answered, by its own clock. */
  readonly date: string | undefined
  /** The name the server gives the file; `x.gz` for `x` where only that is on its disk (§3.6). */
  readonly servedName: string | undefined
  readonly body: Readable
  error(code: XnatError['code'], reason: string): XnatError
}

export interface Upload {
  /** The first bytes of a local file, or, where they are given, all bytes of a small one. */
  readonly source: { readonly path: string; readonly sizeBytes: number; readonly bytes?: Buffer }
  /** False: an existing file stays as it is, and the upload fails with 'conflict'. */
  readonly overwrite: boolean
  /** Ask for the file of this stored path right behind the upload: small ones only. */
  readonly readBack?: string | undefined
}

/** The blocks of the cache: what is cut as it comes need not be copied once more. */
export const keptPieceBytes = 128 * 1024

export interface ReadOptions {
  readonly expected: ExpectedFile
  /** Must lie within the file: beyond its end a real server promises bytes and never sends them (§3.2). */
  readonly range?: ByteRange | undefined
  readonly priority?: Priority
  readonly signal?: AbortSignal | undefined
}

/**
 * @param path the URL path of the file, as of `fileUrlPath`
 * @throws XnatError
 */
export async function readFile(session: Session, path: string, options: ReadOptions): Promise<FileBytes> {
  const { expected, range, priority, signal } = options
  const ask = (headers?: Record<string, string>): Promise<HttpResponse> =>
    session.send({
      method: 'GET',
      path,
      html: 'as-file',
      expected,
      signal,
      pieceBytes: keptPieceBytes,
      ...(headers && { headers }),
      ...(priority && { priority }),
    })
  let response = await ask(range && { range: `bytes=${range.first}-${range.last}` })
  if (range && (response.status === 206 || response.status === 416)) {
    const part = response.status === 206 ? partOf(response, range) : undefined
    if (part) return part
    // Another part than was asked for, or none: a server, or a proxy, whose ranges cannot be used.
    response.discard()
    response = await ask()
  }
  if (response.status === 200) return wholeOf(response, range === undefined)
  throw await response.toError()
}

/** @throws XnatError 'unnameable' where no URL names it */
export function fileUrlPath(resource: ResourceAddress, storedPath: string): string {
  const path = readPath(storedPath)
  if (path === undefined) throw new XnatError('unnameable', `no URL names the stored file '${storedPath}'`)
  return storedFilePath(resource, path)
}

/** What was sent, and what came back. */
export interface Stored {
  /** Lower-case hex MD5 of the bytes sent. */
  readonly md5: string
  /** The stored file, where it was asked for behind; undefined where it did not come. Consume or destroy its body. */
  readonly readBack?: Promise<FileBytes | undefined> | undefined
}

/**
 * Sends a file as multipart/form-data. XNAT parses such a body completely before it touches the stored file, whereas
 * a plain body is written over it as it arrives and leaves a stump when it breaks off; and only multipart may be
 * empty (§5).
 *
 * A success says that the server claims to have it: compare the listing afterwards.
 * @param path of a new file as it is meant, or of a stored one the `exactPath`
 * @throws XnatError 'conflict' when the file exists and `overwrite` is false; 'forbidden' when the server stored
 *   nothing for want of permission; 'locked' when another writer changed the resource's catalog meanwhile
 */
export async function putFile(
  session: Session,
  resource: ResourceAddress,
  path: { readonly new: string } | { readonly exact: string },
  upload: Upload,
  signal?: AbortSignal,
): Promise<Stored> {
  const { source, overwrite, readBack } = upload
  const { path: sourcePath, sizeBytes } = source
  if (sizeBytes <= inOnePieceBytes) {
    const bytes = source.bytes ?? (await readLocalFile(sourcePath)).subarray(0, sizeBytes)
    if (bytes.length !== sizeBytes) throw new Error(`${sourcePath} has not ${sizeBytes} bytes`)
    const body = { bytes, sizeBytes, overwrite, readBack }
    const response = await sendMultipart(session, resource, path, body, signal)
    const md5 = createHash('md5').update(bytes).digest('hex')
    return { md5, readBack: response.behind?.then(whereWhole, () => undefined) }
  }
  let md5 = ''
  const bytes = (): AsyncIterable<Buffer> =>
    digesting(bytesOfFile(sourcePath, sizeBytes), sizeBytes, (digest) => (md5 = digest))
  await sendMultipart(session, resource, path, { bytes, sizeBytes, overwrite }, signal)
  return { md5 }
}

/** A file whose size is not known yet. */
export interface GrowingUpload {
  /** The bytes from the first on. Until they end, the server has nothing that it could store. */
  readonly bytes: () => AsyncIterable<Buffer>
  readonly overwrite: boolean
}

/**
 * As `putFile`, for a file that is still being written: the body is sent in chunks, which XNAT takes for multipart (§5).
 * Where `bytes` throws, or the signal comes before their end, nothing is stored. Their digest is the caller's affair.
 */
export async function putGrowing(
  session: Session,
  resource: ResourceAddress,
  path: { readonly new: string } | { readonly exact: string },
  upload: GrowingUpload,
  signal?: AbortSignal,
): Promise<void> {
  await sendMultipart(session, resource, path, { ...upload, sizeBytes: undefined }, signal)
}

/**
 * Sends a file into a folder of the user's. Into the folder itself as multipart, which touches nothing before it is whole;
 * XNAT makes inner folders for a plain body only.
 * @param target the URL path of the file, and whether that is in an inner folder
 * @returns the lower-case hex MD5 of what was sent
 */
export async function putCached(
  session: Session,
  { path, isInner }: { readonly path: string; readonly isInner: boolean },
  { path: sourcePath, sizeBytes, bytes: given }: Upload['source'],
  signal?: AbortSignal,
): Promise<string> {
  let md5 = ''
  const bytes = given ?? (sizeBytes <= inOnePieceBytes ? await readLocalFile(sourcePath) : undefined)
  const content = bytes
    ? bytes.subarray(0, sizeBytes)
    : (): AsyncIterable<Buffer> =>
        digesting(bytesOfFile(sourcePath, sizeBytes), sizeBytes, (digest) => (md5 = digest))
  const body = isInner ? plainBody(content, sizeBytes) : multipartBody(content, sizeBytes)
  const response = await session.send({
    method: 'PUT',
    path: isInner ? `${path}?inbody=true` : path,
    html: 'allowed',
    ...body,
    repeatable: false,
    headersTimeoutMs: uploadTimeoutMs,
    signal,
  })
  if (response.status >= 300) throw await response.toError()
  await response.bytes()
  return Buffer.isBuffer(content) ? createHash('md5').update(content).digest('hex') : md5
}

type Content = Buffer | (() => AsyncIterable<Buffer>)

function plainBody(content: Content, sizeBytes: number) {
  return {
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) },
    body: () => (typeof content === 'function' ? Readable.from(content(), { objectMode: false }) : content),
  }
}

/** The server digests and copies what it got before it answers. */
const uploadTimeoutMs = 600_000
/** A server that does not answer what was sent behind is asked once more, by a request of its own. */
const readBackTimeoutMs = 10_000
/** Streams cost more than the bytes of small files. */
const inOnePieceBytes = 256 * 1024

/** @returns the answer of a server that says that it has stored them */
async function sendMultipart(
  session: Session,
  resource: ResourceAddress,
  path: { readonly new: string } | { readonly exact: string },
  upload: {
    readonly bytes: Buffer | (() => AsyncIterable<Buffer>)
    readonly sizeBytes: number | undefined
    readonly overwrite: boolean
    readonly readBack?: string | undefined
  },
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const { bytes, sizeBytes, overwrite, readBack } = upload
  const urlPath = 'new' in path ? storePath(path.new) : path.exact
  const response = await session.send({
    method: 'PUT',
    path: `${resourcePath(resource)}/files/${urlPath}${overwrite ? '?overwrite=true' : ''}`,
    html: 'allowed',
    ...multipartBody(bytes, sizeBytes),
    repeatable: false, // not before a listing shows what became of it
    headersTimeoutMs: uploadTimeoutMs,
    signal,
    ...(readBack !== undefined && {
      behind: {
        method: 'GET',
        path: fileUrlPath(resource, readBack),
        expected: { name: readBack, sizeBytes },
        headersTimeoutMs: readBackTimeoutMs,
      },
    }),
  })
  try {
    await checkStored(response)
  } catch (error) {
    response.discardBehind()
    throw error
  }
  return response
}

function multipartBody(content: Content, sizeBytes: number | undefined) {
  const boundary = `xnatfs-${randomBytes(12).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      ...(sizeBytes !== undefined && { 'content-length': String(head.length + sizeBytes + tail.length) }),
    },
    body: () =>
      typeof content === 'function'
        ? Readable.from(multipart(head, content(), tail), { objectMode: false })
        : Buffer.concat([head, content, tail]),
  }
}

function whereWhole(response: HttpResponse): FileBytes | undefined {
  if (response.status === 200) return wholeOf(response, true)
  response.discard()
  return undefined
}

async function* bytesOfFile(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  if (sizeBytes > 0) yield* createReadStream(path, { end: sizeBytes - 1, highWaterMark: 256 * 1024 })
}

/** Tells the digest before it gives the last byte away: of a plain body nobody asks for more than its length. */
async function* digesting(
  bytes: AsyncIterable<Buffer>,
  sizeBytes: number,
  done: (md5: string) => void,
): AsyncGenerator<Buffer> {
  const hash = createHash('md5')
  let leftBytes = sizeBytes
  for await (const chunk of bytes) {
    hash.update(chunk)
    leftBytes -= chunk.length
    if (leftBytes === 0) done(hash.digest('hex'))
    yield chunk
  }
}

async function* multipart(head: Buffer, bytes: AsyncIterable<Buffer>, tail: Buffer): AsyncGenerator<Buffer> {
  yield head
  yield* bytes
  yield tail
}

async function checkStored(response: HttpResponse): Promise<void> {
  const text = await response.text()
  if (response.status >= 300) throw refusalOf(response, text)
  if (text.includes('"duplicates"')) throw response.error('conflict', 'the server has a file of this name')
  // Without permission to edit, XNAT answers 200 and stores nothing; only the Content-Type is missing (§5).
  if (response.header('content-type') === undefined) {
    throw response.error('forbidden', 'the server stored nothing: this user may not edit here')
  }
  if (response.isHtml) throw response.error('bad-response', 'an HTML page came instead of a receipt')
}

/**
 * Deletes by prefix: every file of the resource whose stored path begins with that of the file goes (§6). The caller
 * must know from a fresh listing that there is one such file only.
 * @param exact the `exactPath` of the stored file
 * @throws XnatError 'locked' when another writer changed the resource's catalog meanwhile
 */
export async function deleteFile(
  session: Session,
  resource: ResourceAddress,
  exact: string,
  signal?: AbortSignal,
): Promise<void> {
  const path = `${resourcePath(resource)}/files/${exact}`
  const response = await session.send({ method: 'DELETE', path, html: 'allowed', repeatable: false, signal })
  const text = await response.text()
  if (response.status >= 300) throw refusalOf(response, text)
}

function refusalOf(response: HttpResponse, text: string): XnatError {
  return response.status === 500 && /Another thread or process modified/.test(text)
    ? response.error('locked', 'another writer changed the catalog of this resource at the same time')
    : response.toErrorOf(text)
}

/** @returns undefined where it is not exactly what was asked for */
function partOf(response: HttpResponse, range: ByteRange): FileBytes | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.header('content-range') ?? '')
  const [first, last, total] = match ? match.slice(1).map(Number) : []
  if (response.isEncoded) return undefined
  if (first !== range.first || last !== range.last || total === undefined) return undefined
  // Beyond the end Restlet repeats the range as it was asked, and then stalls (§3.2): the caller sees by the total
  // that the file has shrunk, and does not read on.
  return { first, lengthBytes: last - first + 1, totalBytes: total, rangeHonoured: true, ...common(response) }
}

function wholeOf(response: HttpResponse, wasAsked: boolean): FileBytes {
  const size = response.lengthBytes
  return { first: 0, lengthBytes: size, totalBytes: size, rangeHonoured: wasAsked, ...common(response) }
}

function common(
  response: HttpResponse,
): Pick<FileBytes, 'lastModified' | 'date' | 'servedName' | 'body' | 'error'> {
  return {
    lastModified: response.header('last-modified'),
    date: response.header('date'),
    servedName: /filename="(.*)"/.exec(response.header('content-disposition') ?? '')?.[1],
    body: response.body,
    error: (code, reason) => response.error(code, reason),
  }
}
