import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { file as temporaryFile } from 'tmp-promise'
import { withSignal } from '../util/single-flight.js'
import { writeAll } from './write-all.js'

interface Waiter {
  readonly end: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A file that arrives from its beginning, in a temporary file: readers wait until what they want has come. */
export class SpoolFile {
  readonly sizeBytes: number
  readonly path: string
  readonly #handle: FileHandle
  readonly #remove: () => Promise<void>
  #arrived = 0
  /** Set when the whole has been found to be what it should be. */
  #isProved = false
  #waiters: Waiter[] = []
  #error: unknown

  private constructor(sizeBytes: number, path: string, handle: FileHandle, remove: () => Promise<void>) {
    this.sizeBytes = sizeBytes
    this.path = path
    this.#handle = handle
    this.#remove = remove
  }

  static async create(sizeBytes: number, directory: string): Promise<SpoolFile> {
    const temporary = await temporaryFile({
      tmpdir: directory,
      prefix: 'spool-',
      discardDescriptor: true,
      mode: 0o600,
    })
    const handle = await open(temporary.path, 'r+')
    return new SpoolFile(sizeBytes, temporary.path, handle, temporary.cleanup)
  }

  get arrivedBytes(): number {
    return this.#arrived
  }

  /** The last byte is shown only when all of them have been found to be right. */
  get #shownBytes(): number {
    return this.#isProved ? this.#arrived : Math.min(this.#arrived, this.sizeBytes - 1)
  }

  async append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#handle, bytes, this.#arrived)
    this.#arrived += bytes.length
    this.#serve()
  }

  /** All of it is here and right. */
  prove(): void {
    this.#isProved = true
    this.#serve()
  }

  /** No more will come: those who wait fail, and later readers beyond what has come fail as well. */
  fail(error: unknown): void {
    this.#error = error
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  async read(offset: number, lengthBytes: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const end = Math.min(offset + lengthBytes, this.sizeBytes)
    if (end <= offset) return new Uint8Array(0)
    if (end > this.#shownBytes) await withSignal(this.#arrival(end), signal)
    const buffer = Buffer.allocUnsafe(end - offset)
    let done = 0
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, offset + done)
      if (bytesRead === 0) throw new Error('the temporary file is shorter than what was written to it')
      done += bytesRead
    }
    return buffer
  }

  async remove(): Promise<void> {
    this.fail(new Error('the temporary file was removed'))
    await this.#handle.close()
    await this.#remove()
  }

  #serve(): void {
    const shown = this.#shownBytes
    const served = this.#waiters.filter((waiter) => waiter.end <= shown)
    this.#waiters = this.#waiters.filter((waiter) => waiter.end > shown)
    for (const waiter of served) waiter.resolve()
  }

  #arrival(end: number): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    return new Promise((resolve, reject) => this.#waiters.push({ end, resolve, reject }))
  }
}
