import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { FileDigest } from '../util/file-digest.js'
import { FsError } from '../util/fs-error.js'
import { md5OfFile } from '../util/md5.js'
import type { LentBytes } from './staging-state.js'
import { cutShort } from './write-all.js'

/** Each read costs a change of threads, each chunk some milliseconds of digesting in which nothing else is done. */
const chunkBytes = 1024 * 1024

/** So much of what was just written is kept in memory for the reader. */
const recentBytes = 8 * chunkBytes
/**
 * A socket may still hold bytes when their reader asks for the next: with undici one piece, and one in the stream before
 * it. So many pieces later nobody has them any more. Without that each would be new memory, and V8 marks its whole heap
 * for every 64 MiB of it.
 */
const heldPieces = 4

export interface GrowingSourceOptions {
  readonly path: string
  /** How long a reader waits for the writer. */
  readonly idleMs: number
}

/**
 * A local file that is read while it is still being written, by somebody who follows its end. It ends when its writer
 * says so; it fails for good when bytes that may have been read change, or when nothing was written for long.
 */
export class GrowingSource {
  readonly #options: GrowingSourceOptions
  #sizeBytes = 0
  #isFinal = false
  #failure: FsError | undefined
  #wake: () => void = () => {}
  /** Where the reader is. */
  #position = 0
  #digest: FileDigest | undefined
  /** Pieces of the file, in order, that the reader comes to soon. */
  readonly #recent: (LentBytes & { readonly position: number })[] = []

  constructor(options: GrowingSourceOptions) {
    this.#options = options
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** So much is on the disk and will stay as it is. */
  grow(sizeBytes: number, last?: LentBytes): boolean {
    const isKept = last !== undefined && this.#keep(last, sizeBytes - last.bytes.length)
    this.#sizeBytes = Math.max(this.#sizeBytes, sizeBytes)
    this.#digest?.grow(this.#sizeBytes)
    this.#wake()
    return isKept
  }

  /** Nothing more comes. */
  end(): void {
    this.#isFinal = true
    this.#wake()
  }

  abandon(reason: string): void {
    this.#failure ??= new FsError('EIO', reason, { nextStep: 'write it again' })
    this.#recent.length = 0
    this.#digest?.end()
    this.#wake()
  }

  /**
   * The bytes from the first one on, as they come. May be read more than once, by one reader at a time. A piece stays
   * as it is until four more were asked for.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    this.#startDigest()
    const file = await open(this.#options.path, 'r')
    const held: LentBytes[] = []
    const spare: Buffer[] = []
    const hold = (piece: LentBytes): void => {
      held.push(piece)
      if (held.length > heldPieces) held.shift()?.letGo()
    }
    try {
      for (let position = 0; ;) {
        this.#position = position
        if (this.#failure) throw this.#failure
        const recent = this.#takeRecent(position)
        if (recent) {
          position += recent.bytes.length
          yield recent.bytes
          hold(recent)
          continue
        }
        const end = this.#recent[0]?.position ?? this.#sizeBytes
        const lengthBytes = Math.min(end - position, chunkBytes)
        if (lengthBytes > 0) {
          const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
          const chunk = await readChunk(file, position, buffer.subarray(0, lengthBytes))
          if (this.#failure) throw this.#failure
          position += chunk.length
          yield chunk
          hold({ bytes: chunk, letGo: () => void spare.push(buffer) })
        } else if (this.#isFinal) return
        else await this.#news()
      }
    } finally {
      await file.close()
    }
  }

  /** The MD5 (lower-case hex) of all bytes, when they have ended. @throws FsError when they are not those of the file */
  async md5(): Promise<string> {
    const { path } = this.#options
    const threads = await this.#digest?.finish(this.#sizeBytes).catch(() => undefined)
    if (this.#failure) throw this.#failure
    const md5 = threads ?? (await md5OfFile(path, this.#sizeBytes))
    if (this.#failure) throw this.#failure // they may have changed while they were digested
    return md5
  }

  #startDigest(): void {
    if (this.#digest) return
    this.#digest = new FileDigest(this.#options.path)
    this.#digest.grow(this.#sizeBytes)
  }

  /** A reader that is close behind the writer need not ask the disk. */
  #keep(last: LentBytes, position: number): boolean {
    const isNear = position - this.#position <= recentBytes
    if (!isNear || this.#failure || this.#recent.length >= recentBytes / chunkBytes) return false
    this.#recent.push({ ...last, position })
    return true
  }

  #takeRecent(position: number): LentBytes | undefined {
    while (this.#recent[0] && this.#recent[0].position < position) this.#recent.shift()?.letGo()
    return this.#recent[0]?.position === position ? this.#recent.shift() : undefined
  }

  async #news(): Promise<void> {
    const { idleMs } = this.#options
    const timer = setTimeout(() => this.abandon(`nothing was written for ${idleMs / 1000} s`), idleMs)
    await new Promise<void>((resolve) => (this.#wake = resolve))
    clearTimeout(timer)
  }
}

async function readChunk(file: FileHandle, position: number, into: Buffer): Promise<Buffer> {
  const { bytesRead } = await file.read(into, 0, into.length, position)
  if (bytesRead === 0) throw cutShort('a staging file')
  return into.subarray(0, bytesRead)
}
