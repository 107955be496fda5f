import { redactText } from '../util/redact.js'

/** What a server or the network did, as a closed set: `archive/errors.ts` gives each its errno. */
export type XnatErrorCode =
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'changed'
  | 'locked'
  | 'timeout'
  | 'unreachable'
  | 'server'
  | 'throttled'
  | 'bad-response'
  | 'unnameable'
  | 'too-large'
  | 'no-space'
  | 'aborted'

export interface XnatErrorDetails {
  readonly method?: string
  /** Tokens and session IDs in it are not kept. */
  readonly url?: string
  readonly status?: number
  readonly cause?: unknown
}

export class XnatError extends Error {
  override readonly name = 'XnatError'
  readonly code: XnatErrorCode
  readonly method: string | undefined
  readonly url: string | undefined
  readonly status: number | undefined

  constructor(code: XnatErrorCode, reason: string, details: XnatErrorDetails = {}) {
    const { method, status, cause } = details
    const url = details.url && redactText(details.url)
    const what = method && url ? `${method} ${url}: ` : ''
    super(what + reason, cause === undefined ? undefined : { cause })
    this.code = code
    this.method = method
    this.url = url
    this.status = status
  }
}

/** The code for an HTTP status that is no success. 3xx: redirects lead to the log-in page (xnat-wire.md §7). */
export function codeOfStatus(status: number): XnatErrorCode {
  if (status >= 300 && status < 400) return 'unauthorized'
  switch (status) {
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    case 404:
    case 410:
      return 'not-found'
    case 408:
    case 504:
      return 'timeout'
    case 409:
      return 'conflict'
    case 412:
      return 'changed'
    case 413:
      return 'too-large'
    case 423:
      return 'locked'
    case 429:
    case 503:
      return 'throttled'
    case 507:
      return 'no-space'
    default:
      return status >= 500 ? 'server' : 'bad-response'
  }
}

/**
 * The sentence an HTML error page says, for the log. XNAT's pages carry it in `<h3>` (Restlet) or `<b>Message</b>`
 * (Tomcat, which names itself in an `<h3>`); a proxy's page has at least a title.
 */
export function sentenceOfPage(body: string): string {
  const text =
    /<b>Message<\/b>([\s\S]*?)<\/p>/i.exec(body)?.[1] ??
    /<h3>(?!Apache Tomcat)([\s\S]*?)<\/h3>/i.exec(body)?.[1] ??
    /<b>Description<\/b>([\s\S]*?)<\/p>/i.exec(body)?.[1] ??
    /<h1>([\s\S]*?)<\/h1>/i.exec(body)?.[1] ??
    /<title>([\s\S]*?)<\/title>/i.exec(body)?.[1] ??
    (/<html|<!doctype/i.test(body) ? '' : body)
  const plain = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(lt|gt|quot|#39|apos|amp);/g, (_, e: string) => entities[e] ?? ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain.length > 300 ? plain.slice(0, 297) + '...' : plain
}

const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", apos: "'", amp: '&' }
