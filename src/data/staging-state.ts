import type { ByteSpan } from './byte-ranges.js'

/** The stored bytes below what was written: how large they are, and a way to read them. */
export interface StagingBase {
  readonly sizeBytes: number
  read(offset: number, lengthBytes: number, signal?: AbortSignal): Promise<Uint8Array> | Uint8Array
}

/** Bytes in memory that somebody else makes use of again, when they are let go. */
export interface LentBytes {
  readonly bytes: Buffer
  readonly letGo: () => void
}

/** Who follows the bytes of a file that is written from its beginning to its end. */
export interface StagingFollower {
  /**
   * So much is on the disk, in the file at `path` of that moment.
   * @param last the bytes at its end, still in memory
   * @returns true when the follower keeps them
   */
  grow(sizeBytes: number, last?: LentBytes): boolean
  /** Bytes before the end change: what was followed is nothing any more. */
  abandon(reason: string): void
}

/** How big files that are written in order come to the disk: in large pieces, while the writer goes on. */
export interface StagingBuffering {
  readonly fromBytes: number
  readonly blockBytes: number
}

/** Programs write 128 KiB at a time, and each trip to the disk costs as much again as those. */
export const defaultBuffering: StagingBuffering = { fromBytes: 4 * 1024 * 1024, blockBytes: 1024 * 1024 }

export interface StagingOptions {
  readonly buffering?: StagingBuffering
  /** Whether the file is in memory while it is small. Default: where no stored bytes are below it. */
  readonly startsInMemory?: boolean
}

/** What of a staging file is kept elsewhere to open it again. */
export interface StagingState {
  readonly sizeBytes: number
  readonly written: readonly ByteSpan[]
  /** Bytes of the base from here on were cut off. */
  readonly baseEnd: number
}

/** The bytes that are to be kept, with what has to be known of them. */
export interface KeptState extends StagingState {
  readonly path: string
  readonly revision: number
  /** Keeps the bytes together with the text of their record. Undefined where the bytes are on the disk already. */
  readonly keepWith?: (text: string) => Promise<void>
}

/** All bytes of a file, while no change is made to them. */
export interface HeldBytes {
  readonly revision: number
  /** As that of the file, which would wait until they are let go. */
  readonly keep: KeepBytes
}

export type KeepBytes = (
  record: (kept: KeptState) => Promise<void>,
  options: { readonly isDurable: boolean },
) => Promise<void>
