import { open } from 'node:fs/promises'
import type { ResponseEffects } from '../faults/effects.js'
import type { Answer, Body } from './answer.js'
import { BodySink, passedOn } from './body-sink.js'
import { restletStatusPage, tomcatPage } from './error-pages.js'
import type { Exchange } from './exchange.js'
import { applyRange, parseRangeHeader } from './range.js'
import { latin1 } from './text.js'

/** Whether this site honours ranges at all (behind some proxies it does not). */
export interface SendSettings {
  readonly range: boolean
}

/** Headers Spring Security adds to every answer; seen in recorded answers of real servers. */
const SECURITY_HEADERS = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-XSS-Protection', '1; mode=block'],
  ['X-Frame-Options', 'SAMEORIGIN'],
  ['Content-Security-Policy', "frame-ancestors 'self'"],
] as const

type Headers = [string, string][]

/** Everything that will be put on the wire, decided before the first byte. */
interface Reply {
  status: number
  headers: Headers
  /** Undefined: no body at all. */
  body: Body | Buffer | undefined
  /** Part of a file to send. */
  part?: { readonly start: number; readonly count: number }
  /** Content-Length promises more than is there: the connection stays open in silence, as Restlet leaves it. */
  stalls?: boolean
}

/** Sends what a Restlet resource answered. `negotiated` says whether a variant was chosen, which shows in Vary. */
export async function sendRestlet(
  exchange: Exchange,
  settings: SendSettings,
  answer: Answer,
  negotiated: boolean,
): Promise<void> {
  const headers: Headers = []
  if (negotiated) headers.push(['Vary', 'Accept-Charset, Accept-Encoding, Accept-Language, Accept'])
  const ranges = settings.range && !exchange.effects.ignoreRange
  if (ranges) headers.push(['Accept-Ranges', 'bytes'])
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers.push([name, value])
  headers.push(['Server', 'Noelios-Restlet-Engine/1.1.10'])
  await deliver(exchange, restletReply(exchange, answer, headers, ranges))
}

/** Sends a page or document of something other than Restlet: Tomcat, Spring, a proxy. */
export async function sendPlain(
  exchange: Exchange,
  status: number,
  contentType: string | undefined,
  text: string,
  extra: Headers = [],
): Promise<void> {
  const body = Buffer.from(text, 'utf8')
  const headers: Headers = [...extra]
  if (contentType !== undefined) headers.push(['Content-Type', contentType])
  headers.push(['Content-Length', String(body.length)])
  await deliver(exchange, { status, headers, body })
}

export async function sendTomcatError(
  exchange: Exchange,
  status: number,
  message?: string,
  extra: Headers = [],
): Promise<void> {
  const headers: Headers = [['Content-Language', 'en'], ...extra]
  await sendPlain(exchange, status, 'text/html;charset=utf-8', tomcatPage(status, message), headers)
}

function restletReply(exchange: Exchange, answer: Answer, headers: Headers, ranges: boolean): Reply {
  const { status, body } = answer
  if (status >= 400 && !body) return errorReply(answer, headers)
  const isGet = exchange.method === 'GET' || exchange.method === 'HEAD'
  if (isGet && body && status < 300) {
    const precondition = checkConditions(exchange, body)
    if (precondition === 304)
      return { status: 304, headers: [...headers, ...fileHeaders(body)], body: undefined }
    if (precondition !== undefined) return errorReply({ status: precondition }, headers)
    if (ranges) return rangedReply(exchange, status, body, headers)
  }
  return wholeReply(exchange, status, body, headers)
}

function errorReply(answer: Answer, headers: Headers): Reply {
  const page = answer.tomcatError
    ? Buffer.from(tomcatPage(answer.status), 'utf8')
    : latin1(restletStatusPage(answer.status, answer.message))
  if (answer.tomcatError) headers.push(['Content-Language', 'en'])
  headers.push(
    ['Content-Type', `text/html;charset=${answer.tomcatError ? 'utf-8' : 'ISO-8859-1'}`],
    ['Content-Length', String(page.length)],
  )
  return { status: answer.status, headers, body: page }
}

function fileHeaders(body: Body): Headers {
  if (body.kind !== 'file') return []
  return [
    ['Content-Type', body.mediaType],
    ['Last-Modified', new Date(body.modifiedMs).toUTCString()],
  ]
}

function wholeReply(exchange: Exchange, status: number, body: Body | undefined, headers: Headers): Reply {
  if (!body) {
    if (status !== 204 && status !== 304) headers.push(['Content-Length', '0'])
    return { status, headers, body: undefined }
  }
  if (body.kind === 'file') {
    const claimed = Math.max(0, body.size + exchange.effects.lengthDelta)
    headers.push(...fileHeaders(body), ['Content-Length', String(claimed)])
    return { status, headers, body, part: { start: 0, count: body.size } }
  }
  if (body.kind === 'string') {
    const bytes = latin1(body.text)
    headers.push(
      ['Content-Type', `${body.mediaType};charset=ISO-8859-1`],
      ['Content-Length', String(bytes.length)],
    )
    return { status, headers, body: bytes }
  }
  headers.push(['Content-Type', body.mediaType], ...lengthless(exchange))
  return { status, headers, body }
}

/** What says where a body of unknown length ends. HTTP/1.0 knows no chunks: there it is the end of the connection (RFC 9112 §6.1). */
function lengthless(exchange: Exchange): Headers {
  return exchange.request.httpVersion === '1.0' ? [] : [['Transfer-Encoding', 'chunked']]
}

