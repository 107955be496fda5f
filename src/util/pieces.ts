/** Bytes that follow one another, where they lie: in one piece or in several. */
export type Pieces = Uint8Array | readonly Uint8Array[]

export function lengthOf(pieces: Pieces): number {
  return pieces instanceof Uint8Array ? pieces.length : pieces.reduce((sum, { length }) => sum + length, 0)
}

export function listOf(pieces: Pieces): readonly Uint8Array[] {
  return pieces instanceof Uint8Array ? [pieces] : pieces
}

/** A copy, in one piece. */
export function joined(pieces: Pieces): Buffer {
  return pieces instanceof Uint8Array ? Buffer.from(pieces) : Buffer.concat(pieces)
}

/** Whether nothing else lies in its memory: what is kept must not hold the memory of what is not. */
export function isAlone(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.length === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
}

/** The same bytes in memory of their own; a copy where they are not alone. */
export function alone(bytes: Buffer): Buffer {
  if (isAlone(bytes)) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
