import { rootCertificates } from 'node:tls'
import { Agent, Client, EnvHttpProxyAgent } from 'undici'
import type { Dispatcher } from 'undici'
import { reusingConnector } from './reused-reads.js'

/** How the server is reached, where it is not by its name and the usual certificates alone. Plain data. */
export interface Reach {
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly caPem?: string | undefined
  /** Believe any certificate. */
  readonly isInsecure?: boolean
  /** The URL of the proxy between. */
  readonly proxy?: string | undefined
  /** Hosts that are reached without it, in the words of NO_PROXY. */
  readonly noProxy?: string | undefined
}

const connectTimeoutMs = 10_000
/** Silence in mid-body. XNAT stalls for ever on some requests (xnat-wire.md §3.2), proxies on others. */
const bodyTimeoutMs = 30_000
const keepAliveMs = 20_000

/** The connections to one server. */
export function createDispatcher(baseUrl: string, connections: number, reach: Reach = {}): Dispatcher {
  const { proxy, noProxy } = reach
  const { tls, ...options } = optionsOf(reach)
  if (proxy === undefined || isThisMachine(baseUrl))
    return new Agent({ ...options, connect: reusingConnector(options.connect), connections, pipelining: 1 })
  return new EnvHttpProxyAgent({
    ...options,
    connections,
    pipelining: 1,
    requestTls: tls,
    proxyTls: tls,
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: noProxy ?? '',
  })
}

/**
 * Makes single connections to the server, on which a second request may go behind a first.
 * @returns undefined where a proxy is asked for the server: it may send each by another way
 */
export function createLine(baseUrl: string, reach: Reach = {}): (() => Dispatcher) | undefined {
  if (reach.proxy !== undefined && !isThisMachine(baseUrl)) return undefined
  const { tls: _, ...options } = optionsOf(reach)
  const { origin } = new URL(baseUrl)
  return () => new Client(origin, { ...options, pipelining: 2 })
}

function optionsOf({ caPem, isInsecure }: Reach) {
  const tls = {
    ...(caPem !== undefined && { ca: [...rootCertificates, caPem] }),
    ...(isInsecure && { rejectUnauthorized: false }),
  }
  return {
    tls,
    keepAliveTimeout: keepAliveMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: connectTimeoutMs, ...tls },
  }
}

/** Never by a proxy, which would look for it on its own machine. */
function isThisMachine(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}
