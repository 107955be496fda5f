import type { Readable } from 'node:stream'
import PQueue from 'p-queue'
import type { Dispatcher } from 'undici'
import { decodedBody, isEncoded } from './content-encoding.js'
import type { ExpectedFile } from './content-encoding.js'
import { createDispatcher, createLine } from './dispatcher.js'
import type { Reach } from './dispatcher.js'
import { exchange } from './exchange.js'
import type { Answer, ExchangeOptions } from './exchange.js'
import { observed } from './http-observer.js'
import type { HttpObserver } from './http-observer.js'
import { RequestPairs, endOf } from './request-pairs.js'
import { defaultRetryPolicy, failureOf, isPassingStatus, retryDelayMs } from './retry.js'
import type { RetryPolicy } from './retry.js'
import { XnatError, codeOfStatus, sentenceOfPage } from './xnat-error.js'

export type HttpMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

/** Foreground: somebody waits for these very bytes. Read-ahead and background overtake nobody. */
export type Priority = 'foreground' | 'read-ahead' | 'background'
const rank: Record<Priority, number> = { foreground: 2, 'read-ahead': 1, background: 0 }

export interface HttpRequest {
  readonly method: HttpMethod
  /** After the base URL, percent-encoded, from its first '/'. */
  readonly path: string
  readonly headers?: Record<string, string>
  /** Makes the body anew for each attempt. */
  readonly body?: () => Readable | Buffer | string
  /** False where a second arrival would do something else than the first. Default: true for GET and HEAD. */
  readonly repeatable?: boolean
  readonly priority?: Priority
  readonly headersTimeoutMs?: number
  readonly signal?: AbortSignal | undefined
  /** The stored file that is asked for; without it, the answer is a document, or one to something else. */
  readonly expected?: ExpectedFile | undefined
  /** The body comes in pieces of this many bytes, but for the last one. Default: as it arrives. */
  readonly pieceBytes?: number | undefined
  /**
   * A GET that goes right behind this request on the same connection: the server takes it when it is done with this
   * one, whose body must be small. It is left out where a proxy is asked, which may send each by another way.
   */
  readonly behind?: HttpRequest | undefined
}

export interface HttpOptions {
  readonly baseUrl: string
  readonly userAgent: string
  /** Connections to the server, which is also the number of requests under way at once. */
  readonly connections?: number
  readonly retry?: RetryPolicy
  readonly observer?: HttpObserver
  readonly reach?: Reach
}

const defaultConnections = 16
const headersTimeoutMs = 60_000

/** An answer whose body is still to come. Read it (`text`, iterate) or `discard` it: it holds a connection. */
export class HttpResponse {
  readonly method: HttpMethod
  readonly url: string
  readonly status: number
  readonly body: Readable
  /** The answer to the request that went behind; it comes when the body of this has been read. */
  readonly behind: Promise<HttpResponse> | undefined
  /** It was packed for its way; `body` is as it was before. */
  readonly isEncoded: boolean
  readonly #headers: Answer['headers']
  #bytes: Promise<Buffer> | undefined

  constructor(
    { method, expected }: Pick<HttpRequest, 'method' | 'expected'>,
    url: string,
    data: Answer,
    behind?: Promise<HttpResponse>,
  ) {
    this.method = method
    this.url = url
    this.status = data.statusCode
    this.behind = behind
    behind?.catch(() => {}) // it may be that nobody asks
    this.#headers = data.headers
    const encoding = this.header('content-encoding')
    this.isEncoded = isEncoded(encoding, this.#totalBytes, expected)
    const body = this.isEncoded ? decodedBody(data.body, encoding!) : data.body
    if (!body) {
      data.body.destroy()
      throw this.error('bad-response', `the body comes packed as ${encoding}, which was not asked for`)
    }
    // A body that is destroyed before its end reports that as an error nobody waits for.
    this.body = body.on('error', () => {})
  }

  header(name: string): string | undefined {
    const value = this.#headers[name]
    return Array.isArray(value) ? value[0] : value
  }

  /** Of the body as it is read; undefined where the server does not say. */
  get lengthBytes(): number | undefined {
    const length = this.header('content-length')
    return length === undefined || this.isEncoded ? undefined : Number(length)
  }

  /** Of what the body is a part of, or all, as it is sent. */
  get #totalBytes(): number | undefined {
    const total =
      this.status === 206
        ? /\/(\d+)$/.exec(this.header('content-range') ?? '')?.[1]
        : this.header('content-length')
    return total === undefined ? undefined : Number(total)
  }

