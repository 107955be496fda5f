import { describe, expect, it } from 'vitest'
import type { ByteSpan } from '../../../src/data/byte-ranges.js'
import { ReadAhead } from '../../../src/data/read-ahead.js'

const kib = 1024
const mib = 1024 * kib

function totals(
  ahead: ReadAhead,
  reads: readonly (readonly [number, number])[],
): { requests: number; bytes: number } {
  let requests = 0
  let bytes = 0
  for (const [offset, length] of reads) {
    const span = ahead.observe(offset, length)
    if (!span) continue
    requests++
    bytes += span.end - span.start
  }
  return { requests, bytes }
}

describe('ReadAhead', () => {
  it('asks for nothing at the first read: it may be the only one', () => {
    expect(new ReadAhead(100 * mib).observe(0, 128 * kib)).toBeUndefined()
  })

  it('doubles the window of a sequential reader, and asks for every byte once', () => {
    const size = 64 * mib
    const ahead = new ReadAhead(size)
    const spans: ByteSpan[] = []
    for (let offset = 0; offset < size; offset += 128 * kib) {
      const span = ahead.observe(offset, 128 * kib)
      if (span) spans.push(span)
    }
    expect(spans[0]).toEqual({ start: 256 * kib, end: 512 * kib })
    spans.slice(1).forEach((span, i) => expect(span.start).toBe(spans[i]!.end))
    expect(spans.at(-1)!.end).toBe(size)
    expect(spans.length).toBeLessThan(16)
    expect(Math.max(...spans.map((span) => span.end - span.start))).toBeLessThanOrEqual(16 * mib)
  })

  it('moves nothing for a reader that jumps', () => {
    const reads = Array.from({ length: 200 }, (_, i) => [((i * 7919) % 1000) * mib, 4 * kib] as const)
    expect(totals(new ReadAhead(1024 * mib), reads).bytes).toBe(0)
  })

  it('follows two readers of one handle', () => {
    const reads = Array.from(
      { length: 64 },
      (_, i) =>
        [
          [i * 128 * kib, 128 * kib],
          [500 * mib + i * 128 * kib, 128 * kib],
        ] as const,
    ).flat()
    expect(totals(new ReadAhead(1024 * mib), reads).bytes).toBeGreaterThan(8 * mib)
  })

  it("takes the kernel's own read-ahead, which comes out of order, for one reader", () => {
    const ahead = new ReadAhead(100 * mib)
    const reads = [0, 2, 1, 3, 5, 4].map((block) => [block * 128 * kib, 128 * kib] as const)
    expect(totals(ahead, reads).requests).toBeGreaterThan(0)
  })

  it('ends at the end of the file', () => {
    const ahead = new ReadAhead(300 * kib)
    ahead.observe(0, 128 * kib)
    expect(ahead.observe(128 * kib, 128 * kib)).toEqual({ start: 256 * kib, end: 300 * kib })
    expect(ahead.observe(256 * kib, 128 * kib)).toBeUndefined()
  })
})
