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
  /** What to do, where more is known than the code says. */
  readonly nextStep?: string
}

/** What a user can do about it. Total: a new code needs its words here. */
const usualNextStep: Readonly<Record<XnatErrorCode, string>> = {
  unauthorized: 'check user and password by logging in there in a browser',
  forbidden: 'ask the owners of the project for the right to do that',
  'not-found': 'check the URL: XNAT may be below a path, such as https://example.org/xnat',
  conflict: 'look what is there now, and try again',
  changed: 'look what is there now, and try again',
  locked: 'try again when whoever uses it has ended',
  timeout: 'try again, and if it stays so ask the administrators of the server',
  unreachable: 'check the URL, the network and the proxy variables, and whether the site is up',
  server: 'try again, and if it stays so tell the administrators of the server what it said',
  throttled: 'try again in a while, with fewer --connections',
  'bad-response': 'check the URL in a browser, and if it is right tell the administrators of the server',
  unnameable: 'rename it on the server',
  'too-large': 'ask the administrators of the server how large a file may be',
  'no-space': 'tell the administrators of the server that its disk is full',
  aborted: 'start it again if it was not meant',
}

export class XnatError extends Error {
  override readonly name = 'XnatError'
  readonly code: XnatErrorCode
  /** The request, and why it failed. */
  readonly reason: string
  readonly nextStep: string
  readonly method: string | undefined
  readonly url: string | undefined
  readonly status: number | undefined

  constructor(code: XnatErrorCode, reason: string, details: XnatErrorDetails = {}) {
    const { method, status, cause } = details
    const url = details.url && redactText(details.url)
    const what = method && url ? `${method} ${url}: ` : ''
    const message = `${what}${reason}${details.nextStep === undefined ? '' : `; ${details.nextStep}`}`
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.reason = what + reason
    this.nextStep = details.nextStep ?? usualNextStep[code]
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
