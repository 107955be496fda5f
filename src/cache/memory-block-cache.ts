import { LRUCache } from 'lru-cache'
import type { MemoryBudget } from '../util/memory-budget.js'
import { bytesOfBlocks } from './block-cache.js'
import type { BlockCache, VersionKey } from './block-cache.js'

/** Blocks in memory, least recently used out first, as many as its budget leaves room for beside all else. */
export class MemoryBlockCache implements BlockCache {
  readonly blockSizeBytes: number
  readonly memoryBytes: number
  readonly budget: MemoryBudget
  readonly counters = { hits: 0, misses: 0 }
  readonly #blocks: LRUCache<string, Uint8Array>

  constructor(options: { blockSizeBytes: number; budget: MemoryBudget }) {
    const { blockSizeBytes, budget } = options
    this.blockSizeBytes = blockSizeBytes
    this.budget = budget
    this.memoryBytes = budget.limitBytes
    this.#blocks = new LRUCache({
      maxSize: Math.max(budget.limitBytes, blockSizeBytes),
      sizeCalculation: (bytes) => bytes.length,
      dispose: (bytes) => budget.uncache(bytes),
    })
    budget.onFull(() => this.#blocks.size > 1 && this.#blocks.pop() !== undefined)
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

  isInMemory(key: VersionKey, index: number): boolean {
    return this.has(key, index)
  }

  get(key: VersionKey, index: number): Uint8Array | undefined {
    const block = this.#blocks.get(`${index} ${key.id}`)
    this.counters[block ? 'hits' : 'misses']++
    return block
  }

  put(key: VersionKey, index: number, bytes: Uint8Array): void {
    const name = `${index} ${key.id}`
    if (this.#blocks.get(name) === bytes) return
    this.#blocks.set(name, bytes)
    this.budget.cache(bytes)
  }

  storedBytes(key: VersionKey): Promise<number> {
    return Promise.resolve(bytesOfBlocks(key, this.blockSizeBytes, (index) => this.has(key, index)))
  }

  ready(): undefined {
    return undefined
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