  get cookies(): readonly string[] {
    const value = this.#headers['set-cookie']
    return value === undefined ? [] : Array.isArray(value) ? value : [value]
  }

  get isHtml(): boolean {
    return (this.header('content-type') ?? '').toLowerCase().startsWith('text/html')
  }

  /** The whole body; may be asked for more than once. @throws XnatError when it breaks off */
  bytes(): Promise<Buffer> {
    this.#bytes ??= this.#readBody()
    return this.#bytes
  }

  async #readBody(): Promise<Buffer> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of this.body) chunks.push(chunk as Buffer)
    } catch (cause) {
      throw failureOf(cause, this.method, this.url).error
    }
    return Buffer.concat(chunks)
  }

  async text(): Promise<string> {
    return (await this.bytes()).toString('utf8')
  }

  discard(): void {
    this.body.destroy()
    this.discardBehind()
  }

  /** To be called where `behind` is of no use: it holds a connection as well. */
  discardBehind(): void {
    void this.behind?.then(
      (response) => response.discard(),
      () => {},
    )
  }

  /** The error this answer stands for; reads the page for the sentence it says. */
  async toError(): Promise<XnatError> {
    return this.toErrorOf(await this.text().catch(() => ''))
  }

  toErrorOf(page: string): XnatError {
    const sentence = sentenceOfPage(page)
    return this.error(codeOfStatus(this.status), `${this.status}${sentence ? ` ${sentence}` : ''}`)
  }

  /** @param nextStep what to do, where more is known than the code says */
  error(code: XnatError['code'], reason: string, nextStep?: string): XnatError {
    const { method, url, status } = this
    return new XnatError(code, reason, { method, url, status, ...(nextStep !== undefined && { nextStep }) })
  }
}

/**
 * Exchanges with one server: a bounded number at once, the most urgent first, repeated with growing waits where that
 * is safe. Redirects are never followed: XNAT redirects only to its log-in page, and would be sent our cookie.
 */
export class Http {
  readonly baseUrl: string
  readonly #userAgent: string
  readonly #agent: Dispatcher
  readonly #dispatcher: Dispatcher
  readonly #pairs: RequestPairs | undefined
  readonly #queue: PQueue
  readonly #retry: RetryPolicy
  #downUntil = 0
  readonly #hungUp = new AbortController()

  constructor(options: HttpOptions) {
    this.baseUrl = options.baseUrl
    this.#userAgent = options.userAgent
    this.#retry = options.retry ?? defaultRetryPolicy
    const connections = options.connections ?? defaultConnections
    this.#queue = new PQueue({ concurrency: connections })
    const { baseUrl, observer, reach } = options
    const seen = (dispatcher: Dispatcher): Dispatcher =>
      observer ? observed(dispatcher, observer) : dispatcher
    this.#agent = createDispatcher(baseUrl, connections, reach)
    this.#dispatcher = seen(this.#agent)
    const line = createLine(baseUrl, reach)
    this.#pairs = line && new RequestPairs(line, seen)
  }

