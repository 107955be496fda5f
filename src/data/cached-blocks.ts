import type { MaybePromise } from '../archive/archive.js'
import { blockCount, versionKey } from '../cache/block-cache.js'
import type { BlockCache, ListedVersion, Trust, VersionKey } from '../cache/block-cache.js'
import type { Pieces } from '../util/pieces.js'
import { withSignal } from '../util/single-flight.js'
import { bytesOfBlocks, indexesOf } from './byte-ranges.js'

export type FoundBlock = Uint8Array | undefined

export interface CachedBlocksOptions {
  readonly cache: BlockCache
  /** The version that earlier answers told, if any did. */
  readonly answerVersion: string | undefined
  /** It is known that the cache has nothing of an earlier mount. */
  readonly isAbsent?: boolean
  /** What a cache has of an earlier mount is going to be used, unless this fails or names another version. */
  readonly confirm: (answerVersion: string) => MaybePromise<void>
}

/**
 * What a cache has of the one version of a file that a reader reads. Which one that is comes from the first answer of
 * the server, or from what the cache kept of an earlier mount.
 */
export class CachedBlocks {
  readonly #listed: ListedVersion
  readonly #options: CachedBlocksOptions
  #key: VersionKey | undefined
  #recovery: MaybePromise<void> | undefined
  #isRecovered = false

  constructor(listed: ListedVersion, options: CachedBlocksOptions) {
    this.#listed = listed
    this.#options = options
    this.#isRecovered = options.isAbsent ?? false
    if (options.answerVersion !== undefined) this.settle(options.answerVersion)
  }

  get answerVersion(): string | undefined {
    return this.#key?.answerVersion
  }

  settle(answerVersion: string): void {
    this.#key = versionKey(this.#listed, answerVersion)
  }

  get(index: number): MaybePromise<FoundBlock> {
    return this.#key && this.#options.cache.get(this.#key, index)
  }

  put(index: number, block: Uint8Array, trust: Trust): void {
    if (this.#key) this.#options.cache.put(this.#key, index, block, trust)
  }

  /** All bytes are in a file that is not changed any more. It may be removed when this resolves. */
  async take(path: string, trust: Trust): Promise<void> {
    if (this.#key) await this.#options.cache.take(this.#key, path, trust)
  }

  /** Several blocks in a row. Not a promise where all that is known is at hand. */
  lookUp(indexes: readonly number[]): MaybePromise<readonly FoundBlock[]> {
    const blocks = indexes.map((index) => this.get(index))
    if (blocks.every(isAtHand)) return blocks
    return Promise.all(blocks.map(async (block) => block)).then((found) =>
      found.map((block, i) => {
        const now = block ?? this.get(indexes[i]!) // others may have come while the disk was asked
        return isAtHand(now) ? now : undefined
      }),
    )
  }

  /** All bytes of the file; undefined where some are elsewhere. */
  allAtHand(): Pieces | undefined {
    const span = { start: 0, end: this.#listed.sizeBytes }
    const blocks = this.lookUp(indexesOf(span, this.#options.cache.blockSizeBytes))
    if (isAtHand(blocks)) return blocks.every(isBlock) ? bytesOfBlocks(blocks, 0, span) : undefined
    blocks.catch(() => {}) // a disk that fails is for who reads
    return undefined
  }

  /** To be called before the first look-up: asks the cache, once, which version it has. */
  recover(signal: AbortSignal | undefined): MaybePromise<void> {
    if (this.#key || this.#isRecovered) return undefined
    this.#recovery ??= this.#ask()
    return this.#recovery instanceof Promise ? withSignal(this.#recovery, signal) : undefined
  }

  /** Asks the cache anew: another process may have brought what it did not have. */
  async refind(): Promise<void> {
    await this.#adopt(this.#options.cache.refind(this.#listed))
  }

  #ask(): MaybePromise<void> {
    const known = this.#options.cache.answerVersion(this.#listed, { willRead: true })
    if (known === undefined) {
      this.#isRecovered = true
      return undefined
    }
    return this.#adopt(known).finally(() => (this.#recovery = undefined))
  }

  async #adopt(asked: MaybePromise<string | undefined>): Promise<void> {
    const known = await asked
    if (known !== undefined && !this.#key) {
      await this.#options.confirm(known)
      if (!this.#key) this.settle(known)
    }
    this.#isRecovered = true
  }
}

/**
 * All blocks of a file that a cache has, as far as it has them.
 * @param known which version an answer of the server has told
 */
export async function wholeFile(
  cache: BlockCache,
  listed: ListedVersion,
  known: string | undefined,
): Promise<{ readonly answerVersion: string; readonly blocks: readonly Uint8Array[] } | undefined> {
  const answerVersion = known ?? (await cache.answerVersion(listed, { willRead: true }))
  if (answerVersion === undefined) return undefined
  const key = versionKey(listed, answerVersion)
  const blocks: Uint8Array[] = []
  for (let index = 0; index < blockCount(listed.sizeBytes, cache.blockSizeBytes); index++) {
    const found = cache.get(key, index)
    const block = isAtHand(found) ? found : await found
    if (!block) return undefined
    blocks.push(block)
  }
  return { answerVersion, blocks }
}

function isBlock(block: FoundBlock): block is Uint8Array {
  return block !== undefined
}

export function isAtHand<T>(value: MaybePromise<T>): value is T {
  return !(value instanceof Promise)
}
