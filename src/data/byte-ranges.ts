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
