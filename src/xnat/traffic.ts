import type { Counters, RequestKind } from '../util/counters.js'
import type { Log } from '../util/log.js'
import { redactHeader, redactText } from '../util/redact.js'
import type { ExchangeObserver, HttpObserver, ObservedRequest } from './http-observer.js'

/** Counts the exchanges with a server, and tells them to a log where one is given: without their bodies and secrets. */
export class Traffic implements HttpObserver {
  readonly #counters: Counters
  readonly #trace: Log | undefined
  #begun = 0

  constructor(counters: Counters, trace: Log | undefined) {
    this.#counters = counters
    this.#trace = trace
  }

  begin(request: ObservedRequest): ExchangeObserver {
    const count = this.#counters.requests[kindOf(request)]
    count.count++
    const startedMs = performance.now()
    let receivedBytes = 0
    let tell: ((text: string) => void) | undefined
    if (this.#trace) {
      const trace = this.#trace
      const number = ++this.#begun
      const { method, path, headers } = request
      trace.info(`http ${number}: ${method} ${redactText(path)} ${shown(headers)}`)
      tell = (text) => trace.info(`http ${number}: ${Math.round(performance.now() - startedMs)} ms: ${text}`)
    }
    return {
      sent: (bytes) => void (count.sentBytes += bytes),
      answered: (status, headers) => {
        count.waitMs += performance.now() - startedMs
        if (status >= 400) count.failed++
        tell?.(`${status} ${shown(headers)}`)
      },
      received: (bytes) => {
        count.receivedBytes += bytes
        receivedBytes += bytes
      },
      ended: (failure) => {
        count.busyMs += performance.now() - startedMs
        if (failure && failure.name !== 'AbortError') count.failed++
        tell?.(
          failure
            ? `failed after ${receivedBytes} bytes: ${redactText(failure.message)}`
            : `${receivedBytes} bytes`,
        )
      },
    }
  }
}

/** By what XNAT's URLs look like (xnat-wire.md §1, §4, §7). */
export function kindOf({ method, path }: Pick<ObservedRequest, 'method' | 'path'>): RequestKind {
  const [route, query = ''] = path.split('?')
  const isFile = /\/files\/./.test(route!)
  if (!isFile && /\/(data\/JSESSION|data\/services\/tokens|data\/auth|xapi\/users)\b/.test(route!))
    return 'log-in'
  if (method === 'GET' || method === 'HEAD') {
    if (/(^|&)format=zip(&|$)/.test(query)) return 'archive'
    return isFile ? 'file' : 'listing'
  }
  return method === 'PUT' && isFile ? 'upload' : 'change'
}

function shown(headers: Readonly<Record<string, string | string[] | undefined>>): string {
  const parts = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${redactHeader(name, String(value))}`],
  )
  return `{${parts.join('; ')}}`
}
