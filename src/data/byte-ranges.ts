import { alone } from '../util/pieces.js'
import type { Pieces } from '../util/pieces.js'

/** A stretch of bytes, `end` excluded. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** A set of bytes of a file, as sorted stretches that neither touch nor overlap. */
export class ByteRanges {
  #spans: ByteSpan[] = []

  get spans(): readonly ByteSpan[] {
    return this.#spans
  }

  add(start: number, end: number): void {
    if (start >= end) return
    const before = this.#spans.filter((span) => span.end < start)
    const after = this.#spans.filter((span) => span.start > end)
    const touched = this.#spans.slice(before.length, this.#spans.length - after.length)
    const merged = {
      start: Math.min(start, touched[0]?.start ?? start),
      end: Math.max(end, touched.at(-1)?.end ?? end),
    }
    this.#spans = [...before, merged, ...after]
  }

  /** Forgets everything from `size` on. */
  cut(size: number): void {
    this.#spans = this.#spans
      .filter((span) => span.start < size)
      .map((span) => ({ start: span.start, end: Math.min(span.end, size) }))
  }

  /** The stretches of [start, end) that are not in the set. */
  missing(start: number, end: number): ByteSpan[] {
    const gaps: ByteSpan[] = []
    let from = start
    for (const span of this.#spans) {
      if (span.end <= from) continue
      if (span.start >= end) break
      if (span.start > from) gaps.push({ start: from, end: span.start })
      from = span.end
    }
    if (from < end) gaps.push({ start: from, end })
    return gaps
  }
}

/** What blocks that follow one another have of a span, uncopied. @param start where the first of them begins */
export function bytesOfBlocks(blocks: readonly Uint8Array[], start: number, span: ByteSpan): Pieces {
  const pieces: Uint8Array[] = []
  for (const block of blocks) {
    if (block.length === 0) throw new Error('a block was given back while it was used') // never a file that is short
    pieces.push(block.subarray(Math.max(span.start - start, 0), Math.max(span.end - start, 0)))
    start += block.length
  }
  return pieces.length === 1 ? pieces[0]! : pieces
}

/** All bytes of a file as the cache keeps them: each block in memory of its own. @param pieces likewise */
export function blocksOf(pieces: readonly Uint8Array[], blockSizeBytes: number): readonly Uint8Array[] {
  const isSo = pieces.every(({ length }, i) =>
    i < pieces.length - 1 ? length === blockSizeBytes : length <= blockSizeBytes,
  )
  if (isSo) return pieces
  const bytes = Buffer.concat(pieces)
  return Array.from({ length: Math.ceil(bytes.length / blockSizeBytes) }, (_, index) =>
    alone(bytes.subarray(index * blockSizeBytes, (index + 1) * blockSizeBytes)),
  )
}

/** The numbers of the blocks that a span touches. */
export function indexesOf(span: ByteSpan, blockSizeBytes: number): number[] {
  const first = Math.floor(span.start / blockSizeBytes)
  return Array.from({ length: Math.ceil(span.end / blockSizeBytes) - first }, (_, i) => first + i)
}
