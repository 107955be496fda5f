import type { MemoryBudget } from '../util/memory-budget.js'
import { blockCount } from './block-cache.js'
import type {
  AnswerOptions,
  BlockCache,
  ListedVersion,
  MaybePromise,
  Trust,
  VersionKey,
} from './block-cache.js'
import type { DiskBlockCache } from './disk-block-cache.js'
import type { MemoryBlockCache } from './memory-block-cache.js'

/** Memory over disk: what the disk gives is in memory from then on. */
export class TieredBlockCache implements BlockCache {
  readonly blockSizeBytes: number
  readonly #memory: MemoryBlockCache
  readonly #disk: DiskBlockCache

  constructor(memory: MemoryBlockCache, disk: DiskBlockCache) {
    this.blockSizeBytes = memory.blockSizeBytes
    this.#memory = memory
    this.#disk = disk
  }

  get budget(): MemoryBudget {
    return this.#memory.budget
  }

  get memoryBytes(): number {
    return this.#memory.memoryBytes
  }

  get capacityBytes(): number {
    return Math.max(this.#memory.capacityBytes, this.#disk.capacityBytes)
  }

  get storageBytes(): number {
    return this.#disk.storageBytes
  }

  has(key: VersionKey, index: number): boolean {
    return this.#memory.has(key, index) || this.#disk.has(key, index)
  }

  isInMemory(key: VersionKey, index: number): boolean {
    return this.#memory.has(key, index) || this.#disk.isInMemory(key, index)
  }

  answerVersion(listed: ListedVersion, options?: AnswerOptions): MaybePromise<string | undefined> {
    return this.#disk.answerVersion(listed, options)
  }

  refind(listed: ListedVersion): Promise<string | undefined> {
    return this.#disk.refind(listed)
  }

  get(key: VersionKey, index: number): MaybePromise<Uint8Array | undefined> {
    const known = this.#memory.get(key, index)
    if (known || index >= blockCount(key.sizeBytes, this.blockSizeBytes)) return known
    const found = this.#disk.get(key, index)
    if (!(found instanceof Promise)) return found
    return found.then((bytes) => {
      if (bytes) this.#memory.put(key, index, bytes)
      return bytes
    })
  }

  put(key: VersionKey, index: number, bytes: Uint8Array, trust: Trust): void {
    this.#memory.put(key, index, bytes)
    this.#disk.put(key, index, bytes, trust)
  }

  storedBytes(key: VersionKey): Promise<number> {
    return this.#disk.storedBytes(key)
  }

  ready(signal: AbortSignal): MaybePromise<void> {
    return this.#disk.ready(signal)
  }

  settled(): Promise<void> {
    return this.#disk.settled()
  }

  completePath(key: VersionKey): Promise<string | undefined> {
    return this.#disk.completePath(key)
  }

  take(key: VersionKey, path: string, trust: Trust): Promise<void> {
    return this.#disk.take(key, path, trust)
  }
}
