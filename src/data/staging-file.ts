import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { file as temporaryFile } from 'tmp-promise'
import { FsError } from '../util/fs-error.js'
import { Lock } from '../util/lock.js'
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

/**
 * The bytes of a file that is being written: a sparse local file over the stored one. What was not written here is
 * read from below, and copied only when the file is uploaded, which XNAT can only as a whole.
 */
export class StagingFile {
  readonly path: string
  readonly #handle: FileHandle
  readonly #remove: () => Promise<void>
  readonly #base: StagingBase
  readonly #written = new ByteRanges()
  /** Bytes of the base from here on were cut off. */
  #baseEnd: number
  #sizeBytes: number
  /** Counts changes: tells whether what was uploaded is what is here. */
  #revision = 0
  /** Changes take turns, and wait while the bytes are read for an upload. */
  readonly #changes = new Lock()

  private constructor(path: string, handle: FileHandle, remove: () => Promise<void>, base: StagingBase) {
    this.path = path
    this.#handle = handle
    this.#remove = remove
    this.#base = base
    this.#baseEnd = base.sizeBytes
    this.#sizeBytes = base.sizeBytes
  }

  static async create(directory: string, base: StagingBase = emptyBase): Promise<StagingFile> {
    const temporary = await temporaryFile({
      tmpdir: directory,
      prefix: 'staging-',
      discardDescriptor: true,
      mode: 0o600,
    })
    return new StagingFile(temporary.path, await open(temporary.path, 'r+'), temporary.cleanup, base)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get revision(): number {
    return this.#revision
  }

  async read(offset: number, lengthBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
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

  write(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return Promise.resolve() // which changes nothing, not even the size
    return this.#changes.run(async () => {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offset + done)
        done += bytesWritten
      }
      this.#written.add(offset, offset + bytes.length)
      this.#sizeBytes = Math.max(this.#sizeBytes, offset + bytes.length)
      this.#revision++
    })
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#changes.run(async () => {
      await this.#handle.truncate(sizeBytes)
      this.#written.cut(sizeBytes)
      this.#baseEnd = Math.min(this.#baseEnd, sizeBytes)
      this.#sizeBytes = sizeBytes
      this.#revision++
    })
  }

  /**
   * Completes the local file and keeps it unchanged while `task` reads it.
   * @param task gets the revision that the bytes are of
   */
  withBytes<T>(task: (revision: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#changes.run(async () => {
      await this.#fill(signal)
      return task(this.#revision)
    })
  }

  /**
   * Completes the local file as far as the stored bytes can be read.
   * @returns the stretches that could not be: zeros in the local file
   */
  async salvage(): Promise<readonly ByteSpan[]> {
    try {
      await this.#changes.run(() => this.#fill(undefined))
    } catch {
      return this.#written.missing(0, this.#baseEnd)
    }
    return []
  }

  /** Resolves when no change and no `withBytes` is under way. */
  idle(): Promise<void> {
    return this.#changes.run(() => {})
  }

  async remove(): Promise<void> {
    await this.#handle.close()
    await this.#remove()
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
