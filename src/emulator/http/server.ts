import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Authenticator } from '../auth/authenticator.js'
import { CONTROL_PREFIX, handleControl } from '../faults/control-path.js'
import type { FaultTable } from '../faults/fault-table.js'
import type { RequestLog, RequestRecord } from '../faults/request-log.js'
import { dispatchRest } from '../rest/dispatch.js'
import { Router } from '../rest/router.js'
import { ROUTES } from '../rest/routes.js'
import type { Services } from '../services.js'
import { GUEST } from '../users.js'
import { schemaDocument } from '../xapi/schemas.js'
import { dispatchXapi } from '../xapi/xapi.js'
import { BodyEnded } from './body-sink.js'
import { indexPage, loginPage, proxyPage, tomcatPage } from './error-pages.js'
import { Exchange } from './exchange.js'
import { parseRequestTarget } from './request-target.js'
import { sendPlain, sendTomcatError } from './send.js'
import { Throttle } from './throttle.js'

/** Tomcat keeps an idle connection for 20 seconds. */
const KEEP_ALIVE_MS = 20_000
const LOGIN_PATH = '/app/template/Login.vm'
const SITE_ID = 'XNAT'

export interface ServerSettings {
  readonly host: string
  readonly port: number
  readonly contextPath: string
  readonly latencyMs: number
  readonly bandwidthMbit: number | undefined
}

/** The HTTP side: Tomcat's and Spring's part of a request, before and around the REST resources. */
export class HttpServer {
  readonly #server: Server
  readonly #settings: ServerSettings
  readonly #services: Services
  readonly #faults: FaultTable
  readonly #log: RequestLog
  readonly #router = new Router(ROUTES)
  readonly #throttles = new WeakMap<Socket, Throttle>()
  readonly #active = new Set<Promise<void>>()
  /** The last request of each connection, as it is answered. */
  readonly #last = new WeakMap<Socket, Promise<void>>()
  readonly #closing = new AbortController()
  #baseUrl = ''

  constructor(settings: ServerSettings, services: Services, faults: FaultTable, log: RequestLog) {
    setMaxListeners(0, this.#closing.signal) // any number of answers wait at the same time
    this.#settings = settings
    this.#services = services
    this.#faults = faults
    this.#log = log
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true })
    this.#server.on('request', (request, response) => this.#accept(request, response))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const underWay = this.#last.get(socket as Socket)
      // The body ends early: who reads it fails (ClientAbortException). Anything else no resource gets to see.
      const isCutOff = error.code === 'HPE_INVALID_EOF_STATE' && underWay && this.#active.has(underWay)
      const status = isCutOff ? 500 : 400
      if (socket.writable) socket.end(`HTTP/1.1 ${status} \r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    })
  }

  /** Starts listening; answers the URL, context path included. */
  async listen(): Promise<string> {
    const { host, port, contextPath } = this.#settings
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
    this.#baseUrl = `http://${name}:${address.port}${contextPath}`
    return this.#baseUrl
  }

  /** Ends all connections, and resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
    await Promise.allSettled(this.#active)
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const task: Promise<void> = this.#handle(request, response, this.#last.get(socket))
      .catch(() => void response.destroy())
      .finally(() => void this.#active.delete(task))
    this.#active.add(task)
    this.#last.set(socket, task)
  }

  /** @param before the request that came before on the connection: Tomcat begins none before the last is answered */
  async #handle(request: IncomingMessage, response: ServerResponse, before?: Promise<void>): Promise<void> {
    const target = request.url ?? '/'
    if (target.startsWith(CONTROL_PREFIX)) {
      const { sessions, accounts } = this.#services
      return handleControl(request, response, { faults: this.#faults, log: this.#log, sessions, accounts })
    }
    const record = this.#newRecord(request, target)
    const started = performance.now()
    response.once('close', () => {
      record.durationMs = performance.now() - started
    })
    const exchange = this.#newExchange(request, response, target, record)
    // The way here and back does not take longer for those that come one behind the other.
    await Promise.all([before, this.#wait(this.#settings.latencyMs)])
    await this.#wait(exchange.effects.delayMs)
    try {
      await this.#answer(exchange, parseRequestTarget(target) !== undefined)
    } catch (error) {
      if (!(error instanceof BodyEnded)) throw error
    }
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closing.signal })
  }

  #newRecord(request: IncomingMessage, path: string): RequestRecord {
    const record: RequestRecord = {
      method: request.method ?? '',
      path,
      status: 0,
      requestBytes: 0,
      responseBytes: 0,
      user: GUEST.login,
      range: request.headers.range,
      startedAt: Date.now(),
      durationMs: undefined,
    }
    this.#log.add(record)
    return record
  }

