/** A larger one has to be on the disk: one write(2) of `cp` fits, and so do nearly all files of which there are many. */
const largestBytes = 128 * 1024
const smallestBuffer = 4096

/** How much memory all small files together may take. Without room a file is written to the disk as it comes. */
export class SmallFileMemory {
  #freeBytes: number

  constructor(limitBytes = 16 * 1024 * 1024) {
    this.#freeBytes = limitBytes
  }

  take(lengthBytes: number): boolean {
    if (lengthBytes > this.#freeBytes) return false
    this.#freeBytes -= lengthBytes
    return true
  }

  give(lengthBytes: number): void {
    this.#freeBytes += lengthBytes
  }
}

/** The bytes of a small file that is being written: they are in memory until somebody is promised something. */
export class SmallBytes {
  readonly #memory: SmallFileMemory
  #buffer = Buffer.alloc(0)
  #sizeBytes = 0

  constructor(memory: SmallFileMemory) {
    this.#memory = memory
  }

  get all(): Buffer {
    return this.#buffer.subarray(0, this.#sizeBytes)
  }

  /** @returns false when it is not small any more, or there is no room: nothing is changed then */
  write(offset: number, bytes: Uint8Array): boolean {
    if (!this.#reserve(offset + bytes.length)) return false
    this.#buffer.set(bytes, offset)
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + bytes.length)
    return true
  }

  /** What is added is zeros. @returns false as `write` does */
  truncate(sizeBytes: number): boolean {
    if (!this.#reserve(sizeBytes)) return false
    if (sizeBytes < this.#sizeBytes) this.#buffer.fill(0, sizeBytes, this.#sizeBytes)
    this.#sizeBytes = sizeBytes
    return true
  }

  /** Gives the memory back. */
  free(): void {
    this.#memory.give(this.#buffer.length)
    this.#buffer = Buffer.alloc(0)
    this.#sizeBytes = 0
  }

  #reserve(sizeBytes: number): boolean {
    const { length } = this.#buffer
    if (sizeBytes <= length) return true
    if (sizeBytes > largestBytes) return false
    let capacity = Math.max(length, smallestBuffer)
    while (capacity < sizeBytes) capacity *= 2
    if (!this.#memory.take(capacity - length)) return false
    const buffer = Buffer.alloc(capacity)
    this.#buffer.copy(buffer)
    this.#buffer = buffer
    return true
  }
}
