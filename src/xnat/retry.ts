import { sleep } from '../util/sleep.js'
import { XnatError } from './xnat-error.js'

export interface RetryPolicy {
  /** Waits before the second, third … attempt. The first is nearly nothing: it meets the idle connection that the
   *  server closed just as it was reused. The sum is what a reader waits before a dead server is an error. */
  readonly delaysMs: readonly number[]
  /** After the waits were spent in vain, requests of this time get one attempt each: a tool that opens 700 files of
   *  a dead server must not wait 700 times. */
  readonly failFastMs: number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
  readonly now: () => number
  readonly random: () => number
}

export const defaultRetryPolicy: RetryPolicy = {
  delaysMs: [20, 300, 1000, 2500],
  failFastMs: 5000,
  sleep,
  now: Date.now,
  random: Math.random,
}

/** A server that names a longer wait in Retry-After is believed up to this. */
const longestRetryAfterMs = 10_000

/** The wait before attempt `attempt` (0 = the second one), or undefined when no attempt is left. */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  retryAfter: string | undefined,
): number | undefined {
  const base = policy.delaysMs[attempt]
  if (base === undefined) return undefined
  const jittered = base * (0.75 + policy.random() / 2)
  const asked = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : 0
  return Math.max(jittered, Math.min(asked, longestRetryAfterMs))
}

/** An answer that another attempt may better: the overloads of xnat-wire.md §7, which come without 429. */
export function isPassingStatus(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504
}

const neverReached = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
])
const brokenOff = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_CLOSED'])
const tooSlow = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export interface Failure {
  readonly error: XnatError
  /** 'always': the request cannot have reached the server; 'repeatable': it may have, so only if it does no harm. */
  readonly retry: 'always' | 'repeatable' | 'never'
}

/** What a failed exchange means, from the codes of Node's sockets and undici's errors. */
export function failureOf(cause: unknown, method: string, url: string, signal?: AbortSignal): Failure {
  const details = { method, url, cause }
  if (cause instanceof XnatError) return { error: cause, retry: 'never' }
  if (signal?.aborted) {
    return { error: new XnatError('aborted', 'given up by the caller', details), retry: 'never' }
  }
  const code = codeOf(cause)
  if (code === 'ENOTFOUND') {
    const nextStep = 'check the URL and the network'
    const error = new XnatError('unreachable', 'the host name is not known', { ...details, nextStep })
    return { error, retry: 'never' }
  }
  if (neverReached.has(code)) {
    return { error: new XnatError('unreachable', `cannot connect (${code})`, details), retry: 'always' }
  }
  if (tooSlow.has(code)) {
    // Once more would be as slow, and the caller, who cannot be interrupted, has waited long enough.
    return { error: new XnatError('timeout', 'no answer in time', details), retry: 'never' }
  }
  if (brokenOff.has(code)) {
    return { error: new XnatError('unreachable', 'the connection broke off', details), retry: 'repeatable' }
  }
  if (code.startsWith('HPE_')) {
    return { error: new XnatError('bad-response', 'the answer is not HTTP', details), retry: 'repeatable' }
  }
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$|^EPROTO$/.test(code)) {
    const reason = `what answers there does not speak TLS (${code})`
    const nextStep = 'check the URL: it may begin with http:, or have another port'
    return { error: new XnatError('unreachable', reason, { ...details, nextStep }), retry: 'never' }
  }
  if (/CERT|TLS|SSL|SELF_SIGNED|VERIFY/.test(code)) {
    const reason = `the server's certificate is not trusted (${code})`
    const nextStep = 'if it is right, --ca-file names the certificate of who signed it'
    return { error: new XnatError('unreachable', reason, { ...details, nextStep }), retry: 'never' }
  }
  return {
    error: new XnatError('unreachable', `the exchange failed (${code})`, details),
    retry: 'repeatable',
  }
}

/** Whether the server may have got a request that failed so. */
export function mayHaveReached({ cause }: XnatError): boolean {
  const code = codeOf(cause)
  return code !== 'ENOTFOUND' && !neverReached.has(code)
}

/** Whether a request has failed for this side has hung up: none will get through any more. */
export function isHungUp({ cause }: XnatError): boolean {
  return codeOf(cause) === 'UND_ERR_DESTROYED'
}

function codeOf(error: unknown): string {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') return e.code
    // "happy eyeballs" tries every address of a host and reports all failures
    if (e instanceof AggregateError && e.errors.length > 0) return codeOf(e.errors[0])
  }
  return error instanceof Error ? error.message : 'unknown'
}
