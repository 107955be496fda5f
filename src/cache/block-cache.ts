import type { MemoryBudget } from '../util/memory-budget.js'

/** One version of one file as a listing has it. */
export interface ListedVersion {
  /** Identity of the stored file on its server. */
  readonly file: string
  readonly version: string
  readonly sizeBytes: number
  /** Lower-case hex MD5 of the bytes, where the server keeps one. */
  readonly digest: string | undefined
}

/** One version of one file, as the answers that brought its bytes tell it too. */
export interface VersionKey extends ListedVersion {
  readonly answerVersion: string
  /** Equal for equal keys. */
  readonly id: string
}

export function versionKey(listed: ListedVersion, answerVersion: string): VersionKey {
  const { file, version, sizeBytes, digest } = listed
  return { file, version, sizeBytes, digest, answerVersion, id: `${file} ${version} ${answerVersion}` }
}

/**
 * What is known of the bytes that a cache is given. 'proven': the whole file was compared with its digest, or has none.
 * 'unproven': a part of the file. 'doubtful': they are not what the digest says; shown, but not to outlive the mount.
 */
export type Trust = 'proven' | 'unproven' | 'doubtful'

export interface AnswerOptions {
  /** The blocks are asked for next: a small file may be read at once. */
  readonly willRead: boolean
}

/**
 * Blocks of files, kept while there is room. A miss is `undefined`; trouble inside a cache is a miss too.
 *
 * A key names one version of one file, so what is stale is simply never asked for again. All blocks of a file but its
 * last have `blockSizeBytes`.
 */
export interface BlockCache {
  readonly blockSizeBytes: number
  /** The memory of the mount. */
  readonly budget: MemoryBudget
  /** What it can keep in memory, and anywhere. */
  readonly memoryBytes: number
  readonly capacityBytes: number
  /** What it can keep so that it stays: on the disk, where there is one. */
  readonly storageBytes: number
  /** Whether a block is known to be here, without asking the disk. */
  has(key: VersionKey, index: number): boolean
  /** Whether it can be had without the disk. */
  isInMemory(key: VersionKey, index: number): boolean
  /** What the answers told when the blocks came that are kept of a listed version, if any are. */
  answerVersion(listed: ListedVersion, options?: AnswerOptions): MaybePromise<string | undefined>
  /** The same, looked at anew: other processes may have put something there since. */
  refind(listed: ListedVersion): Promise<string | undefined>
  /**
   * Not a promise where it is known at once: a hit in memory, or a miss. The bytes are the cache's: who looks at them
   * later than in the turn they come in says so to `budget.use` before he asks.
   */
  get(key: VersionKey, index: number): MaybePromise<Uint8Array | undefined>
  /** The cache keeps `bytes`: from now on the caller does not change them, and uses them as if he had got them. */
  put(key: VersionKey, index: number, bytes: Uint8Array, trust: Trust): void
  /**
   * The path of a plain file that has exactly these bytes, each of them found right since it was last changed, where there
   * is one; also undefined while a large one is still being looked through. It is never written to; when it is evicted
   * it is unlinked.
   */
  completePath(key: VersionKey): Promise<string | undefined>
  /** Bytes of a version that are here to stay: on the disk, where there is one. */
  storedBytes(key: VersionKey): Promise<number>
  /** Resolves when it is time to bring more: a disk that is slower than the network is waited for, within reason. */
  ready(signal: AbortSignal): MaybePromise<void>
  /** Resolves when everything given so far is stored, or is not going to be. */
  settled(): Promise<void>
  /** All bytes are in a file that is not changed any more. It may be removed when this resolves. */
  take(key: VersionKey, path: string, trust: Trust): Promise<void>
}

export type MaybePromise<T> = T | Promise<T>

export function blockCount(sizeBytes: number, blockSizeBytes: number): number {
  return Math.ceil(sizeBytes / blockSizeBytes)
}

/** Of the block with this index; the last one may be shorter. */
export function blockLength(sizeBytes: number, blockSizeBytes: number, index: number): number {
  return Math.min(blockSizeBytes, sizeBytes - index * blockSizeBytes)
}

/** The bytes of those blocks of a version that are there. */
export function bytesOfBlocks(
  { sizeBytes }: VersionKey,
  blockSizeBytes: number,
  isThere: (index: number) => boolean,
): number {
  let bytes = 0
  for (let index = 0; index < blockCount(sizeBytes, blockSizeBytes); index++) {
    if (isThere(index)) bytes += blockLength(sizeBytes, blockSizeBytes, index)
  }
  return bytes
}
