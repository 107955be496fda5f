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
        const missing = ranges
          .missing(5, 30)
          .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
        expect(missing).toEqual(
          Array.from({ length: 25 }, (_, i) => i + 5).filter((byte) => !bytes.has(byte)),
        )
      }),
    )
  })
})
