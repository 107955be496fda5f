import { createServer } from 'node:http'
import { requestKinds } from '../util/counters.js'
import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { MountStatus } from './mount-status.js'

interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly values: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]
}

/** A mount's status in the text format of Prometheus. */
export function metricsText(status: MountStatus): string {
  const own = { mountpoint: status.mountpoint, url: status.url }
  return `${metricsOf(status)
    .flatMap((metric) => linesOf(metric, own))
    .join('\n')}\n`
}

function metricsOf(status: MountStatus): Metric[] {
  const { requests, memory, disk, ahead, kernel, pending, server } = status
  const one = (value: number): Metric['values'] => [[{}, value]]
  const byKind = (what: 'count' | 'failed' | 'receivedBytes' | 'sentBytes'): Metric['values'] =>
    requestKinds.map((kind) => [{ kind }, requests[kind][what]])
  const byTier = (what: 'hits' | 'misses'): Metric['values'] => [
    [{ tier: 'memory' }, memory[what]],
    ...(disk ? ([[{ tier: 'disk' }, disk[what]]] as const) : []),
  ]
  const counter = (name: string, help: string, values: Metric['values']): Metric => ({
    name: `xnatfs_${name}_total`,
    kind: 'counter',
    help,
    values,
  })
  const gauge = (name: string, help: string, values: Metric['values']): Metric => ({
    name: `xnatfs_${name}`,
    kind: 'gauge',
    help,
    values,
  })
  return [
    gauge('uptime_seconds', 'Since the mount began.', one(status.uptimeSeconds)),
    gauge(
      'server_reachable',
      'Whether the server answered when it was last asked.',
      one(Number(server.isReachable)),
    ),
    gauge(
      'log_in_needed',
      'Whether the server has refused the log-in.',
      one(Number(server.logInNeeded !== null)),
    ),
    counter(
      'stale_listings',
      'Older listings shown because the server did not answer.',
      one(server.staleListings),
    ),
    counter('requests', 'Requests to the server.', byKind('count')),
    counter('requests_failed', 'Requests without an answer, or refused.', byKind('failed')),
    counter('received_bytes', 'Bytes of answers.', byKind('receivedBytes')),
    counter('sent_bytes', 'Bytes of requests.', byKind('sentBytes')),
    counter('cache_hits', 'Blocks that a cache had.', byTier('hits')),
    counter('cache_misses', 'Blocks that a cache did not have.', byTier('misses')),
    gauge('cache_bytes', 'What a cache takes.', [
      [{ tier: 'memory' }, memory.bytes],
      ...(disk && disk.bytes !== null ? ([[{ tier: 'disk' }, disk.bytes]] as const) : []),
    ]),
    counter(
      'read_ahead_bytes',
      'Asked for within large files before it was read.',
      one(ahead.readAheadBytes),
    ),
    counter('prefetched_bytes', 'Of files that came with others of their directory.', one(ahead.bytes)),
    gauge('pending_files', 'Files that are not on the server.', one(pending.length)),
    gauge('pending_bytes', 'Bytes of them.', one(pending.reduce((sum, file) => sum + file.sizeBytes, 0))),
    ...(kernel
      ? [
          counter('kernel_requests', 'Requests of the kernel.', one(kernel.requests)),
          counter('kernel_read_bytes', 'Bytes given to the kernel.', one(kernel.readBytes)),
          counter(
            'passthrough_opens',
            'Files that the kernel reads by itself.',
            one(kernel.passthroughOpens),
          ),
        ]
      : []),
  ]
}

function linesOf({ name, kind, help, values }: Metric, own: Readonly<Record<string, string>>): string[] {
  const samples = values.map(([labels, value]) => {
    const pairs = Object.entries({ ...own, ...labels }).map(([key, text]) => `${key}="${escaped(text)}"`)
    return `${name}{${pairs.join(',')}} ${value}`
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...samples]
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

export interface MetricsServer {
  readonly port: number
  close(): void
}

/** Answers `GET /metrics` on the loopback interface. @throws CliError when the port is taken */
export async function serveMetrics(port: number, text: () => string): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const isAsked = request.method === 'GET' && request.url === '/metrics'
    response.writeHead(isAsked ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    response.end(isAsked ? text() : 'there is /metrics only\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  }).catch((cause: unknown) => {
    const reason = causeChain(cause)
    const nextStep = 'choose another, or 0 for a free one'
    throw new CliError(exitCodes.usage, { thing: '--metrics-port', reason, nextStep }, { cause })
  })
  server.unref()
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
