import { stat, statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { BlockCache } from '../cache/block-cache.js'
import { CacheDisk } from '../cache/cache-disk.js'
import { formatDirectory, serverDirectory, userDirectory } from '../cache/cache-layout.js'
import { CacheLeases } from '../cache/cache-leases.js'
import { CacheRoom } from '../cache/cache-room.js'
import { CacheWriterId } from '../cache/cache-writer-id.js'
import { DiskBlockCache } from '../cache/disk-block-cache.js'
import type { DiskCacheCounters } from '../cache/disk-block-cache.js'
import { DiskListings } from '../cache/disk-listings.js'
import { KnownUser } from '../cache/known-user.js'
import { MemoryBlockCache } from '../cache/memory-block-cache.js'
import { TieredBlockCache } from '../cache/tiered-block-cache.js'
import { makeDirectories } from '../util/make-directories.js'
import { MemoryBudget } from '../util/memory-budget.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import type { WholeFiles } from '../util/whole-files.js'
import type { MountStatus } from './mount-status.js'
import type { MountFlags } from './flags.js'
import { ownUid, xdgDirectory } from './home-directory.js'

/** Blocks of the cache, and the largest read of the portable driver. */
const blockSizeBytes = 128 * 1024
/** Of the disk, when --cache-size does not say. */
const defaultShare = 0.1
const smallestDefault = 1024 ** 3
const largestDefault = 100 * 1024 ** 3

export interface MountCachePlan {
  readonly url: string
  /** Undefined: a guest. */
  readonly user: string | undefined
  readonly flags: Pick<MountFlags, 'cache' | 'cacheDir' | 'cacheSize' | 'memory'>
  readonly log: Log
  /** Empties a buffer and gives its memory back at once, where there is something that can. */
  readonly freeMemory?: ((memory: ArrayBuffer) => void) | undefined
  readonly wholeFiles?: WholeFiles | undefined
}

/** What a mount keeps: blocks in memory, and on the disk blocks, listings and the log-in, unless --no-cache. */
export class MountCache {
  readonly blocks: BlockCache
  readonly listings: DiskListings | undefined
  readonly user: KnownUser | undefined
  readonly leases: CacheLeases | undefined
  readonly #memory: MemoryBlockCache
  readonly #parts: DiskParts | undefined
  readonly #disk: DiskBlockCache | undefined
  readonly #room: CacheRoom | undefined

  private constructor(memory: MemoryBlockCache, parts?: DiskParts) {
    this.blocks = parts ? new TieredBlockCache(memory, parts.disk) : memory
    this.listings = parts?.listings
    this.user = parts?.user
    this.leases = parts?.leases
    this.#memory = memory
    this.#parts = parts
    this.#disk = parts?.disk
    this.#room = parts?.room
  }

  /** Never fails: without a disk there is memory. */
  static async open(plan: MountCachePlan): Promise<MountCache> {
    const { flags, log, freeMemory } = plan
    const budget = new MemoryBudget(flags.memory * 1024 * 1024, freeMemory)
    const memory = new MemoryBlockCache({ blockSizeBytes, budget })
    if (!flags.cache) return new MountCache(memory)
    const root = cacheRoot(flags.cacheDir)
    try {
      await prepareCacheRoot(root)
      const maxBytes = flags.cacheSize ?? (await defaultCacheBytes(root))
      const parts = openDisk(plan, root, maxBytes, budget)
      await parts.leases.announce()
      return new MountCache(memory, parts)
    } catch (error) {
      log.warn(`no disk cache in ${root}: ${causeChain(error)}; going on with memory only`)
      return new MountCache(memory)
    }
  }

  get memoryStatus(): MountStatus['memory'] {
    const { counters, sizeBytes, memoryBytes } = this.#memory
    return { ...counters, bytes: sizeBytes, maxBytes: memoryBytes }
  }

  get diskStatus(): MountStatus['disk'] {
    if (!this.#parts) return null
    const { root, disk, room, trouble } = this.#parts
    const { maxBytes, usedBytes } = room
    return {
      ...disk.counters,
      directory: root,
      bytes: usedBytes ?? null,
      maxBytes,
      trouble: trouble() ?? null,
    }
  }

  /** What the disk was good for; undefined without one. */
  get counters(): DiskCacheCounters | undefined {
    return this.#disk?.counters
  }

  async settled(): Promise<void> {
    await this.#disk?.settled()
    await this.listings?.settled()
  }

  async close(): Promise<void> {
    await this.listings?.settled()
    await this.leases?.close()
    await this.#disk?.close()
    await this.#room?.close()
  }
}

interface DiskParts {
  readonly root: string
  readonly trouble: () => string | undefined
  readonly disk: DiskBlockCache
  readonly listings: DiskListings
  readonly user: KnownUser
  readonly leases: CacheLeases
  readonly room: CacheRoom
}

function openDisk(
  { url, user, log, wholeFiles }: MountCachePlan,
  root: string,
  maxBytes: number,
  budget: MemoryBudget,
): DiskParts {
  const disk = new CacheDisk({ log, wholeFiles })
  const room = new CacheRoom({ root, disk, maxBytes })
  const server = serverDirectory(root, url)
  const writer = new CacheWriterId(server, disk)
  const own = userDirectory(server, user)
  return {
    root,
    trouble: () => disk.trouble,
    room,
    disk: new DiskBlockCache({ blockSizeBytes, disk, server, room, writer, budget }),
    listings: new DiskListings({ disk, server, user: own, room, writer }),
    leases: new CacheLeases({ server, disk, writer }),
    user: new KnownUser(disk, server, own, writer),
  }
}

export function cacheRoot(flag: string | undefined): string {
  if (flag !== undefined) return resolve(flag)
  return resolve(xdgDirectory('XDG_CACHE_HOME', '.cache'), 'xnatfs')
}

/** Makes what is missing, for this user's eyes only. @throws Error when it is somebody else's or cannot be made */
async function prepareCacheRoot(root: string): Promise<void> {
  const directory = formatDirectory(root)
  await makeDirectories(directory, { mode: 0o700 })
  const { uid, mode } = await stat(directory)
  if (uid !== ownUid()) throw new Error(`${directory} belongs to another user`)
  if ((mode & 0o077) !== 0) throw new Error(`${directory} is open to others; run \`chmod 700 ${directory}\``)
}

export async function defaultCacheBytes(root: string): Promise<number> {
  const { blocks, bsize } = await statfs(root)
  return Math.min(Math.max(blocks * bsize * defaultShare, smallestDefault), largestDefault)
}
