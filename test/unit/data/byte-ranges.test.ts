import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteRanges } from '../../../src/data/byte-ranges.js'

const limit = 40
const step = fc.oneof(
  fc.record({ add: fc.tuple(fc.nat(limit), fc.nat(limit)) }),
  fc.record({ cut: fc.nat(limit) }),
)

describe('ByteRanges', () => {
  it('is the set of the bytes added and not cut, as few stretches as can be', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const ranges = new ByteRanges()
        const bytes = new Set<number>()
        for (const one of steps) {
          if ('cut' in one) {
            ranges.cut(one.cut)
            for (const byte of bytes) if (byte >= one.cut) bytes.delete(byte)
          } else {
            const [start, end] = [Math.min(...one.add), Math.max(...one.add)]
            ranges.add(start, end)
            for (let byte = start; byte < end; byte++) bytes.add(byte)
          }
        }
        const listed = ranges.spans.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        )
        expect(listed).toEqual([...bytes].sort((a, b) => a - b))
        ranges.spans.slice(1).forEach((span, i) => expect(span.start).toBeGreaterThan(ranges.spans[i]!.end))
        const within = ranges
          .within(5, 30)
          .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
        expect(within).toEqual(listed.filter((byte) => byte >= 5 && byte < 30))
        const missing = ranges
          .missing(5, 30)
          .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
        expect(missing).toEqual(
          Array.from({ length: 25 }, (_, i) => i + 5).filter((byte) => !bytes.has(byte)),
        )
      }),
    )
  })

  it('takes no longer for tens of thousands of stretches than a program waits', { timeout: 10_000 }, () => {
    const ranges = new ByteRanges()
    const count = 50_000
    const stepBytes = 7919 // prime to the count: every stretch, in an order that jumps
    for (let i = 0; i < count; i++) {
      const start = ((i * stepBytes) % count) * 8192
      ranges.add(start, start + 4096)
      ranges.missing(start, start + 8192)
    }
    expect(ranges.spans).toHaveLength(count)
    ranges.add(0, count * 8192)
    expect(ranges.spans).toEqual([{ start: 0, end: count * 8192 }])
  })
})
