import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { FsError } from '../util/fs-error.js'

/** Each read costs a change of threads, each chunk some milliseconds of digesting in which nothing else is done. */
const chunkBytes = 1024 * 1024

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
  grow(sizeBytes: number): void {
    this.#sizeBytes = Math.max(this.#sizeBytes, sizeBytes)
    this.#wake()
  }

  /** Nothing more comes. */
  end(): void {
    this.#isFinal = true
    this.#wake()
  }

  abandon(reason: string): void {
    this.#failure ??= new FsError('EIO', reason)
    this.#wake()
  }

  /** The bytes from the first one on, as they come. May be read more than once, by one reader at a time. */
  async *chunks(): AsyncGenerator<Buffer> {
    const file = await open(this.#options.path, 'r')
    try {
      for (let position = 0; ;) {
        if (this.#failure) throw this.#failure
        const lengthBytes = Math.min(this.#sizeBytes - position, chunkBytes)
        if (lengthBytes > 0) {
          const chunk = await readChunk(file, position, lengthBytes)
          if (this.#failure) throw this.#failure
          position += chunk.length
          yield chunk
        } else if (this.#isFinal) return
        else await this.#news()
      }
    } finally {
      await file.close()
    }
  }

  async #news(): Promise<void> {
    const { idleMs } = this.#options
    const timer = setTimeout(() => this.abandon(`nothing was written for ${idleMs / 1000} s`), idleMs)
    await new Promise<void>((resolve) => (this.#wake = resolve))
    clearTimeout(timer)
  }
}

async function readChunk(file: FileHandle, position: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(lengthBytes)
  const { bytesRead } = await file.read(buffer, 0, lengthBytes, position)
  if (bytesRead === 0) throw new FsError('EIO', 'a staging file is shorter than what was written to it')
  return buffer.subarray(0, bytesRead)
}
