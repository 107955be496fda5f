import type { MaybePromise } from '../archive/archive.js'

/** Blocks that may wait for the disk; then the writer waits. */
const longestQueue = 4

export interface AppendBufferOptions {
  /** Of one write to the disk. */
  readonly blockBytes: number
  readonly write: (bytes: Buffer, position: number) => Promise<void>
  /**
   * Bytes are on the disk, and everything before them, as far as it came this way.
   * @param letGo to be called when they are not needed any more, if they are kept: until then they stay as they are
   * @returns true when they are kept
   */
  readonly onWritten: (bytes: Buffer, position: number, letGo: () => void) => boolean
}

interface Block {
  readonly buffer: Buffer
  /** Where in the file it belongs. */
  readonly position: number
  filledBytes: number
}

/**
 * The end of a big file that is being written: bytes on their way to the disk, in large pieces, while the writer goes
 * on. What was taken is kept until the disk has it: where the disk is full, writers are told from then on, `drain`
 * fails, and each of them tries again.
 */
export class AppendBuffer {
  readonly #options: AppendBufferOptions
  readonly #queue: Block[] = []
  readonly #spare: Buffer[] = []
  #current: Block | undefined
  #writing: Promise<void> | undefined
  #hasFailed = false

  constructor(options: AppendBufferOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#current === undefined && this.#queue.length === 0
  }

  /** There is room for one more write. */
  get hasRoom(): boolean {
    return this.#queue.length < longestQueue && !this.#hasFailed
  }

  /** @throws what the disk says */
  room(): MaybePromise<void> {
    return this.hasRoom ? undefined : this.#waitForRoom()
  }

  /** @param position the end of what was taken before, unless the buffer is empty */
  take(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;) {
      this.#current ??= this.#block(position + done)
      const { buffer, filledBytes } = this.#current
      const piece = bytes.subarray(done, done + buffer.length - filledBytes)
      buffer.set(piece, filledBytes)
      this.#current.filledBytes += piece.length
      done += piece.length
      if (this.#current.filledBytes === buffer.length) this.#send()
    }
  }

  /** Resolves when the disk has everything that was taken until now. @throws what the disk says */
  async drain(): Promise<void> {
    this.#send()
    const end = this.#queue.at(-1)?.position ?? -1
    while ((this.#queue[0]?.position ?? Infinity) <= end) await this.#flush()
    if (this.isEmpty) this.#spare.length = 0
  }

  /** Forgets what the disk does not have. */
  async discard(): Promise<void> {
    this.#current = undefined
    this.#queue.length = 0
    await this.#writing?.catch(() => {})
    this.#hasFailed = false
  }

  async #waitForRoom(): Promise<void> {
    while (!this.hasRoom) await this.#flush()
  }

  #block(position: number): Block {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#options.blockBytes)
    return { buffer, position, filledBytes: 0 }
  }

  #send(): void {
    if (!this.#current) return
    this.#queue.push(this.#current)
    this.#current = undefined
    if (!this.#hasFailed) this.#flush().catch(() => {}) // the next who writes or drains is told
  }

  /** Writes the oldest block, and goes on by itself with the next. */
  #flush(): Promise<void> {
    this.#writing ??= this.#writeOldest().finally(() => {
      this.#writing = undefined
      if (this.#queue.length > 0 && !this.#hasFailed) this.#flush().catch(() => {})
    })
    return this.#writing
  }

  async #writeOldest(): Promise<void> {
    const block = this.#queue[0]
    if (!block) return
    const { buffer, position, filledBytes } = block
    const bytes = buffer.subarray(0, filledBytes)
    try {
      await this.#options.write(bytes, position)
      this.#hasFailed = false
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
    if (this.#queue[0] !== block) return // discarded meanwhile
    this.#queue.shift()
    const letGo = (): void => void this.#spare.push(buffer)
    if (!this.#options.onWritten(bytes, position, letGo)) letGo()
  }
}
