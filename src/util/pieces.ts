/** Bytes that follow one another, where they lie: in one piece or in several. */
export type Pieces = Uint8Array | readonly Uint8Array[]

/** A copy, in one piece. */
export function joined(pieces: Pieces): Buffer {
  return pieces instanceof Uint8Array ? Buffer.from(pieces) : Buffer.concat(pieces)
}
