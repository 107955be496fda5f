import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { MaybePromise } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { Lock } from '../util/lock.js'
import { AppendBuffer } from './append-buffer.js'
import { removeFile } from '../util/remove-file.js'
import { ByteRanges } from './byte-ranges.js'
import { withTrailer } from './journal-trailer.js'
import { SmallBytes } from './small-bytes.js'
import { nameDurably } from './staging-places.js'
import type { StagingPlace, StagingPlaces } from './staging-places.js'
import { defaultBuffering } from './staging-state.js'
import type {
  HeldBytes,
  KeepBytes,
  StagingBase,
  StagingFollower,
  StagingOptions,
  StagingState,
} from './staging-state.js'
import { cutShort, readAll, requireSafeEnd, writeAll, writeAllNow } from './write-all.js'

const emptyBase: StagingBase = { sizeBytes: 0, read: () => new Uint8Array(0) }
/** The stored rest of a file is copied in pieces of this size before an upload. */
const fillBytes = 4 * 1024 * 1024

/**
 * The bytes of a file that is being written: a sparse local file over the stored one. What was not written here is
 * read from below, and copied only when the file is uploaded, which XNAT can only as a whole.
 * A small new file is in memory until it is kept.
 *
 * A version that was promised to somebody is kept (`keep`): the next change is made to a copy, so that there is never
 * a mixture of two versions on the disk.
 */
export class StagingFile {
  readonly #places: StagingPlaces
  #place: StagingPlace
  /** Nothing was written to the place, so that it can be another file's. */
  #isBlank: boolean
  /** All bytes, while they are in memory. */
  #small: SmallBytes | undefined
  /** The record of the bytes lies behind them. */
  #hasTrailer = false
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

