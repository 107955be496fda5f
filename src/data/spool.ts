import { createHash } from 'node:crypto'
import type { FetchedBytes } from '../archive/archive.js'
import type { Trust } from '../cache/block-cache.js'
import { Attempts } from '../util/attempts.js'
import { FsError } from '../util/fs-error.js'
import { SpoolFile } from './spool-file.js'

export interface SpoolRequest {
  readonly name: string
  readonly sizeBytes: number
  readonly digest: string | undefined
  readonly directory: string
  /** Asks for the whole file anew. */
  readonly fetch: (signal: AbortSignal) => Promise<FetchedBytes>
  /** More came than listed, from a server that does not announce sizes. @returns the error to throw */
  readonly onOtherSize: (sizeBytes: number, answerVersion: string) => FsError
  /**
   * The digest of what came is not the one in the catalog. Returns if that is all right, and throws if the bytes, of
   * which readers have seen all but the last, are not to be trusted.
   */
  readonly checkDamaged: (md5: string) => void
  /** All of it is in this file, which is there until this resolves. Does not fail. */
  readonly onComplete: (path: string, trust: Trust) => Promise<void>
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/**
 * The one download of a file whose server sends it whole or not at all. Readers get what has come; the end of the file
 * only when size and digest agree with the catalog.
 */
export class Spool {
  readonly #request: SpoolRequest
  readonly #file: Promise<SpoolFile>
  readonly #stop = new AbortController()
  readonly #filled: Promise<void>
  #state: 'filling' | 'complete' | 'failed' = 'filling'

  /** @param bytes the answer that showed that ranges are ignored: the download has begun with it */
  constructor(request: SpoolRequest, bytes: FetchedBytes) {
    this.#request = request
    this.#file = SpoolFile.create(request.sizeBytes, request.directory)
    this.#filled = this.#fill(bytes)
  }

  get state(): 'filling' | 'complete' | 'failed' {
    return this.#state
  }

  get sizeBytes(): number {
    return this.#request.sizeBytes
  }

  async read(offset: number, lengthBytes: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const file = await this.#file
    return file.read(offset, lengthBytes, signal)
  }

  async remove(): Promise<void> {
    this.#stop.abort(new DOMException('the file is no longer open', 'AbortError'))
    await this.#filled
    await (await this.#file.catch(() => undefined))?.remove()
  }

  async #fill(firstBytes: FetchedBytes): Promise<void> {
    let file: SpoolFile | undefined
    try {
      file = await this.#file
      const md5 = await this.#download(file, firstBytes)
      const { digest } = this.#request
      const isRight = digest === undefined || md5 === digest
      if (!isRight) this.#request.checkDamaged(md5)
      file.prove()
      this.#state = 'complete'
      await this.#request.onComplete(file.path, isRight ? 'proven' : 'doubtful')
    } catch (error) {
      this.#state = 'failed'
      firstBytes.discard()
      file?.fail(error)
    }
  }

  /** @returns the MD5 of all bytes */
  async #download(file: SpoolFile, firstBytes: FetchedBytes): Promise<string> {
    const { signal } = this.#stop
    const attempts = new Attempts({ limit: 3, delayMs: 200, sleep: this.#request.sleep })
    const hash = createHash('md5')
    for (let bytes = firstBytes; ; bytes = await this.#request.fetch(signal)) {
      const before = file.arrivedBytes
      try {
        for await (const chunk of this.#rest(bytes, before)) {
          await file.append(chunk)
          hash.update(chunk)
        }
        return hash.digest('hex')
      } catch (error) {
        if (file.arrivedBytes > before) attempts.progress()
        if (error instanceof FsError && error.code === 'ESTALE') throw error
        await attempts.again(error, signal)
      }
    }
  }

  /** What has arrived before is skipped: there is no other way to go on where a transfer broke off. */
  async *#rest(bytes: FetchedBytes, skipBytes: number): AsyncGenerator<Uint8Array> {
    const { name, sizeBytes } = this.#request
    let received = 0
    for await (const chunk of bytes.body) {
      this.#stop.signal.throwIfAborted()
      const fresh = chunk.subarray(Math.min(Math.max(skipBytes - received, 0), chunk.length))
      received += chunk.length
      if (received > sizeBytes) throw this.#request.onOtherSize(received, bytes.answerVersion)
      if (fresh.length > 0) yield fresh
    }
    if (received !== sizeBytes)
      throw new FsError('EIO', `read ${name}: ${received} bytes came of ${sizeBytes}`, {
        nextStep: 'read it again',
      })
  }
}
