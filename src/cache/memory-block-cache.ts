import { LRUCache } from 'lru-cache'
import { bytesOfBlocks } from './block-cache.js'
import type { BlockCache, VersionKey } from './block-cache.js'

/** What a block costs beyond its bytes: keys, map entries, the Buffer object. */
const overheadBytes = 256

/** Blocks in memory, least recently used out first, bounded in bytes. */
export class MemoryBlockCache implements BlockCache {
  readonly blockSizeBytes: number
  readonly memoryBytes: number
  readonly counters = { hits: 0, misses: 0 }
  readonly #blocks: LRUCache<string, Uint8Array>

  constructor(options: { blockSizeBytes: number; maxBytes: number }) {
    this.blockSizeBytes = options.blockSizeBytes
    this.memoryBytes = options.maxBytes
    this.#blocks = new LRUCache({
      maxSize: Math.max(options.maxBytes, options.blockSizeBytes + overheadBytes),
      sizeCalculation: (bytes) => bytes.length + overheadBytes,
    })
  }

  get capacityBytes(): number {
    return this.memoryBytes
  }

  get storageBytes(): number {
    return this.memoryBytes
  }

  get sizeBytes(): number {
    return this.#blocks.calculatedSize
  }

  /** Memory lasts no longer than the mount, whose readers know what they were told. */
  answerVersion(): undefined {
    return undefined
  }

  refind(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  has(key: VersionKey, index: number): boolean {
    return this.#blocks.has(`${index} ${key.id}`)
  }

  get(key: VersionKey, index: number): Uint8Array | undefined {
    const block = this.#blocks.get(`${index} ${key.id}`)
    this.counters[block ? 'hits' : 'misses']++
    return block
  }

  put(key: VersionKey, index: number, bytes: Uint8Array): void {
    this.#blocks.set(`${index} ${key.id}`, bytes)
  }

  storedBytes(key: VersionKey): Promise<number> {
    return Promise.resolve(bytesOfBlocks(key, this.blockSizeBytes, (index) => this.has(key, index)))
  }

  settled(): Promise<void> {
    return Promise.resolve()
  }

  completePath(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  /** A file is no less room than the memory that it would fill. */
  take(): Promise<void> {
    return Promise.resolve()
  }
}