  /** The answer, whatever its status. @throws XnatError when there is none */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const repeatable = request.repeatable ?? (request.method === 'GET' || request.method === 'HEAD')
    const oneAttempt = this.#retry.now() < this.#downUntil
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(request)
      const isResponse = outcome instanceof HttpResponse
      if (isResponse && !(isPassingStatus(outcome.status) && repeatable)) {
        this.#downUntil = 0
        return outcome
      }
      if (!isResponse && (outcome.retry === 'never' || (outcome.retry === 'repeatable' && !repeatable))) {
        throw outcome.error
      }
      const retryAfter = isResponse ? outcome.header('retry-after') : undefined
      const delayMs =
        oneAttempt || this.hungUp.aborted ? undefined : retryDelayMs(this.#retry, attempt, retryAfter)
      if (delayMs === undefined) {
        if (!isResponse) this.#downUntil = this.#retry.now() + this.#retry.failFastMs
        if (isResponse) return outcome
        throw outcome.error
      }
      if (isResponse) outcome.discard()
      await this.#pause(delayMs, request)
    }
  }

  /** Aborts when nothing will come of it any more to wait for the server. */
  get hungUp(): AbortSignal {
    return this.#hungUp.signal
  }

  /** Whatever is under way, waits for its turn or comes later fails, and is not tried again. */
  async hangUp(): Promise<void> {
    this.#hungUp.abort()
    await this.#destroy()
  }

  async close(): Promise<void> {
    this.#queue.clear()
    await this.#destroy()
  }

  async #destroy(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#pairs?.destroy()])
  }

  async #pause(delayMs: number, request: HttpRequest): Promise<void> {
    const { signal } = request
    try {
      await this.#retry.sleep(delayMs, signal ? AbortSignal.any([signal, this.hungUp]) : this.hungUp)
    } catch (cause) {
      if (this.hungUp.aborted) return // the next attempt says so
      throw failureOf(cause, request.method, this.baseUrl + request.path, request.signal).error
    }
  }

  /** One exchange. The place in the queue is held until the body has ended: it occupies a connection so long. */
  #attempt(request: HttpRequest): Promise<HttpResponse | ReturnType<typeof failureOf>> {
    const url = this.baseUrl + request.path
    return new Promise((resolve) => {
      const fail = (cause: unknown): void => resolve(failureOf(cause, request.method, url, request.signal))
      const exchange = async (): Promise<void> => {
        const { answer, behind } = this.#begin(request)
        const data = await answer
        const ended = Promise.allSettled([endOf(data), behind?.then(endOf)])
        const second = behind && this.#responseOf(request.behind!, behind)
        resolve(new HttpResponse(request, url, data, second))
        await ended
      }
      const priority = rank[request.priority ?? 'foreground']
      this.#queue.add(exchange, { priority, ...(request.signal && { signal: request.signal }) }).catch(fail)
    })
  }

  #begin(request: HttpRequest): {
    answer: Promise<Answer>
    behind?: Promise<Answer>
  } {
    const url = this.baseUrl + request.path
    const { behind } = request
    const options = this.#exchangeOptions(request)
    if (!behind || !this.#pairs) return { answer: exchange(this.#dispatcher, url, options) }
    return this.#pairs.send(
      { url, options },
      { url: this.baseUrl + behind.path, options: this.#exchangeOptions(behind) },
    )
  }

  async #responseOf(request: HttpRequest, data: Promise<Answer>): Promise<HttpResponse> {
    const { method, path, signal } = request
    const url = this.baseUrl + path
    try {
      return new HttpResponse(request, url, await data)
    } catch (cause) {
      throw cause instanceof XnatError ? cause : failureOf(cause, method, url, signal).error
    }
  }

  #exchangeOptions(request: HttpRequest): ExchangeOptions {
    return {
      method: request.method,
      headers: {
        'user-agent': this.#userAgent,
        // Anything narrower is answered 406 by one resource or another (xnat-wire.md §2.6, §3.4).
        accept: '*/*',
        'accept-encoding': 'identity',
        ...request.headers,
      },
      headersTimeout: request.headersTimeoutMs ?? headersTimeoutMs,
      ...(request.body && { body: request.body() }),
      ...(request.signal && { signal: request.signal }),
      ...(request.pieceBytes !== undefined && { pieceBytes: request.pieceBytes }),
    }
  }
}
