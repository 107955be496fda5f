import type { FetchedBytes } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { SpoolFile } from './spool-file.js'

export interface SpoolRequest {
  readonly name: string
  readonly sizeBytes: number
  readonly directory: string
  /** Asks for the whole file anew. */
  readonly fetch: (signal: AbortSignal) => Promise<FetchedBytes>
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** A transfer that breaks off is begun again so often without progress. */
const attempts = 3
const retryMs = 200

/** The one download of a file whose server sends it whole or not at all. */
export class Spool {
  readonly #request: SpoolRequest
  readonly #file: Promise<SpoolFile>
  readonly #stop = new AbortController()
  readonly #filled: Promise<void>
  #hasFailed = false

  /** @param bytes the answer that showed that ranges are ignored: the download has begun with it */
  constructor(request: SpoolRequest, bytes: FetchedBytes) {
    this.#request = request
    this.#file = SpoolFile.create(request.sizeBytes, request.directory)
    this.#filled = this.#fill(bytes)
  }

  /** A failed download is of no use any more. */
  get hasFailed(): boolean {
    return this.#hasFailed
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
      let bytes = firstBytes
      for (let attempt = 1; ; attempt++) {
        const before = file.arrivedBytes
        try {
          return await this.#append(file, bytes)
        } catch (error) {
          if (file.arrivedBytes > before) attempt = 1
          if (this.#stop.signal.aborted || attempt >= attempts) throw error
        }
        await this.#request.sleep(retryMs * attempt, this.#stop.signal)
        bytes = await this.#request.fetch(this.#stop.signal)
      }
    } catch (error) {
      this.#hasFailed = true
      firstBytes.discard()
      file?.fail(error)
    }
  }

  /** What has arrived before is skipped: there is no other way to go on where a transfer broke off. */
  async #append(file: SpoolFile, bytes: FetchedBytes): Promise<void> {
    let skip = file.arrivedBytes
    for await (const chunk of bytes.body) {
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason
      const rest = chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - rest.length
      if (rest.length > 0) await file.append(rest)
    }
    if (file.isComplete) return
    throw new FsError(
      'EIO',
      `read ${this.#request.name}: ${file.arrivedBytes} bytes came of ${file.sizeBytes}`,
    )
  }
}
