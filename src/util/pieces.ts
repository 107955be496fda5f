/** Bytes that follow one another, where they lie: in one piece or in several. */
export type Pieces = Uint8Array | readonly Uint8Array[]

/** The same bytes in one piece; several are copied. */
export function joined(pieces: Pieces): Uint8Array {
  return pieces instanceof Uint8Array ? pieces : Buffer.concat(pieces)
}
