const none = Buffer.alloc(0)

/** The bytes of a stream, taken by number. Fails where the stream ends before. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Buffer = none

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]()
  }

  /** The next bytes, for a look: they share their memory with others. */
  async view(count: number): Promise<Buffer> {
    if (this.#rest.length < count) {
      const parts = [this.#rest]
      for (let length = this.#rest.length; length < count;) {
        const next = await this.#next()
        parts.push(next)
        length += next.length
      }
      this.#rest = Buffer.concat(parts)
    }
    return this.#take(count)
  }

  /** The next bytes, to be kept: in pieces of one size, the last one excepted, each in memory of its own. */
  async takePieces(count: number, pieceBytes: number): Promise<Buffer[]> {
    const pieces: Buffer[] = []
    for (let taken = 0; taken < count;) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(pieceBytes, count - taken))
      for (let filled = 0; filled < bytes.length;) {
        const part =
          this.#rest.length > 0 ? this.#take(Math.min(bytes.length - filled, this.#rest.length)) : undefined
        if (!part) this.#rest = await this.#next()
        else filled += part.copy(bytes, filled)
      }
      taken += bytes.length
      pieces.push(bytes)
    }
    return pieces
  }

  async skip(count: number): Promise<void> {
    for (let skipped = 0; skipped < count;) skipped += (await this.piece(count - skipped)).length
  }

  /** As many bytes as are at hand, at least one. */
  async piece(limit: number): Promise<Buffer> {
    if (this.#rest.length === 0) this.#rest = await this.#next()
    return this.#take(Math.min(limit, this.#rest.length))
  }

  /** Bytes that were taken and belong to what follows. */
  putBack(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest])
  }

  /** Reads what is left, so that the connection can be used again. */
  async drain(): Promise<void> {
    this.#rest = none
    while (!(await this.#chunks.next()).done);
  }

  #take(count: number): Buffer {
    const bytes = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(count)
    return bytes
  }

  async #next(): Promise<Buffer> {
    for (;;) {
      const next = await this.#chunks.next()
      if (next.done) throw new Error('the archive broke off')
      const { buffer, byteOffset, byteLength } = next.value
      if (byteLength > 0) return Buffer.from(buffer, byteOffset, byteLength)
    }
  }
}