  private constructor(
    places: StagingPlaces,
    place: StagingPlace,
    base: StagingBase,
    options: StagingOptions,
  ) {
    const { buffering = defaultBuffering, startsInMemory = base === emptyBase } = options
    this.#places = places
    this.#place = place
    if (startsInMemory) this.#small = new SmallBytes(places.memory)
    this.#isBlank = startsInMemory
    this.#base = base
    this.#baseEnd = base.sizeBytes
    this.#sizeBytes = base.sizeBytes
    this.#bufferedFromBytes = buffering.fromBytes
    this.#appends = new AppendBuffer({
      blockBytes: buffering.blockBytes,
      write: (bytes, position) => writeAll(this.#handle, bytes, position),
      onWritten: (bytes, position, letGo) =>
        this.#follower?.grow(position + bytes.length, { bytes, letGo }) ?? false,
    })
  }

  static async create(
    places: StagingPlaces,
    base: StagingBase = emptyBase,
    options: StagingOptions = {},
  ): Promise<StagingFile> {
    return new StagingFile(places, await places.take(), base, options)
  }

  /** One that another process has left. It is kept until its next change. */
  static async open(
    places: StagingPlaces,
    path: string,
    state: StagingState,
    base: StagingBase = emptyBase,
  ): Promise<StagingFile> {
    const handle = await open(path, 'r+')
    const staging = new StagingFile(places, { path, handle, isNamed: true }, base, { startsInMemory: false })
    staging.#hasTrailer = (await handle.stat()).size > state.sizeBytes
    for (const { start, end } of state.written) staging.#written.add(start, end)
    staging.#baseEnd = state.baseEnd
    staging.#sizeBytes = state.sizeBytes
    staging.#isKept = true
    staging.#sequentialBytes = Number.NaN
    return staging
  }

  /** Changes with the first change after `keep`. */
  get path(): string {
    return this.#place.path
  }

  /** All bytes, where they are in memory: perhaps they are not at `path` then. Not to be kept beyond `withBytes`. */
  get bytes(): Buffer | undefined {
    return this.#small?.all
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
    // What was taken meanwhile is not on the disk yet, and what is cut off meanwhile is not there any more.
    const read = (): Promise<Uint8Array | undefined> => this.#readNow(offset, lengthBytes, signal)
    const bytes = (this.#appends.isEmpty ? await read() : undefined) ?? (await this.#exclusively(read))
    if (!bytes) throw cutShort(this.path)
    return bytes
  }

  /**
   * What is not a promise is done. Of big files an error of the disk may come late: with a later write, with `keep` or
   * with `withBytes`; until that is over, none of the two succeeds.
   */
  write(offset: number, bytes: Uint8Array): MaybePromise<void> {
    if (bytes.length === 0) return // which changes nothing, not even the size
    if (this.#changes.isIdle) {
      if (this.#isBuffered(offset) && this.#appends.hasRoom) return this.#append(offset, bytes)
      if (!this.#isKept && this.#small?.write(offset, bytes)) return this.#note(offset, bytes.length)
    }
    return this.#changes.run(() => this.#write(offset, bytes))
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#changes.run(async () => {
      requireSafeEnd(sizeBytes)
      this.#unfollow()
      // That must be possible on a full disk too.
      await (sizeBytes === 0 ? this.#appends.discard() : this.#appends.drain())
      if (this.#isKept) await this.#fork(sizeBytes)
      if (this.#small && !this.#small.truncate(sizeBytes)) await this.#spill()
      if (!this.#small) await this.#handle.truncate(sizeBytes)
      this.#written.cut(sizeBytes)
      this.#baseEnd = Math.min(this.#baseEnd, sizeBytes)
      this.#sizeBytes = sizeBytes
      this.#sequentialBytes = sizeBytes === 0 ? 0 : Number.NaN
      this.#revision++
    })
  }

  /** Completes the local file and keeps it unchanged while `task` reads it. */
  withBytes<T>(task: (held: HeldBytes) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#exclusively(async () => {
      await this.#fill(signal)
      return task({ revision: this.#revision, keep: (record, options) => this.#keep(record, options) })
    })
  }

  /**
   * Keeps what is here as it is on the disk: `record` gets what has to be known of it. Later changes are made to a
   * copy, under another path; whoever keeps removes this one when it is not needed any more.
   * @param options.isDurable the bytes survive a power failure before `record` is called
   */
  keep(...[record, options]: Parameters<KeepBytes>): Promise<void> {
    return this.#exclusively(() => this.#keep(record, options))
  }

  /** Resolves when no change and no `withBytes` is under way. */
  idle(): Promise<void> {
    return this.#changes.run(() => {})
  }

  /** Lets the bytes go, and what was kept at `path`. */
  async remove(): Promise<void> {
    if (!this.#isBlank) {
      await removeFile(this.path)
      return this.close()
    }
    this.#small?.free()
    await this.#places.giveBack(this.#place)
  }

  /** Leaves the bytes where they are; to be called after `keep`. */
  async close(): Promise<void> {
    this.#unfollow()
    this.#small?.free()
    await this.#appends.discard()
    await this.#handle.close()
  }

  /**
   * What was kept at a path is not needed any more: from now on changes may be made to it.
   * @param removeRecord removes the record beside it, if there is one
   * @returns false when the bytes are at another path now
   */
  release(path: string, removeRecord: () => Promise<void>): Promise<boolean> {
    return this.#changes.run(async () => {
      if (path !== this.path) return false
      if (this.#hasTrailer) await this.#handle.truncate(this.#small ? 0 : this.#sizeBytes)
      this.#hasTrailer = false
      await removeRecord()
      this.#isKept = false
      return true
    })
  }

  get #handle(): FileHandle {
    return this.#place.handle
  }

  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#changes.run(async () => {
      await this.#appends.drain()
      return task()
    })
  }

  #isBuffered(offset: number): boolean {
    const isAtEnd = offset === this.#sequentialBytes && offset >= this.#bufferedFromBytes
    return isAtEnd && !this.#isKept && !this.#small
  }

  async #write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#small) {
      if (this.#isKept) await this.#fork(this.#sizeBytes)
      if (this.#small.write(offset, bytes)) return this.#note(offset, bytes.length)
      await this.#spill()
    }
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

  async #keep(...[record, { isDurable }]: Parameters<KeepBytes>): Promise<void> {
    const small = this.#hasTrailer ? undefined : this.#small
    const keepWith = small && ((text: string) => this.#writeWithTrailer(small, text, isDurable))
    if (isDurable && !keepWith) await this.#handle.datasync()
    const state = { sizeBytes: this.#sizeBytes, written: this.#written.spans, baseEnd: this.#baseEnd }
    this.#isKept = true
    await record({ ...state, path: this.path, revision: this.#revision, ...(keepWith && { keepWith }) })
  }

  /** Goes on in a copy, as far as `sizeBytes`. */
  async #fork(sizeBytes: number): Promise<void> {
    if (this.#isBlank) {
      this.#isKept = false
      return
    }
    const copy = await this.#places.take()
    if (!this.#small) await this.#copyTo(copy, sizeBytes)
    const { handle } = this.#place
    this.#place = copy
    this.#isBlank = this.#small !== undefined
    this.#isKept = false
    this.#hasTrailer = false
    await handle.close() // after the reads that have begun; others go to the copy
  }

  async #copyTo(copy: StagingPlace, sizeBytes: number): Promise<void> {
    try {
      for (const { start, end } of this.#written.spans) {
        for (let from = start; from < Math.min(end, sizeBytes); from += fillBytes) {
          const bytes = Buffer.alloc(Math.min(from + fillBytes, end, sizeBytes) - from)
          await readAll(() => this.#handle, bytes, from)
          await writeAll(copy.handle, bytes, from)
        }
      }
    } catch (error) {
      await copy.handle.close()
      await removeFile(copy.path)
      throw error
    }
  }

  /** The file is not small any more: from now on its bytes are on the disk. */
  async #spill(): Promise<void> {
    if (!this.#small) return
    this.#isBlank = false
    await writeAll(this.#handle, this.#small.all, 0)
    this.#small.free()
    this.#small = undefined
  }

  /** Afterwards what is on the disk is what counts, unless the bytes are wanted again at once. */
  async #writeWithTrailer(small: SmallBytes, text: string, isDurable: boolean): Promise<void> {
    // What may be there is the rest of a try that failed.
    if (!this.#isBlank) await this.#handle.truncate(0)
    this.#isBlank = false
    writeAllNow(this.#handle, withTrailer(this.path, small.all, text))
    if (isDurable) {
      await this.#handle.datasync()
      await nameDurably(this.#place)
    }
    this.#hasTrailer = true
    if (!isDurable) return
    small.free()
    this.#small = undefined
  }

  async #fill(signal: AbortSignal | undefined): Promise<void> {
    if (this.#small || this.#hasTrailer) return // nothing is missing
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
      throw new FsError('EIO', `${bytes.length} stored bytes came of ${end - start}`, {
        nextStep: 'close it again, or write all of it',
      })
    }
    return bytes
  }

  /** The file as of now, where all that counts as written is on the disk. @returns undefined where it does not stay there */
  async #readNow(offset: number, lengthBytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const end = Math.min(offset + lengthBytes, this.#sizeBytes)
    if (offset >= end) return new Uint8Array(0)
    if (this.#small) return Uint8Array.prototype.slice.call(this.#small.all, offset, end)
    const buffer = Buffer.alloc(end - offset)
    const spans = this.#written.within(offset, end)
    for (const gap of this.#written.missing(offset, Math.min(end, this.#baseEnd))) {
      buffer.set(await this.#readBase(gap.start, gap.end, signal), gap.start - offset)
    }
    for (const { start, end: stop } of spans) {
      const into = buffer.subarray(start - offset, stop - offset)
      if (!(await readAll(() => this.#handle, into, start))) return undefined
    }
    return buffer
  }
}
