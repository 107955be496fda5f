import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BlockRun, cutIntoBlocks } from '../../../src/data/block-run.js'
import { patternBytes } from '../../support/byte-source.js'

const blockBytes = 8

async function* chunksOf(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const length of [...lengths, bytes.length]) {
    const part = bytes.subarray(at, at + length)
    const chunk = Buffer.allocUnsafeSlow(part.length) // alone: may be kept as it is
    chunk.set(part)
    yield await Promise.resolve(chunk)
    at += length
  }
}

it('blocks are the bytes in their order, however these come', async () => {
  const lengths = fc.array(fc.oneof(fc.constant(blockBytes), fc.nat(3 * blockBytes)), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), lengths, async (sizeBytes, chunkLengths) => {
      const bytes = patternBytes(sizeBytes)
      const last = Math.ceil(sizeBytes / blockBytes) - 1
      const run = new BlockRun(0, last, false)
      const blocks: Buffer[] = []
      const lengthOf = (index: number): number => Math.min(blockBytes, sizeBytes - index * blockBytes)
      await cutIntoBlocks(chunksOf(bytes, chunkLengths), run, lengthOf, (block) => {
        blocks.push(block)
        run.deliver(block)
      })
      expect(blocks.map(({ length }) => length)).toEqual(
        Array.from({ length: last + 1 }, (_, index) => lengthOf(index)),
      )
      expect(Buffer.concat(blocks)).toEqual(bytes)
    }),
  )
})
