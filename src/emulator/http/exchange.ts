import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable, type Duplex } from 'node:stream'
import { createGunzip, createInflate } from 'node:zlib'
import type { ServerSession } from '../auth/sessions.js'
import type { ResponseEffects } from '../faults/effects.js'
import type { RequestRecord } from '../faults/request-log.js'
import { GUEST, type UserAccount } from '../users.js'
import { bareMediaType } from './media.js'
import { Query } from './query.js'
import type { Throttle } from './throttle.js'

/** The connection went while the body was read: Tomcat's ClientAbortException. */
export class ClientAbort extends Error {
  override readonly name = 'ClientAbort'
}

export interface ExchangeOrigin {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly effects: ResponseEffects
  readonly record: RequestRecord
  readonly throttle: Throttle | undefined
  /** Path inside the context, dot segments removed, still percent-encoded; and the query. */
  readonly path: string
  readonly query: string
  readonly contextPath: string
  readonly baseUrl: string
}

/** One request and what was learned about it on its way to a resource. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly effects: ResponseEffects
  readonly record: RequestRecord
  readonly throttle: Throttle | undefined
  readonly path: string
  readonly query: Query
  readonly contextPath: string
  /** Scheme, authority and context path: what `siteUrl` would be. */
  readonly baseUrl: string
  /** The method as resources see it: POST can be tunnelled (`?method=`, xnat-wire.md §3.4). */
  readonly method: string
  readonly accept: string | undefined
  readonly setCookies: string[] = []
  user: UserAccount = GUEST
  session: ServerSession | undefined
  #body: AsyncGenerator<Buffer> | undefined

  constructor(origin: ExchangeOrigin) {
    this.request = origin.request
    this.response = origin.response
    this.effects = origin.effects
    this.record = origin.record
    this.throttle = origin.throttle
    this.path = origin.path
    this.query = new Query(origin.query)
    this.contextPath = origin.contextPath
    this.baseUrl = origin.baseUrl
    this.method = tunnelledMethod(origin.request.method ?? 'GET', this.query)
    this.accept = tunnelledMedia(this.query) ?? this.request.headers.accept
  }

  get isHead(): boolean {
    return this.request.method === 'HEAD'
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(',') : value
  }

  /** Media type of the request body; undefined without a Content-Type. */
  get bodyType(): string | undefined {
    return bareMediaType(this.request.headers['content-type'])
  }

  /** What Restlet calls the size of the entity: Content-Length, or -1 for a chunked or absent one. */
  get bodySize(): number {
    const header = this.request.headers['content-length']
    return header === undefined ? -1 : Number(header)
  }

  /** The body, decoded from gzip or deflate where it says so (DecoderService, §3.5). Can be read once. */
  body(): AsyncIterable<Buffer> {
    this.#body ??= this.#raw()
    const coding = this.header('content-encoding')?.toLowerCase()
    if (coding === 'gzip' || coding === 'x-gzip') return decode(this.#body, createGunzip())
    if (coding === 'deflate') return decode(this.#body, createInflate())
    return this.#body
  }

  async bodyText(maxBytes = 16 * 1024 * 1024): Promise<string> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this.body()) {
      size += chunk.length
      if (size > maxBytes) throw new ClientAbort('request body too large to be text')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  async *#raw(): AsyncGenerator<Buffer> {
    const cutAfter = this.effects.cutUploadAfter
    try {
      for await (const chunk of this.request as AsyncIterable<Buffer>) {
        if (this.throttle) await this.throttle.take(chunk.length)
        if (cutAfter !== undefined && this.record.requestBytes + chunk.length >= cutAfter) {
          const rest = chunk.subarray(0, cutAfter - this.record.requestBytes)
          this.record.requestBytes = cutAfter
          if (rest.length > 0) yield rest
          this.request.socket.destroy()
          throw new ClientAbort('fault: upload cut')
        }
        this.record.requestBytes += chunk.length
        yield chunk
      }
    } catch (error) {
      if (error instanceof ClientAbort) throw error
      throw new ClientAbort('java.io.EOFException', { cause: error })
    }
  }
}

async function* decode(
  body: AsyncIterable<Buffer>,
  decoder: Duplex & AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const source = Readable.from(body)
  source.on('error', (error) => decoder.destroy(error))
  source.pipe(decoder)
  yield* decoder
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'COPY', 'MOVE', 'LOCK'])

function tunnelledMethod(method: string, query: Query): string {
  const wanted = query.plain('method')
  if (wanted === undefined || !METHODS.has(wanted)) return method
  return method === 'POST' || wanted === 'OPTIONS' ? wanted : method
}

/** Restlet's short names for media types that a client asks for by `?media=`. */
const mediaNames: Readonly<Record<string, string>> = {
  xml: 'text/xml',
  html: 'text/html',
  htm: 'text/html',
  json: 'application/json',
  txt: 'text/plain',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  zip: 'application/zip',
  tar: 'application/x-tar',
}

function tunnelledMedia(query: Query): string | undefined {
  const wanted = query.plain('media')
  return wanted === undefined ? undefined : mediaNames[wanted]
}
