import type { DiskCacheCounters } from '../cache/disk-block-cache.js'
import type { Counters } from '../util/counters.js'
import type { LoggedTrouble } from '../util/log.js'
import type { UnsentFile } from '../vfs/unsent-file.js'

/** All that is to be said of a mount, as `xnatfs status --json` says it. Plain data. */
export interface MountStatus {
  readonly version: string
  readonly pid: number
  readonly mountpoint: string
  readonly url: string
  readonly user: string
  /** ISO 8601. */
  readonly since: string
  readonly uptimeSeconds: number
  readonly isReadOnly: boolean
  readonly writeMode: 'close' | 'back'
  readonly driver: { readonly name: string; readonly why: string }
  readonly server: {
    /** Whether it answered when it was last asked. */
    readonly isReachable: boolean
    /** How often an older listing was shown because it did not. */
    readonly staleListings: number
    /** Why it has refused the log-in; null unless it has. Nothing is asked of it before `xnatfs refresh`. */
    readonly logInNeeded: string | null
  }
  readonly requests: Counters['requests']
  readonly memory: {
    readonly hits: number
    readonly misses: number
    readonly bytes: number
    readonly maxBytes: number
  }
  /** Null where nothing is kept on the disk. */
  readonly disk:
    | (Readonly<DiskCacheCounters> & {
        readonly directory: string
        /** Null until it was looked through. */
        readonly bytes: number | null
        readonly maxBytes: number
        /** Why it is left alone now. */
        readonly trouble: string | null
      })
    | null
  readonly ahead: Counters['ahead'] & { readonly unreadBytes: number }
  /** What the kernel has asked for, where the driver counts it. */
  readonly kernel: {
    readonly requests: number
    readonly readBytes: number
    readonly writtenBytes: number
    /** Files that the kernel reads by itself, opened so often. */
    readonly passthroughOpens: number
    /** Reads that the driver has answered from the disk cache by itself. */
    readonly servedReads: number
  } | null
  readonly pending: readonly Pick<UnsentFile, 'path' | 'sizeBytes' | 'reason'>[]
  /** The newest warnings and errors of the log, oldest first. */
  readonly troubles: readonly LoggedTrouble[]
}

/** @param stats the driver's own */
export function kernelStatus(stats: Readonly<Record<string, number>> | undefined): MountStatus['kernel'] {
  if (!stats) return null
  const others = new Set<string>(notRequests)
  const requests = Object.entries(stats).reduce((sum, [name, n]) => (others.has(name) ? sum : sum + n), 0)
  const { bytesRead = 0, bytesWritten = 0, passthroughOpens = 0, servedReads = 0 } = stats
  return { requests, readBytes: bytesRead, writtenBytes: bytesWritten, passthroughOpens, servedReads }
}

const notRequests = [
  'inFlight',
  'batches',
  'bytesRead',
  'bytesWritten',
  'lateReplies',
  'undoneReplies',
  'copiedWrites',
  'notifications',
  'noticesWaiting',
  'passthroughOpens',
  'servedReads',
  'sharedOpens',
  'furnishedReads',
  'hasPassthrough',
]
