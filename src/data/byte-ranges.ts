import { alone } from '../util/pieces.js'
import type { Pieces } from '../util/pieces.js'

/** A stretch of bytes, `end` excluded. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/**
 * A set of bytes of a file, as sorted stretches that neither touch nor overlap. Programs that write here and there make
 * tens of thousands of them, so none but those concerned are looked at.
 */
export class ByteRanges {
  readonly #spans: ByteSpan[] = []

  /** As they are now. */
  get spans(): readonly ByteSpan[] {
    return this.#spans.slice()
  }

  add(start: number, end: number): void {
    if (start >= end) return
    const first = this.#firstThatEnds(start)
    let after = first
    while ((this.#spans[after]?.start ?? Infinity) <= end) after++
    const merged = {
      start: Math.min(start, this.#spans[first]?.start ?? start),
      end: Math.max(end, this.#spans[after - 1]?.end ?? end),
    }
    this.#spans.splice(first, after - first, merged)
  }

  /** Forgets everything from `size` on. */
  cut(size: number): void {
    const first = this.#firstThatEnds(size)
    for (const { start, end } of this.#spans.splice(first))
      if (start < size) this.add(start, Math.min(end, size))
  }

  /** What of [start, end) is in the set, as of now. */
  within(start: number, end: number): ByteSpan[] {
    const spans: ByteSpan[] = []
    for (let i = this.#firstThatEnds(start); i < this.#spans.length; i++) {
      const span = this.#spans[i]!
      if (span.start >= end) break
      const part = { start: Math.max(span.start, start), end: Math.min(span.end, end) }
      if (part.start < part.end) spans.push(part)
    }
    return spans
  }

  /** The stretches of [start, end) that are not in the set. */
  missing(start: number, end: number): ByteSpan[] {
    const gaps: ByteSpan[] = []
    let from = start
    for (const span of this.within(start, end)) {
      if (span.start > from) gaps.push({ start: from, end: span.start })
      from = span.end
    }
    if (from < end) gaps.push({ start: from, end })
    return gaps
  }

  /** The index of the first stretch that ends at a position or later. */
  #firstThatEnds(position: number): number {
    let low = 0
    for (let high = this.#spans.length; low < high;) {
      const middle = (low + high) >>> 1
      if (this.#spans[middle]!.end < position) low = middle + 1
      else high = middle
    }
    return low
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