/** RangeFilter: for any GET or HEAD entity that exists, of known size or not (§3.2). */
function rangedReply(exchange: Exchange, status: number, body: Body, headers: Headers): Reply {
  const header = parseRangeHeader(exchange.header('range'))
  if (header.kind === 'none') return wholeReply(exchange, status, body, headers)
  if (header.kind === 'malformed') return errorReply({ status: 500 }, headers)
  if (header.kind === 'multiple') return errorReply({ status: 501 }, [...headers, ['Connection', 'close']])
  if (body.kind === 'output' || body.kind === 'stream') {
    const open = (header.range.first === undefined) !== (header.range.length === undefined)
    return open ? errorReply({ status: 500 }, headers) : wholeReply(exchange, status, body, headers)
  }
  const text = body.kind === 'string' ? latin1(body.text) : undefined
  const size = body.kind === 'file' ? body.size : text!.length
  if (size === 0) return wholeReply(exchange, status, body, headers)
  const ranged = applyRange(header.range, size, Math.max(0, size + exchange.effects.lengthDelta))
  if (body.kind === 'file') headers.push(...fileHeaders(body))
  else headers.push(['Content-Type', `${body.mediaType};charset=ISO-8859-1`])
  headers.push(['Content-Range', ranged.contentRange])
  if (ranged.contentLength === undefined) headers.push(...lengthless(exchange))
  else headers.push(['Content-Length', String(ranged.contentLength)])
  const stalls = ranged.contentLength !== undefined && ranged.contentLength > ranged.count
  return {
    status: 206,
    headers,
    body: text ? text.subarray(ranged.start, ranged.start + ranged.count) : body,
    part: { start: ranged.start, count: ranged.count },
    stalls,
  }
}

/** Restlet's Conditions.getStatus: no representation of XNAT has a tag, few have a date (§3.3). */
function checkConditions(exchange: Exchange, body: Body): number | undefined {
  const match = exchange.header('if-match')
  if (match !== undefined && !match.trim().startsWith('*')) return 412
  if (body.kind !== 'file') return undefined
  const modified = Math.floor(body.modifiedMs / 1000)
  const since = seconds(exchange.header('if-modified-since'))
  if (since !== undefined && since <= Date.now() / 1000 && modified <= since) return 304
  const unmodified = seconds(exchange.header('if-unmodified-since'))
  return unmodified !== undefined && unmodified < modified ? 412 : undefined
}

function seconds(date: string | undefined): number | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date)
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000)
}

async function deliver(exchange: Exchange, reply: Reply): Promise<void> {
  const { response, record } = exchange
  if (response.destroyed) return
  const chunked = reply.headers.some(([name]) => name === 'Transfer-Encoding')
  const sink = new BodySink(response, exchange.effects, record, exchange.throttle, chunked)
  const { cut } = exchange.effects
  record.status = reply.status
  if (cut?.kind === 'drop' && cut.afterBytes === 0) {
    response.socket?.destroy()
    return
  }
  const raw: string[] = []
  for (const [name, value] of SECURITY_HEADERS) raw.push(name, value)
  for (const cookie of exchange.setCookies) raw.push('Set-Cookie', cookie)
  for (const [name, value] of reply.headers) raw.push(name, value)
  response.writeHead(reply.status, raw)
  if (exchange.isHead || reply.body === undefined) {
    response.end()
    return
  }
  await deliverBody(exchange, reply, sink)
}

async function deliverBody(exchange: Exchange, reply: Reply, sink: BodySink): Promise<void> {
  const { response } = exchange
  const promised = promisedLength(reply, exchange.effects)
  sink.limit = Math.max(0, promised)
  await sink.begin()
  const { body } = reply
  if (Buffer.isBuffer(body)) await sink.write(body)
  else if (body?.kind === 'output') await sink.write(Buffer.from(body.text, 'utf8'))
  else if (body?.kind === 'stream') await body.write(sink)
  else if (body?.kind === 'file') await sendFile(body.path, reply.part!, sink)
  if (reply.stalls) {
    // The bytes promised never come and nothing closes the connection (§3.2): the client must time out.
    response.flushHeaders()
    return
  }
  if (promised < 0 || (Number.isFinite(promised) && promised > sink.sent)) {
    // Nothing more will come: only a closed connection can say so.
    await passedOn(response)
    response.socket?.end()
    return
  }
  response.end()
}

function promisedLength(reply: Reply, effects: ResponseEffects): number {
  const header = reply.headers.find(([name]) => name === 'Content-Length')
  if (!header) return Number.POSITIVE_INFINITY
  // A length fault changes the whole file's length only; part lengths stay true.
  return effects.lengthDelta === 0 || reply.status !== 206 ? Number(header[1]) : Number.POSITIVE_INFINITY
}

/** Files up to this size go out in one read and one write. */
const ONE_READ = 256 * 1024
const READ_SIZE = 1024 * 1024

async function sendFile(
  path: string,
  part: { readonly start: number; readonly count: number },
  sink: BodySink,
): Promise<void> {
  if (part.count <= 0) return
  const file = await open(path, 'r')
  try {
    let position = part.start
    const end = part.start + part.count
    while (position < end) {
      const size = Math.min(end - position, end - part.start <= ONE_READ ? ONE_READ : READ_SIZE)
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, position)
      if (bytesRead === 0) break
      await sink.write(bytesRead === size ? buffer : buffer.subarray(0, bytesRead))
      position += bytesRead
    }
  } finally {
    await file.close()
  }
}
