import { createInflateRaw } from 'node:zlib'
import type { ByteQueue } from './byte-queue.js'

export interface Inflated {
  /** Undefined where there were more than were wanted. */
  readonly bytes: Buffer | undefined
  readonly sizeBytes: number
  readonly packedBytes: number
}

const pieceBytes = 64 * 1024

/**
 * Unpacks deflated bytes that tell their end themselves, and leaves the queue behind them.
 * @param wantedBytes more are counted and not kept
 */
export async function inflatePart(source: ByteQueue, wantedBytes: number): Promise<Inflated> {
  const inflate = createInflateRaw()
  const parts: Buffer[] = []
  let sizeBytes = 0
  let packedBytes = 0
  const state = { isEnded: false }
  inflate.on('data', (part: Buffer) => {
    sizeBytes += part.length
    if (sizeBytes <= wantedBytes) parts.push(part)
    else parts.length = 0
  })
  const ended = new Promise<void>((resolve, reject) => {
    inflate.once('end', resolve).once('error', reject)
  }).finally(() => (state.isEnded = true))
  ended.catch(() => {}) // thrown below
  try {
    let piece: Buffer = Buffer.alloc(0)
    while (!state.isEnded) {
      piece = await source.piece(pieceBytes)
      packedBytes += piece.length
      const written = new Promise<void>((resolve) => inflate.write(piece, () => resolve()))
      await Promise.race([written, ended])
      await new Promise((resolve) => setImmediate(resolve)) // its end is told a turn later
    }
    await ended
    const unused = packedBytes - inflate.bytesWritten
    if (unused > 0) source.putBack(Buffer.from(piece.subarray(piece.length - unused)))
    packedBytes -= unused
  } finally {
    inflate.destroy()
  }
  return { bytes: sizeBytes <= wantedBytes ? Buffer.concat(parts) : undefined, sizeBytes, packedBytes }
}
