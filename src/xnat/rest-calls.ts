import type { HttpResponse } from './http.js'
import { parseRows } from './rows.js'
import type { Row } from './rows.js'
import type { Session, SessionRequest } from './session.js'
import { XnatError } from './xnat-error.js'

const documentAttempts = 3
/** Large sites take minutes for a listing; a client that gives up earlier only makes them do it again. */
const listingTimeoutMs = 300_000

/** To archive a session of some GiB, or to look through as many files. */
const orderTimeoutMs = 1_800_000

interface CommandOptions {
  readonly headersTimeoutMs?: number
  readonly xml?: Buffer | undefined
  readonly text?: Buffer | undefined
}

/** How a document of REST is asked for and a command is given. @throws XnatError from every method */
export class RestCalls {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  rows(path: string, query: Record<string, string>, signal: AbortSignal | undefined): Promise<Row[]> {
    const parameters = new URLSearchParams({ format: 'json', ...query })
    return this.read(`${path}?${parameters.toString()}`, parseRows, signal)
  }

  /** A document, whole and understood; one that broke off or was cut short is asked for again. */
  read<T>(path: string, parse: (text: string) => T, signal: AbortSignal | undefined): Promise<T> {
    return this.readBytes(path, (bytes) => parse(bytes.toString('utf8')), signal)
  }

  /** @param parse throws Error where the document is not to be believed */
  async readBytes<T>(
    path: string,
    parse: (bytes: Buffer) => T,
    signal: AbortSignal | undefined,
    html: SessionRequest['html'] = 'never',
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.get(path, signal, html)
      if (response.status !== 200) throw await response.toError()
      try {
        const bytes = await response.bytes()
        return understood(response, () => parse(bytes))
      } catch (error) {
        const isSlow = error instanceof XnatError && error.code === 'timeout'
        if (signal?.aborted || isSlow || attempt === documentAttempts) throw error
      }
    }
  }

  async command(
    method: 'PUT' | 'DELETE',
    path: string,
    signal: AbortSignal | undefined,
    { headersTimeoutMs, xml, text }: CommandOptions = {},
  ): Promise<number> {
    const response = await this.#session.send({
      method,
      path,
      html: 'allowed',
      repeatable: false,
      signal,
      ...(headersTimeoutMs !== undefined && { headersTimeoutMs }),
      ...(xml && bodyOf(xml)),
      ...(text && bodyOf(text, 'text/plain')),
    })
    if (response.status >= 300) throw await response.toError()
    await response.bytes()
    return response.status
  }

  /** What the server makes of a document, without keeping it. */
  async ask(path: string, xml: Buffer, signal: AbortSignal | undefined): Promise<Buffer> {
    const headersTimeoutMs = listingTimeoutMs
    const request = { method: 'POST', path, html: 'never', signal, headersTimeoutMs, ...bodyOf(xml) } as const
    const response = await this.#session.send(request)
    if (response.status !== 200) throw await response.toError()
    return response.bytes()
  }

  /** Has the server do something that takes its time. @returns what it answers */
  async order(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
    const response = await this.#session.send({
      method: 'POST',
      path,
      html: 'allowed',
      repeatable: false,
      headers: { 'content-length': '0' },
      headersTimeoutMs: orderTimeoutMs,
      signal,
    })
    if (response.status >= 300) throw await response.toError()
    return response.bytes()
  }

  get(
    path: string,
    signal: AbortSignal | undefined,
    html: SessionRequest['html'] = 'never',
  ): Promise<HttpResponse> {
    const headersTimeoutMs = listingTimeoutMs
    return this.#session.send({ method: 'GET', path, html, signal, headersTimeoutMs })
  }
}

function bodyOf(bytes: Buffer, type = 'text/xml'): { headers: Record<string, string>; body: () => Buffer } {
  return {
    headers: { 'content-type': type, 'content-length': String(bytes.length) },
    body: () => bytes,
  }
}

/** @throws XnatError 'bad-response' where the answer is not what it should be */
export function understood<T>(response: HttpResponse, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    const reason = `the answer cannot be understood: ${cause instanceof Error ? cause.message : 'unknown'}`
    throw response.error('bad-response', reason)
  }
}
