import { Zips } from '../archive/zips.js'
import { XnatArchive } from '../archive/xnat-archive.js'
import { FetchTurns } from '../data/fetch-turns.js'
import { FileReaders } from '../data/file-readers.js'
import { Counters } from '../util/counters.js'
import type { Log } from '../util/log.js'
import type { Md5 } from '../util/md5.js'
import type { KernelTraits } from '../vfs/kernel-traits.js'
import { Vfs } from '../vfs/vfs.js'
import type { Reach } from '../xnat/dispatcher.js'
import { Http } from '../xnat/http.js'
import type { RetryPolicy } from '../xnat/retry.js'
import { Session } from '../xnat/session.js'
import type { Credentials, SessionOptions } from '../xnat/session.js'
import { Traffic } from '../xnat/traffic.js'
import type { MountCache } from './mount-cache.js'
import type { MountFlags } from './flags.js'
import { version } from './version.js'

/** Files that are sent while they are written hold connections for long: most are for others. */
const mostStreams = 2
const connectionsPerStream = 4
/** Directories that are listed ahead at a time: most connections are for what somebody waits for. */
const mostListsAhead = 4
const connectionsPerList = 4
/** An archive that a bulk fetch asks for holds a connection for long: some are left to those who wait for what they read. */
const shareOfBulkFetch = 3 / 8
/** What is believed no longer than this may be out of date before it is come to. */
const leastTtlSeconds = 5
/** New empty files wait this long for their bytes. */
const emptyFileMs = 1000

export interface AssemblyPlan {
  readonly url: string
  readonly credentials: Credentials | undefined
  readonly flags: MountFlags
  readonly log: Log
  readonly cache: MountCache
  readonly kernel?: KernelTraits
  /** Called when something may have become known of a file. */
  readonly onNews?: () => void
  /** The kernel is not to believe any more what it was told of a name. */
  readonly dropName?: (parent: number, name: string) => void
  readonly md5?: Md5 | undefined
  /** The journal directory of this mount. */
  readonly stagingDirectory: string
  /** So long the server may take for what nobody waits for any more; default: `overdueMs`. */
  readonly overdueMs?: number | undefined
  /** How often the server is asked again, and after what waits; default: `defaultRetryPolicy`. */
  readonly retry?: RetryPolicy | undefined
  readonly reach?: Reach
  readonly latest?: SessionOptions['latest']
  readonly onRefused?: SessionOptions['onRefused']
}

export interface Assembly {
  readonly session: Session
  readonly vfs: Vfs
  readonly archive: XnatArchive
  readonly readers: FileReaders
  readonly counters: Counters
  /** Whatever waits for the server fails, now and from now on. */
  hangUp(): Promise<void>
  /** Ends the server's session and every connection. What is unsent is not sent. */
  close(): Promise<void>
}

/** Builds the layers of one mount, from the server up to the file system. The only place that knows all of them. */
export function assemble(plan: AssemblyPlan): Assembly {
  const { url, credentials, reach, flags, log, cache, stagingDirectory, latest, onRefused } = plan
  const counters = new Counters()
  const http = new Http({
    baseUrl: url,
    userAgent: `xnatfs/${version()}`,
    connections: flags.connections,
    ...(reach && { reach }),
    ...(plan.retry && { retry: plan.retry }),
    observer: new Traffic(counters, flags.traceHttp ? log : undefined),
  })
  const session = new Session(http, credentials, {
    ...(latest && { latest }),
    ...(onRefused && { onRefused }),
  })
  const zips = new Zips({ session, log, directory: stagingDirectory })
  const archive = new XnatArchive({
    session,
    log,
    listingTtlMs: flags.listingTtl * 1000,
    onNews: plan.onNews,
    listingStore: cache.listings,
    mostStreams: Math.min(mostStreams, Math.floor(flags.connections / connectionsPerStream)),
    allowRawWrites: flags.allowRawWrites ?? false,
    allowRelabel: flags.allowRename === 'entities',
    allowCreate: flags.allowCreate === 'entities',
    allowDelete: flags.allowDelete === 'entities',
    sessionType: flags.sessionType,
    assessorType: flags.assessorType,
    overdueMs: plan.overdueMs,
    zips,
    md5: plan.md5,
  })
  const readers = new FileReaders({
    archive,
    cache: cache.blocks,
    log,
    md5: plan.md5,
    spoolDirectory: stagingDirectory,
    counters,
    bulkTasks: Math.max(1, Math.floor(flags.connections * shareOfBulkFetch)),
    turns: cache.leases && new FetchTurns({ leases: cache.leases, cache: cache.blocks, log }),
  })
  const vfs = new Vfs({
    archive,
    readers,
    log,
    stagingDirectory,
    writeMode: flags.writeMode,
    listsAhead: listsAhead(flags),
    isReadOnly: flags.readOnly ?? false,
    overdueMs: plan.overdueMs,
    ...plan.kernel,
    dropName: plan.dropName,
    quietMs: flags.writeMode === 'back' ? flags.writeBackDelay * 1000 : emptyFileMs,
    uid: flags.uid ?? process.getuid!(),
    gid: flags.gid ?? process.getgid!(),
    umask: flags.umask,
  })
  return {
    session,
    vfs,
    archive,
    readers,
    counters,
    hangUp: () => http.hangUp(),
    close: async () => {
      await readers.stop()
      zips.close()
      await session.end().catch(() => {}) // the server forgets the session by itself
      await http.close()
      await cache.close()
    },
  }
}

function listsAhead({ connections, listingTtl }: MountFlags): number {
  return listingTtl < leastTtlSeconds
    ? 0
    : Math.min(mostListsAhead, Math.floor(connections / connectionsPerList))
}
