import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { MaybePromise } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { Lock } from '../util/lock.js'
import { AppendBuffer } from './append-buffer.js'
import { removeFile } from '../util/remove-file.js'
import { ByteRanges } from './byte-ranges.js'
import type { ByteSpan } from './byte-ranges.js'
import { writeAll } from './write-all.js'

/** The stored bytes below what was written: how large they are, and a way to read them. */
export interface StagingBase {
  readonly sizeBytes: number
  read(offset: number, lengthBytes: number, signal?: AbortSignal): Promise<Uint8Array> | Uint8Array
}

const emptyBase: StagingBase = { sizeBytes: 0, read: () => new Uint8Array(0) }
/** The stored rest of a file is copied in pieces of this size before an upload. */
const fillBytes = 4 * 1024 * 1024

/** Who follows the bytes of a file that is written from its beginning to its end. */
export interface StagingFollower {
  /**
   * So much is on the disk, in the file at `path` of that moment.
   * @param last the bytes at its end, still in memory
   * @returns true when the follower keeps them
   */
  grow(sizeBytes: number, last?: Buffer): boolean
  /** Bytes before the end change: what was followed is nothing any more. */
  abandon(reason: string): void
}

/** How big files that are written in order come to the disk: in large pieces, while the writer goes on. */
export interface StagingBuffering {
  readonly fromBytes: number
  readonly blockBytes: number
}

/** Programs write 128 KiB at a time, and each trip to the disk costs as much again as those. */
const defaultBuffering: StagingBuffering = { fromBytes: 4 * 1024 * 1024, blockBytes: 1024 * 1024 }

/** What of a staging file is kept elsewhere to open it again. */
export interface StagingState {
  readonly sizeBytes: number
  readonly written: readonly ByteSpan[]
  /** Bytes of the base from here on were cut off. */
  readonly baseEnd: number
}

/**
 * The bytes of a file that is being written: a sparse local file over the stored one. What was not written here is
 * read from below, and copied only when the file is uploaded, which XNAT can only as a whole.
 *
 * A version that was promised to somebody is kept (`keep`): the next change is made to a copy, so that there is never
 * a mixture of two versions on the disk.
 */
export class StagingFile {
  #path: string
  #handle: FileHandle
  readonly #base: StagingBase
  readonly #written = new ByteRanges()
  #baseEnd: number
  #sizeBytes: number
  /** Counts changes: tells whether what was uploaded is what is here. */
  #revision = 0
  /** The next change needs a copy. */
  #isKept = false
  /** Changes take turns, and wait while the bytes are read for an upload. */
  readonly #changes = new Lock()
  /** The end of what is written in order; what it holds counts as written. */
  readonly #appends: AppendBuffer
  readonly #bufferedFromBytes: number
  /** So much was written in order from the beginning, and nothing else. */
  #sequentialBytes = 0
  #follower: StagingFollower | undefined

