import { rootCertificates } from 'node:tls'
import { Agent, EnvHttpProxyAgent } from 'undici'
import type { Dispatcher } from 'undici'

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
  const { caPem, isInsecure, proxy, noProxy } = reach
  const tls = {
    ...(caPem !== undefined && { ca: [...rootCertificates, caPem] }),
    ...(isInsecure && { rejectUnauthorized: false }),
  }
  const options = {
    connections,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: connectTimeoutMs, ...tls },
  }
  if (proxy === undefined || isThisMachine(baseUrl)) return new Agent(options)
  return new EnvHttpProxyAgent({
    ...options,
    requestTls: tls,
    proxyTls: tls,
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: noProxy ?? '',
  })
}

/** Never by a proxy, which would look for it on its own machine. */
function isThisMachine(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}