  #newExchange(
    request: IncomingMessage,
    response: ServerResponse,
    target: string,
    record: RequestRecord,
  ): Exchange {
    const { contextPath } = this.#settings
    const parsed = parseRequestTarget(target)
    const inside = parsed && isBelow(parsed.path, contextPath) ? parsed.path.slice(contextPath.length) : ''
    const targets = contextPath === '' ? [target] : [target, target.slice(contextPath.length)]
    return new Exchange({
      request,
      response,
      record,
      effects: this.#faults.strike(record.method, targets),
      throttle: this.#throttleOf(request.socket),
      path: inside,
      query: parsed?.query ?? '',
      contextPath,
      baseUrl: this.#baseUrl,
    })
  }

  #throttleOf(socket: Socket): Throttle | undefined {
    const rate = this.#settings.bandwidthMbit
    if (rate === undefined) return undefined
    let throttle = this.#throttles.get(socket)
    if (!throttle) this.#throttles.set(socket, (throttle = new Throttle(rate)))
    return throttle
  }

  async #answer(exchange: Exchange, isValidTarget: boolean): Promise<void> {
    const { effects } = exchange
    if (effects.status) return sendFault(exchange, effects.status.status, effects.status.html)
    if (effects.loginPage) return this.#sendLoginPage(exchange)
    if (!isValidTarget) return sendTomcatError(exchange, 400, undefined, [['Connection', 'close']])
    if (exchange.path === '' && exchange.request.url !== exchange.contextPath) {
      return sendTomcatError(exchange, 404)
    }
    const { authenticator } = this.#services
    const outcome = authenticator.identify(exchange)
    exchange.setCookies.push(authenticator.expirationCookie(exchange.contextPath))
    exchange.record.user = exchange.user.login
    if (outcome.kind === 'malformed') return sendTomcatError(exchange, 500)
    if (outcome.kind === 'failed') return sendTomcatError(exchange, 401, outcome.message)
    if (outcome.kind === 'forbidden') return sendTomcatError(exchange, 403, outcome.message)
    if (outcome.kind === 'redirected' && !isBelow(exchange.path, '/app'))
      return sendPlain(exchange, 302, undefined, '', [['Location', `${this.#baseUrl}${outcome.page}`]])
    if (exchange.path.startsWith(LOGIN_PATH)) return this.#sendLoginPage(exchange)
    if (outcome.kind === 'anonymous' && !isPublic(exchange)) return this.#challenge(exchange)
    return this.#dispatch(exchange)
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    const { path } = exchange
    for (const prefix of ['/data', '/REST']) {
      if (isBelow(path, prefix)) {
        await dispatchRest(exchange, this.#services, this.#router, path.slice(prefix.length))
        exchange.record.user = exchange.user.login
        return
      }
    }
    if (isBelow(path, '/xapi')) return dispatchXapi(exchange, this.#services, path.slice('/xapi'.length))
    const schema = /^\/schemas\/(.+)\/[^/]+\.xsd$/.exec(path)
    const document = schema && schemaDocument(schema[1]!)
    if (document) return sendPlain(exchange, 200, 'application/xml', document)
    if (path === '' || path === '/' || isBelow(path, '/app')) {
      return sendPlain(exchange, 200, 'text/html;charset=UTF-8', indexPage())
    }
    return sendTomcatError(exchange, 404)
  }

  /** A script gets a 401, a browser (and whoever asks for a page) is sent to the login page (§7). */
  async #challenge(exchange: Exchange): Promise<void> {
    const isData = ['/data', '/REST', '/xapi', '/fs'].some((prefix) => isBelow(exchange.path, prefix))
    if (isData && !Authenticator.isInteractive(exchange)) {
      return sendTomcatError(exchange, 401, undefined, [['WWW-Authenticate', `Basic realm="${SITE_ID}"`]])
    }
    return sendPlain(exchange, 302, undefined, '', [['Location', `${this.#baseUrl}${LOGIN_PATH}`]])
  }

  async #sendLoginPage(exchange: Exchange): Promise<void> {
    return sendPlain(exchange, 200, 'text/html;charset=UTF-8', loginPage(exchange.contextPath))
  }
}

/** Whether a path is a prefix itself or something below it. */
function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}

/** The login service is open to everybody. */
function isPublic(exchange: Exchange): boolean {
  return /^\/(?:data|REST)\/services\/auth\/?$/.test(exchange.path)
}

/** An error in the shape that a server, or the proxy before it, gives it. */
async function sendFault(exchange: Exchange, status: number, html: string | undefined): Promise<void> {
  if (html !== undefined) return sendPlain(exchange, status, 'text/html', html)
  if (status === 401) {
    return sendTomcatError(exchange, 401, undefined, [['WWW-Authenticate', `Basic realm="${SITE_ID}"`]])
  }
  const isProxy = [413, 502, 503, 504, 507].includes(status)
  if (isProxy) return sendPlain(exchange, status, 'text/html', proxyPage(status), [['Server', 'nginx']])
  if (status < 400) return sendPlain(exchange, status, undefined, '')
  return sendPlain(exchange, status, 'text/html;charset=utf-8', tomcatPage(status))
}