  private constructor(path: string, handle: FileHandle, base: StagingBase, buffering = defaultBuffering) {
    this.#path = path
    this.#handle = handle
    this.#base = base
    this.#baseEnd = base.sizeBytes
    this.#sizeBytes = base.sizeBytes
    this.#bufferedFromBytes = buffering.fromBytes
    this.#appends = new AppendBuffer({
      blockBytes: buffering.blockBytes,
      write: (bytes, position) => writeAll(this.#handle, bytes, position),
      onWritten: (bytes, position) => this.#follower?.grow(position + bytes.length, bytes) ?? false,
    })
  }

  static async create(
    directory: string,
    base: StagingBase = emptyBase,
    buffering?: StagingBuffering,
  ): Promise<StagingFile> {
    const { path, handle } = await createStaging(directory)
    return new StagingFile(path, handle, base, buffering)
  }

  /** One that another process has left. It is kept until its next change. */
  static async open(path: string, state: StagingState, base: StagingBase = emptyBase): Promise<StagingFile> {
    const staging = new StagingFile(path, await open(path, 'r+'), base)
    for (const { start, end } of state.written) staging.#written.add(start, end)
    staging.#baseEnd = state.baseEnd
    staging.#sizeBytes = state.sizeBytes
    staging.#isKept = true
    staging.#sequentialBytes = Number.NaN
    return staging
  }

  /** Changes with the first change after `keep`. */
  get path(): string {
    return this.#path
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get revision(): number {
    return this.#revision
  }

  /** Nothing of the stored bytes below is missing here. */
  get isComplete(): boolean {
    return this.#written.missing(0, this.#baseEnd).length === 0
  }

  /** How much was written in order, from the first byte to the last; NaN if anything else was done. */
  get sequentialBytes(): number {
    return this.#sequentialBytes
  }

  /** Tells what becomes of the file as it is now: it is all on the disk as far as the follower is told. */
  follow(follower: StagingFollower): void {
    this.#follower = follower
    if (this.#appends.isEmpty && this.#changes.isIdle) follower.grow(this.#sizeBytes)
  }

  async read(offset: number, lengthBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (!this.#appends.isEmpty) await this.#appends.drain()
    const end = Math.min(offset + lengthBytes, this.#sizeBytes)
    if (offset >= end) return new Uint8Array(0)
    const buffer = Buffer.alloc(end - offset)
    for (const gap of this.#written.missing(offset, Math.min(end, this.#baseEnd))) {
      buffer.set(await this.#readBase(gap.start, gap.end, signal), gap.start - offset)
    }
    // Written while the base was read: what is here comes last.
    for (const span of this.#written.spans) {
      const start = Math.max(span.start, offset)
      const stop = Math.min(span.end, end)
      if (start < stop) await this.#readLocal(buffer, start - offset, start, stop - start)
    }
    return buffer
  }

  /**
   * What is not a promise is done. Of big files an error of the disk may come late: with a later write, with `keep` or
   * with `withBytes`; until that is over, none of the two succeeds.
   */
  write(offset: number, bytes: Uint8Array): MaybePromise<void> {
    if (bytes.length === 0) return // which changes nothing, not even the size
    if (this.#changes.isIdle && this.#isBuffered(offset) && this.#appends.hasRoom) {
      return this.#append(offset, bytes)
    }
    return this.#changes.run(() => this.#write(offset, bytes))
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#changes.run(async () => {
      this.#unfollow()
      // That must be possible on a full disk too.
      await (sizeBytes === 0 ? this.#appends.discard() : this.#appends.drain())
      if (this.#isKept) await this.#fork(sizeBytes)
      await this.#handle.truncate(sizeBytes)
      this.#written.cut(sizeBytes)
      this.#baseEnd = Math.min(this.#baseEnd, sizeBytes)
      this.#sizeBytes = sizeBytes
      this.#sequentialBytes = sizeBytes === 0 ? 0 : Number.NaN
      this.#revision++
    })
  }

  /**
   * Completes the local file and keeps it unchanged while `task` reads it.
   * @param task gets the revision that the bytes are of
   */
  withBytes<T>(task: (revision: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#exclusively(async () => {
      await this.#fill(signal)
      return task(this.#revision)
    })
  }

  /**
   * Keeps what is here as it is on the disk: `record` gets what has to be known of it. Later changes are made to a
   * copy, under another path; whoever keeps removes this one when it is not needed any more.
   * @param isDurable the bytes survive a power failure before `record` is called
   */
  keep(
    record: (kept: StagingState & { readonly path: string; readonly revision: number }) => Promise<void>,
    options: { readonly isDurable: boolean },
  ): Promise<void> {
    return this.#exclusively(async () => {
      if (options.isDurable) await this.#handle.datasync()
      const state = { sizeBytes: this.#sizeBytes, written: this.#written.spans, baseEnd: this.#baseEnd }
      this.#isKept = true
      await record({ ...state, path: this.#path, revision: this.#revision })
    })
  }

  /** Resolves when no change and no `withBytes` is under way. */
  idle(): Promise<void> {
    return this.#changes.run(() => {})
  }

  /** Lets the bytes go. */
  async remove(): Promise<void> {
    await this.close()
    await removeFile(this.#path)
  }

  /** Leaves the bytes where they are; to be called after `keep`. */
  async close(): Promise<void> {
    this.#unfollow()
    await this.#appends.discard()
    await this.#handle.close()
  }

  /** What was kept is not needed any more: changes may be made to it. */
  release(): void {
    this.#isKept = false
  }

  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#changes.run(async () => {
      await this.#appends.drain()
      return task()
    })
  }

  #isBuffered(offset: number): boolean {
    return !this.#isKept && offset === this.#sequentialBytes && offset >= this.#bufferedFromBytes
  }

  async #write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#isBuffered(offset)) {
      await this.#appends.room()
      return this.#append(offset, bytes)
    }
    await this.#appends.drain()
    if (offset !== this.#sequentialBytes || this.#isKept) this.#unfollow()
    if (this.#isKept) await this.#fork(this.#sizeBytes)
    await writeAll(this.#handle, bytes, offset)
    this.#note(offset, bytes.length)
    this.#follower?.grow(this.#sequentialBytes)
  }

  #append(offset: number, bytes: Uint8Array): void {
    this.#appends.take(bytes, offset)
    this.#note(offset, bytes.length)
  }

  #note(offset: number, lengthBytes: number): void {
    const end = offset + lengthBytes
    this.#written.add(offset, end)
    this.#sizeBytes = Math.max(this.#sizeBytes, end)
    this.#sequentialBytes = offset === this.#sequentialBytes ? end : Number.NaN
    this.#revision++
  }

  #unfollow(): void {
    this.#follower?.abandon('the file was changed before its end')
    this.#follower = undefined
  }

  /** Goes on in a copy, as far as `sizeBytes`. */
  async #fork(sizeBytes: number): Promise<void> {
    const copy = await createStaging(dirname(this.#path))
    try {
      for (const { start, end } of this.#written.spans) {
        for (let from = start; from < Math.min(end, sizeBytes); from += fillBytes) {
          const bytes = Buffer.alloc(Math.min(from + fillBytes, end, sizeBytes) - from)
          await this.#readLocal(bytes, 0, from, bytes.length)
          await writeAll(copy.handle, bytes, from)
        }
      }
    } catch (error) {
      await copy.handle.close()
      await removeFile(copy.path)
      throw error
    }
    await this.#handle.close()
    this.#path = copy.path
    this.#handle = copy.handle
    this.#isKept = false
  }

  async #fill(signal: AbortSignal | undefined): Promise<void> {
    await this.#handle.truncate(this.#sizeBytes)
    for (const gap of this.#written.missing(0, this.#baseEnd)) {
      for (let start = gap.start; start < gap.end; start += fillBytes) {
        const end = Math.min(start + fillBytes, gap.end)
        const bytes = await this.#readBase(start, end, signal)
        await writeAll(this.#handle, bytes, start)
        this.#written.add(start, end)
      }
    }
  }

  async #readBase(start: number, end: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const bytes = await this.#base.read(start, end - start, signal)
    if (bytes.length !== end - start) {
      throw new FsError('EIO', `${bytes.length} stored bytes came of ${end - start}`)
    }
    return bytes
  }

  async #readLocal(into: Buffer, at: number, position: number, lengthBytes: number): Promise<void> {
    for (let done = 0; done < lengthBytes;) {
      const { bytesRead } = await this.#handle.read(into, at + done, lengthBytes - done, position + done)
      if (bytesRead === 0) break // a hole at the end of the sparse file: zeros, as the buffer has
      done += bytesRead
    }
  }
}

/** Its name is that of the journal entry, for people too: short, and never used twice. */
async function createStaging(directory: string): Promise<{ path: string; handle: FileHandle }> {
  const name = `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`
  const path = join(directory, name)
  return { path, handle: await open(path, 'wx+', 0o600) }
}
