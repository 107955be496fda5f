import { withSignal } from '../util/single-flight.js'
import { wordsOfRefusal } from './refusal.js'
import { XnatError, codeOfStatus, sentenceOfPage } from './xnat-error.js'
import type { Http, HttpRequest, HttpResponse } from './http.js'

/** A name and a password, or the token that stands for them. */
export interface PasswordLogIn {
  /** Who it is. A person may have given an alias here. */
  readonly user: string
  /** The password, or the secret of an alias token. */
  readonly password: string
  /** Sent in place of the user's name: the alias of a token that `xnatfs login` got. */
  readonly alias?: string
}

/** A session that somebody else has opened, and will end. */
export interface GivenSession {
  readonly user: string
  readonly jsession: string
}

export type Credentials = PasswordLogIn | GivenSession

export interface SessionRequest extends HttpRequest {
  /**
   * What an HTML answer to this request means, if it is not the log-in page. 'never': data was asked for, so it is an
   * error. 'as-file': fine where the stored file itself is HTML. 'allowed': XNAT may answer this request in HTML.
   */
  readonly html: 'never' | 'as-file' | 'allowed'
}

export interface SessionOptions {
  /** What there is to log in with by now, the best first: tokens are renewed while they are used. Default: what was given. */
  readonly latest?: () => Promise<readonly Credentials[]>
  /** Is told of each refusal, once. */
  readonly onRefused?: (error: XnatError) => void
}

/**
 * One log-in shared by all requests. XNAT opens a server session for each Basic request without a cookie and refuses
 * the user beyond 1,000 of them, so credentials are sent only to obtain the cookie, by one request at a time, and the
 * cookie is renewed when the server has forgotten it. It locks an account for an hour after 20 wrong passwords (xnat-wire.md
 * §7): credentials that were refused are not sent again until somebody asks for it (`retryLogIn`).
 */
export class Session {
  readonly #http: Http
  readonly #credentials: Credentials | undefined
  readonly #latest: SessionOptions['latest']
  readonly #onRefused: SessionOptions['onRefused']
  #cookies = new Map<string, string>()
  /** Until a server is seen to give the cookie of another session to whoever is logged in. */
  #tellsByCookie = true
  /** Counts log-ins: a request that failed with an older cookie need only be sent again. */
  #generation = 0
  #login: Promise<void> | undefined
  /** We have opened the server's session, and end it. */
  #isOurs = false
  /** By what was refused. */
  readonly #refusals = new Map<string, XnatError>()
  #refused: XnatError | undefined

  constructor(http: Http, credentials: Credentials | undefined, options: SessionOptions = {}) {
    this.#http = http
    this.#credentials = credentials
    this.#latest = options.latest
    this.#onRefused = options.onRefused
    if (credentials && 'jsession' in credentials) this.#cookies.set('JSESSIONID', credentials.jsession)
  }

  get user(): string | undefined {
    return this.#credentials?.user
  }

  /** Aborts when nothing will come of it any more to wait for the server. */
  get hungUp(): AbortSignal {
    return this.#http.hungUp
  }

  /** Why nobody is logged in; undefined as long as the server has refused nothing. */
  get refusal(): XnatError | undefined {
    return this.#refused
  }

  /** The next request may send credentials again that were refused: once. */
  retryLogIn(): void {
    this.#refusals.clear()
    this.#refused = undefined
  }

