import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach } from 'vitest'
import type { ListedVersion, VersionKey } from '../../src/cache/block-cache.js'
import { versionKey } from '../../src/cache/block-cache.js'
import { CacheDisk } from '../../src/cache/cache-disk.js'
import type { CacheFs } from '../../src/cache/cache-disk.js'
import { completePath, fileId, partDirectory, serverDirectory } from '../../src/cache/cache-layout.js'
import { CacheRoom } from '../../src/cache/cache-room.js'
import { CacheWriterId } from '../../src/cache/cache-writer-id.js'
import { DiskBlockCache } from '../../src/cache/disk-block-cache.js'
import { MemoryBudget } from '../../src/util/memory-budget.js'
import type { WholeFiles } from '../../src/util/whole-files.js'
import { Log } from '../../src/util/log.js'
import { md5, patternBytes } from './byte-source.js'

export const blockSizeBytes = 1024

export interface TestCache {
  readonly cache: DiskBlockCache
  readonly disk: CacheDisk
  readonly room: CacheRoom
  readonly writer: CacheWriterId
  readonly server: string
  readonly lines: string[]
}

export interface TestCacheOptions {
  readonly fs?: CacheFs
  readonly wholeFiles?: WholeFiles
  readonly now?: () => number
  readonly maxBytes?: number
  readonly keepFreeBytes?: number
  readonly budget?: MemoryBudget
  readonly blockBytes?: number
}

/** What one mount has of a cache directory. */
export function openTestCache(root: string, options: TestCacheOptions = {}): TestCache {
  const {
    maxBytes = 64 * 1024 * 1024,
    keepFreeBytes = 0,
    budget = new MemoryBudget(128 * 1024 * 1024),
    blockBytes = blockSizeBytes,
  } = options
  const lines: string[] = []
  const disk = new CacheDisk({ log: new Log({ write: (line) => lines.push(line) }), ...options })
  const room = new CacheRoom({ root, disk, maxBytes, keepFreeBytes })
  const server = serverDirectory(root, 'https://xnat.example.org')
  const writer = new CacheWriterId(server, disk)
  const cache = new DiskBlockCache({ blockSizeBytes: blockBytes, disk, server, room, writer, budget })
  return { cache, disk, room, writer, server, lines }
}

export interface TestFile {
  readonly bytes: Buffer
  readonly listed: ListedVersion
  readonly key: VersionKey
  readonly blocks: readonly Buffer[]
}

export function testFile(name: string, sizeBytes: number, changes: Partial<ListedVersion> = {}): TestFile {
  const bytes = patternBytes(sizeBytes, crc32(name) % 251)
  const listed = { file: name, version: 'v1', sizeBytes, digest: md5(bytes), ...changes }
  const blocks: Buffer[] = []
  for (let at = 0; at < sizeBytes; at += blockSizeBytes) blocks.push(bytes.subarray(at, at + blockSizeBytes))
  return { bytes, listed, key: versionKey(listed, 'a1'), blocks }
}

/** As a reader of a small file does: all of it at once. */
export async function putWhole({ cache }: TestCache, { key, blocks }: TestFile): Promise<void> {
  for (const [index, block] of blocks.entries()) cache.put(key, index, block, 'proven')
  await cache.settled()
}

export async function putBlocks(
  { cache }: TestCache,
  { key, blocks }: TestFile,
  indexes: readonly number[],
): Promise<void> {
  for (const index of indexes) {
    cache.put(key, index, blocks[index]!, 'unproven')
    await cache.settled()
  }
}

/** Which blocks the cache has; fails if one is not what it should be. */
export async function found({ cache }: TestCache, { key, blocks }: TestFile): Promise<number[]> {
  const indexes: number[] = []
  for (const [index, block] of blocks.entries()) {
    const bytes = await cache.get(key, index)
    if (bytes && !block.equals(bytes)) throw new Error(`block ${index} of ${key.file} is wrong`)
    if (bytes) indexes.push(index)
  }
  return indexes
}

export function pathOf({ server }: TestCache, { listed }: TestFile): string {
  return completePath(server, fileId(listed.file, listed.version))
}

export function partPath({ server, writer }: TestCache, { listed }: TestFile): string {
  return join(partDirectory(server, fileId(listed.file, listed.version)), `${writer.id}.part`)
}

export async function closeTestCache({ cache, room }: TestCache): Promise<void> {
  await cache.close()
  await room.close()
}

/** For each test: a cache directory that is not there yet, and what several mounts have of it, one after the other or together. */
export interface TestCaches {
  readonly root: string
  readonly start: (options?: TestCacheOptions) => TestCache
  readonly stop: (one: TestCache) => Promise<void>
}

/** Registers what comes before and after each test of the file. */
export function useTestCaches(): TestCaches {
  let folder: string
  let opened: Set<TestCache>
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
    opened = new Set()
  })
  afterEach(async () => {
    for (const one of opened) await closeTestCache(one)
    await rm(folder, { recursive: true })
  })
  const rootOf = (): string => join(folder, 'xnatfs')
  return {
    get root() {
      return rootOf()
    },
    start: (options) => {
      const one = openTestCache(rootOf(), options)
      opened.add(one)
      return one
    },
    stop: async (one) => {
      opened.delete(one)
      await closeTestCache(one)
    },
  }
}
