import { setMaxListeners } from 'node:events'
import type { BulkFailure, BulkPlan, BulkProgress } from '../data/bulk-fetch.js'
import type { FileReaders } from '../data/file-readers.js'
import type { Counters } from '../util/counters.js'
import type { Vfs } from '../vfs/vfs.js'

/** 'plan' and 'check' fetch nothing. */
export type PrefetchWhat = 'fetch' | 'plan' | 'check'

export interface PrefetchReport {
  readonly plan: BulkPlan
  /** How long it will take as fast as the server was so far; null where nothing is known of that. */
  readonly aboutSeconds: number | null
  readonly capacityBytes: number
  readonly progress: BulkProgress
  readonly failures: readonly BulkFailure[]
}

export interface PrefetchLayers {
  readonly vfs: Vfs
  readonly readers: FileReaders
  readonly counters: Counters
}

const tellMs = 250

/** In the process of a mount: brings what is at these paths, and below, into its cache. */
export async function prefetch(
  paths: readonly string[],
  what: PrefetchWhat,
  { vfs, readers, counters }: PrefetchLayers,
  { signal, tell }: { readonly signal: AbortSignal; readonly tell: (report: PrefetchReport) => void },
): Promise<PrefetchReport> {
  setMaxListeners(0, signal) // each request that is under way has one
  const batches = (await Promise.all(paths.map((path) => vfs.filesBelow(path, signal)))).flat()
  const bulk = await readers.bulk(batches)
  const report = (failures: readonly BulkFailure[] = []): PrefetchReport => ({
    plan: bulk.plan,
    aboutSeconds: aboutSeconds(bulk.plan, counters),
    capacityBytes: bulk.capacityBytes,
    progress: bulk.progress,
    failures,
  })
  if (what !== 'fetch' || !fits(report())) return report()
  const timer = setInterval(() => tell(report()), tellMs)
  try {
    tell(report())
    return report(await bulk.run(signal))
  } finally {
    clearInterval(timer)
  }
}

export function fits({ plan, capacityBytes }: PrefetchReport): boolean {
  return plan.bytes - plan.cachedBytes <= capacityBytes
}

/** Requests that are under way at once, about. */
const requestsAtOnce = 6

function aboutSeconds({ requests, bytes, cachedBytes }: BulkPlan, counters: Counters): number | null {
  if (requests === 0) return 0
  const { file, archive, listing } = counters.requests
  const sum = (of: (count: typeof file) => number): number => of(file) + of(archive) + of(listing)
  const count = sum((one) => one.count)
  const transferMs = file.busyMs - file.waitMs + archive.busyMs - archive.waitMs
  const transferredBytes = file.receivedBytes + archive.receivedBytes
  if (count === 0 || transferredBytes === 0) return null
  const waitMs = (requests / Math.min(requestsAtOnce, requests)) * (sum((one) => one.waitMs) / count)
  return (waitMs + ((bytes - cachedBytes) * Math.max(transferMs, 1)) / transferredBytes) / 1000
}