  /** @throws XnatError 'unauthorized' when the credentials are refused or needed and absent */
  async send(request: SessionRequest): Promise<HttpResponse> {
    for (let again = false; ; again = true) {
      if (this.#credentials && this.#cookies.size === 0) {
        await withSignal(this.#renew(this.#generation), request.signal)
      }
      const generation = this.#generation
      const sent = this.#cookies.get('JSESSIONID')
      const response = await this.#http.send(this.#withCookies(request))
      if (!this.#credentials) this.#keepGuestCookies(response)
      const isForgotten = this.#credentials !== undefined && this.#isForgotten(response, sent, again)
      if (!isForgotten && !(await isLoggedOut(response, request.html))) return response
      response.discard()
      if (again || !this.#credentials) throw notLoggedIn(response, this.#credentials)
      await withSignal(this.#renew(generation), request.signal)
    }
  }

  /** Ends the server's session, so that short-lived mounts do not fill the user's quota of them. */
  async end(): Promise<void> {
    if (!this.#isOurs || this.#cookies.size === 0) return
    const response = await this.#http.send(this.#withCookies({ method: 'DELETE', path: '/data/JSESSION' }))
    response.discard()
    this.#cookies.clear()
  }

  #withCookies(request: HttpRequest): HttpRequest {
    if (this.#cookies.size === 0) return request
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const behind = request.behind && this.#withCookies(request.behind)
    return { ...request, headers: { ...request.headers, cookie }, behind }
  }

  /** A guest's session lasts as long as its cookie comes back; otherwise each request would open one. */
  #keepGuestCookies(response: HttpResponse): void {
    if (this.#cookies.size === 0) this.#cookies = new Map(response.cookies.flatMap(nameAndValue))
  }

  /**
   * Where guests are let in, who is not known any more is one, sees what guests see, and is told by nothing but the cookie
   * of a session of his own (xnat-wire.md §7).
   */
  #isForgotten(response: HttpResponse, sent: string | undefined, again: boolean): boolean {
    const given = response.cookies.flatMap(nameAndValue).find(([name]) => name === 'JSESSIONID')
    if (!this.#tellsByCookie || !given || given[1] === sent) return false
    if (again) this.#tellsByCookie = false // just after a log-in it says nothing
    return !again
  }

  #renew(usedGeneration: number): Promise<void> {
    if (this.#login) return this.#login
    if (this.#generation > usedGeneration) return Promise.resolve()
    this.#login = this.#logIn().finally(() => (this.#login = undefined))
    return this.#login
  }

  async #logIn(): Promise<void> {
    const known = (await this.#latest?.()) ?? [this.#credentials!]
    const credentials = known.find((candidate) => !this.#refusals.has(secretOf(candidate)))
    if (!credentials) throw this.#refused ?? this.#refusals.get(secretOf(known[0]!))!
    if ('jsession' in credentials) throw this.#refuse(credentials, endedSession(this.#http.baseUrl))
    const { user, password, alias } = credentials
    const basic = Buffer.from(`${alias ?? user}:${password}`, 'utf8').toString('base64')
    const response = await this.#http.send({
      method: 'POST',
      path: '/data/JSESSION',
      headers: { authorization: `Basic ${basic}` },
      // A server that is too busy, or was not reached, has refused no password.
      repeatable: true,
    })
    const id = await this.#sessionId(response, credentials)
    this.#cookies = new Map(response.cookies.flatMap(nameAndValue))
    this.#cookies.set('JSESSIONID', id)
    this.#isOurs = true
    this.#generation++
    this.#refused = undefined
  }

  async #sessionId(response: HttpResponse, credentials: PasswordLogIn): Promise<string> {
    const text = (await response.text()).trim()
    const { status } = response
    if (status === 200 && /^[\w.!-]{8,128}$/.test(text)) return text
    const sentence = sentenceOfPage(text)
    const location = response.header('location')
    const words = wordsOfRefusal({
      status,
      sentence,
      location,
      user: credentials.user,
      baseUrl: this.#http.baseUrl,
      proof: credentials.alias === undefined ? 'password' : 'token',
    })
    if (words !== undefined) {
      throw this.#refuse(credentials, response.error('unauthorized', words.reason, words.nextStep))
    }
    if (status >= 300 && status < 400 && location !== undefined) {
      const target = withoutQuery(location)
      throw response.error(
        'bad-response',
        `the server sends us to ${target}`,
        'see whether that is the URL to use',
      )
    }
    const code = status === 200 ? 'bad-response' : codeOfStatus(status)
    if (code === 'not-found' || code === 'bad-response' || isNoMethod(status)) {
      const nextStep = 'check the URL: XNAT may be below a path, such as https://example.org/xnat'
      throw response.error('bad-response', `no XNAT answers here (status ${status})`, nextStep)
    }
    throw response.error(code, `log-in failed with status ${status}${sentence ? `: ${sentence}` : ''}`)
  }

  #refuse(credentials: Credentials, error: XnatError): XnatError {
    this.#refusals.set(secretOf(credentials), error)
    this.#refused = error
    this.#cookies.clear()
    this.#onRefused?.(error)
    return error
  }
}

function secretOf(credentials: Credentials): string {
  if ('jsession' in credentials) return credentials.jsession
  return `${credentials.alias ?? credentials.user}\0${credentials.password}`
}

function endedSession(url: string): XnatError {
  const nextStep = 'set XNAT_JSESSION to another one, or log in with a user'
  return new XnatError('unauthorized', `the session of XNAT_JSESSION at ${url} has ended`, { nextStep })
}

/**
 * An expired session is answered 401, or 302 to the log-in page, or 200 with that page (xnat-wire.md §7). A stored
 * HTML file comes with the Last-Modified of a file, the page without.
 * @throws XnatError for another page than that, where data was asked for
 */
async function isLoggedOut(response: HttpResponse, html: SessionRequest['html']): Promise<boolean> {
  const { status } = response
  if (status === 401 || (status >= 300 && status < 400 && status !== 304)) return true
  if (status >= 300 || !response.isHtml) return false
  if (html === 'as-file' && response.header('last-modified') !== undefined) return false
  const page = await response.text()
  if (looksLikeLogin(page)) return true
  if (html === 'allowed') return false
  const sentence = sentenceOfPage(page)
  throw response.error('bad-response', `an HTML page came instead of data${sentence ? ` (${sentence})` : ''}`)
}

function notLoggedIn(response: HttpResponse, credentials: Credentials | undefined): XnatError {
  return credentials
    ? response.error(
        'unauthorized',
        'the server does not accept the session it gave, and asks for a log-in again',
        'try again, and if it stays so ask the administrators of the server, whose proxy may drop cookies',
      )
    : response.error(
        'unauthorized',
        'the server lets no guests in and asks for a log-in',
        'give --user and XNAT_PASS or a ~/.netrc, or run `xnatfs login`',
      )
}

/** What servers of plain files answer to a POST. */
function isNoMethod(status: number): boolean {
  return status === 405 || status === 501
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '')
}

function looksLikeLogin(page: string): boolean {
  return /Login\.vm|name=["']?(username|password)\b|type=["']?password\b/i.test(page)
}

/** The pair of a Set-Cookie header; a load balancer's stickiness cookie must come back as well as JSESSIONID. */
function nameAndValue(header: string): [string, string][] {
  const match = /^\s*([^=;\s]+)=([^;]*)/.exec(header)
  if (!match || match[1] === 'SESSION_EXPIRATION_TIME') return []
  return [[match[1]!, match[2]!]]
}
