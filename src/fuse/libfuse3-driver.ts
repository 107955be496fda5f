import { availableParallelism } from 'node:os'
import type {
  DriverProbe,
  FuseDriver,
  FuseMount,
  FuseOperations,
  KernelCache,
  MountOptions,
} from './driver.js'
import { probeFuseDevice, isOnPath, unavailable } from './fuse-device.js'
import { sleep } from '../util/sleep.js'
import { raiseReadAhead } from './kernel-read-ahead.js'
import { mountAt, unmounted } from './mountpoint.js'
import { loadNativeBinding } from './native-binding.js'
import type { NativeBinding, NativeSession, SessionMemory } from './native-binding.js'
import { NativeRequests } from './native-requests.js'
import { pooledMd5 } from './native-digests.js'
import { wholeFiles } from './native-whole-files.js'
import type { Md5 } from '../util/md5.js'
import type { WholeFiles } from '../util/whole-files.js'

/** A thread that waits on the caller's processor is woken soonest; more than four gained nothing (measured). */
const threads = Math.max(2, Math.min(4, availableParallelism()))

/**
 * To look after the local file and to open it takes longer than JavaScript needs for what is shorter (measured). What is
 * not backed may be opened by the threads: never both, for the kernel wants all handles of an inode to be of one kind.
 */
const backedFromBytes = 256 * 1024

/** The addon in native/: libfuse3's low-level interface, by inode, with threads of its own. */
export class Libfuse3Driver implements FuseDriver {
  readonly name = 'libfuse3'

  get freeMemory(): NativeBinding['freeMemory'] {
    return loadNativeBinding().freeMemory
  }

  get wholeFiles(): WholeFiles {
    return wholeFiles(loadNativeBinding())
  }

  get md5(): Md5 {
    return pooledMd5(loadNativeBinding())
  }

  readonly opensApart = true

  readonly canOpenUntold = true

  backsFromBytes(): number {
    return backedFromBytes
  }

  async probe(): Promise<DriverProbe> {
    const trouble = await probeFuseDevice()
    if (trouble) return trouble
    if (process.getuid!() !== 0 && !(await isOnPath('fusermount3')))
      return unavailable('the program fusermount3 is not there', 'install it: `apt-get install fuse3`')
    try {
      loadNativeBinding()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return unavailable(
        `the driver libfuse3 cannot be loaded: ${reason}`,
        'build it with `npm run build:native`',
      )
    }
    return { isAvailable: true }
  }

  async mount(operations: FuseOperations, options: MountOptions): Promise<FuseMount> {
    const binding = loadNativeBinding()
    const memory = allocate(binding)
    const requests = new NativeRequests(operations, memory, binding, options.entryTimeoutMs)
    const { session, ready, ended } = open(binding, memory, requests, options)
    requests.serve(session)
    await ready
    const mounted = await mountAt(options.mountpoint)
    if (mounted) await raiseReadAhead(mounted.device)
    const cache = kernelCache(session, requests)
    return {
      closed: mounted ? Promise.race([ended, unmounted(mounted.id)]) : ended,
      end: () => {
        session.close()
        return ended
      },
      stats: () => session.stats(),
      settle: (ino) => {
        cache.dropAttributes(ino)
        return cache.told()
      },
      cache,
    }
  }
}

/** The kernel reads by itself only what root has said; and of a file that may be written, never. */
function wantsPassthrough(isReadOnly: boolean): boolean {
  return isReadOnly && process.getuid!() === 0
}

interface OpenSession {
  readonly session: NativeSession
  readonly ready: Promise<void>
  readonly ended: Promise<void>
}

function open(
  binding: NativeBinding,
  memory: SessionMemory,
  requests: NativeRequests,
  options: MountOptions,
): OpenSession {
  const opensUntold = options.opensUntold ?? false
  let onReady!: () => void
  let onFailed!: (error: Error) => void
  let onEnded!: () => void
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve
    onFailed = reject
  })
  const ended = new Promise<void>((resolve) => (onEnded = resolve))
  const session = new binding.Session(
    {
      ...options,
      threads,
      opensUntold,
      wantsPassthrough: !opensUntold && wantsPassthrough(options.isReadOnly),
    },
    memory,
    {
      onReady,
      onBatch: (count) => requests.handle(count),
      onEnded: (failure) => {
        onFailed(new Error(failure ?? 'the mount was gone before it answered'))
        requests.end()
        onEnded()
      },
    },
  )
  return { session, ready, ended }
}

function allocate(binding: NativeBinding): SessionMemory {
  const { batchRows, requestRow, attributeRows, attributeRow, nameBytes } = binding
  const count = threads + binding.spareBuffers
  return {
    requests: new Float64Array(batchRows * requestRow),
    requestNames: Buffer.alloc(batchRows * 2 * nameBytes),
    attributes: new Float64Array(attributeRows * attributeRow),
    attributeNames: Buffer.alloc((attributeRows + 1) * nameBytes), // so that a name that is too long is noticed
    // Not filled, so that what is never used takes no memory.
    buffers: Array.from({ length: count }, () => Buffer.allocUnsafeSlow(binding.bufferBytes)),
  }
}

/** The kernel may make a notice wait for a request that holds a page or a directory. */
const longestNoticeMs = 1000

function kernelCache(session: NativeSession, requests: NativeRequests): KernelCache {
  return {
    told: async () => {
      const endMs = Date.now() + longestNoticeMs
      while (session.stats()['noticesWaiting']! > 0 && Date.now() < endMs) await sleep(2)
    },
    expireOpens: () => requests.expireOpens(),
    dropPages: (ino) => session.invalidateInode(ino, 0, 0),
    dropAttributes: (ino) => {
      requests.forgetOpens(ino)
      session.invalidateInode(ino, -1, 0)
    },
    dropName: (parent, name) => session.invalidateEntry(parent, name),
    storePages: (ino, offset, bytes) => session.storePages(ino, offset, bytes),
  }
}
