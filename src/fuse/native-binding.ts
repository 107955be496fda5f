import { createRequire } from 'node:module'
import type { OpenReply } from './driver.js'
import type { WholeFiles } from '../util/whole-files.js'

/**
 * What native/ exports. Requests come in rows of numbers, with their names behind one another in a buffer; attributes go
 * back in the same way (native/protocol.h).
 */
export interface NativeBinding {
  /** Names of the operations, in the order of their numbers. */
  readonly operations: readonly string[]
  readonly requestRow: number
  readonly batchRows: number
  readonly attributeRow: number
  readonly attributeRows: number
  readonly nameBytes: number
  readonly bufferBytes: number
  readonly spareBuffers: number
  /** What the session's threads give out by themselves are handles above this one. */
  readonly firstSharedHandle: number
  readonly libfuseVersion: string
  /** Detaches a buffer, which is empty then, and gives its memory back. */
  readonly freeMemory: (memory: ArrayBuffer) => void
  /** As `WholeFiles`, but for what they reject with: {errno, syscall, path}. */
  readonly readWhole: WholeFiles['read']
  readonly putWhole: WholeFiles['put']
  readonly areThere: WholeFiles['areThere']
  /** As `Md5`, and of each piece by itself; absent where this Node.js does not offer what they need. */
  readonly md5?: (pieces: readonly Uint8Array[]) => Promise<string>
  readonly crc32?: (pieces: readonly Uint8Array[]) => Promise<readonly number[]>
  readonly Session: new (
    options: SessionOptions,
    memory: SessionMemory,
    callbacks: SessionCallbacks,
  ) => NativeSession
}

export interface SessionOptions {
  readonly mountpoint: string
  readonly source: string
  readonly isReadOnly: boolean
  readonly allowOther: boolean
  readonly entryTimeoutMs: number
  readonly heldBytes: number
  readonly negativeTimeoutMs: number
  readonly threads: number
  readonly wantsPassthrough: boolean
  /** See `MountOptions`. */
  readonly opensUntold: boolean
}

/** Written and read by both sides; made here, so that nothing native outlives what JavaScript still uses. */
export interface SessionMemory {
  readonly requests: Float64Array
  readonly requestNames: Buffer
  readonly attributes: Float64Array
  readonly attributeNames: Buffer
  /** The kernel's requests are read into these; those that write hand theirs over until they are answered. */
  readonly buffers: readonly Buffer[]
}

export interface SessionCallbacks {
  /** The mount answers. */
  onReady(): void
  /** So many rows of `requests` wait to be handled. */
  onBatch(count: number): void
  /** Nothing will come any more. @param failure why, if it did not end in order */
  onEnded(failure: string | undefined): void
}

/**
 * Every reply says whether the kernel took it. If not (the caller was killed, answered before, the mount is gone), what
 * the kernel would have held with it has to be taken back.
 */
export interface NativeSession {
  replyErrno(token: number, errno: number): boolean
  replyEntry(token: number): boolean
  replyAbsent(token: number): boolean
  replyAttributes(token: number): boolean
  replyOpen(token: number, handle: number, flags: number, backing: number): boolean
  replyCreate(token: number, handle: number, flags: number): boolean
  replyBytes(token: number, bytes: Uint8Array): boolean
  replyPieces(token: number, pieces: readonly Uint8Array[]): boolean
  replyText(token: number, text: string): boolean
  /** @param sizeBytes what there is room for; 0 asks for the length */
  replyXattr(token: number, bytes: Uint8Array, sizeBytes: number): boolean
  replyWritten(token: number, lengthBytes: number): boolean
  replyDirectory(
    token: number,
    count: number,
    firstCookie: number,
    sizeBytes: number,
    hasAttributes: boolean,
  ): boolean
  copiedBytes(token: number): Buffer | undefined
  invalidateInode(ino: number, offset: number, lengthBytes: number): void
  invalidateEntry(parent: number, name: string): void
  storePages(ino: number, offset: number, bytes: Uint8Array): void
  /** @returns a positive number, or a negative errno */
  acquireBacking(ino: number, path: string): number
  releaseBacking(ino: number): void
  /** Lets the session's threads read an open file from a local one, for all of its handles the same. @returns whether they do */
  serve(ino: number, handle: number, path: string): boolean
  /** The handle is closed, or was not taken. */
  releaseServed(handle: number): void
  /** When it returns, no thread answers for handles of the inode any more: their reads come here again. */
  stopServing(ino: number): void
  /** Lets the session's threads answer opens of a file for reading, for a while: nothing of it has changed meanwhile. */
  offerOpens(ino: number, timeMs: number): void
  /**
   * With what is offered come the file's attributes, which are in row 0, and all its bytes, which are copied: reads of
   * this handle too are answered from there.
   */
  furnishOpens(ino: number, handle: number, pieces: readonly Uint8Array[]): void
  /**
   * Offers, with its attributes (row 0) and all its bytes, which are copied, a file that nobody has opened yet: the
   * request `opened` tells of its first open. @returns whether there was room for the bytes; if not, it is not offered
   */
  foretellOpens(ino: number, timeMs: number, pieces: readonly Uint8Array[]): boolean
  /** Takes that back. @returns a handle that was given out and is open, which is adopted by this; 0: none */
  withdrawOpens(ino: number): number
  /** No open is answered by what was offered before. */
  expireOpens(): void
  /** A request came with a handle that was given out: the release of its last open is told. @returns whether it is open */
  adoptOpens(handle: number): boolean
  stats(): Record<string, number>
  close(): void
}

/** Bits of the flags of replyOpen and replyCreate. */
const openKeepCache = 1
const openNoFlush = 2
const openDirect = 8

/** A handle that cannot write has nothing to flush. */
export function openFlags({ keepCache, isApart }: OpenReply, canWrite: boolean): number {
  return (keepCache ? openKeepCache : 0) | (canWrite ? 0 : openNoFlush) | (isApart ? openDirect : 0)
}

const require = createRequire(import.meta.url)

/** Where it is after `scripts/build-native`, and where a package brings it along (named as node-gyp-build does). */
const places = [
  '../../native/build/Release/xnatfs_fuse.node',
  `../../native/prebuilds/linux-${process.arch}/xnatfs_fuse.glibc.node`,
]

/** @throws Error saying why none could be loaded */
export function loadNativeBinding(): NativeBinding {
  const reasons: string[] = []
  for (const place of places) {
    try {
      return require(place) as NativeBinding
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
      if (!isAbsent) reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new Error(reasons[0] ?? 'it is not built')
}
