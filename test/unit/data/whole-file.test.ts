import { describe, expect, it } from 'vitest'
import type { FetchedBytes } from '../../../src/archive/archive.js'
import { fetchWholeFile } from '../../../src/data/whole-file.js'
import { FsError } from '../../../src/util/fs-error.js'
import { Log } from '../../../src/util/log.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { md5, patternBytes } from '../../support/byte-source.js'

const blockSizeBytes = 1000
const whole = patternBytes(2500, 7)

/** Memory of its own, as a body's pieces have. */
function alone(first: number, end: number): Uint8Array {
  const piece = new Uint8Array(end - first)
  piece.set(whole.subarray(first, end))
  return piece
}

async function* bodyOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(piece)
}

async function blocksOf(pieces: readonly Uint8Array[], sizeBytes = whole.length): Promise<readonly Buffer[]> {
  const bytes: FetchedBytes = {
    first: 0,
    rangeHonoured: false,
    totalBytes: sizeBytes,
    answerVersion: 'a1',
    isRecent: false,
    body: bodyOf(pieces),
    discard: () => {},
  }
  const { blocks } = await fetchWholeFile({
    name: 'a',
    sizeBytes,
    digest: md5(whole.subarray(0, sizeBytes)),
    blockSizeBytes,
    budget: new MemoryBudget(1_000_000),
    fetch: () => Promise.resolve({ ...bytes, body: bodyOf(pieces) }),
    onOtherSize: (size) => new FsError('ESTALE', `${size} bytes came`, { nextStep: 'open it again' }),
    log: new Log({ write: () => {} }),
    sleep: () => Promise.resolve(),
    signal: new AbortController().signal,
  })
  return blocks
}

describe('the blocks of a file that comes whole', () => {
  it('are the pieces of the body where these are blocks: nothing is copied', async () => {
    const pieces = [alone(0, 1000), alone(1000, 2000), alone(2000, 2500)]
    const blocks = await blocksOf(pieces)
    expect(Buffer.concat(blocks)).toEqual(whole)
    expect(blocks.map(({ buffer }) => pieces.findIndex((piece) => piece.buffer === buffer))).toEqual([
      0, 1, 2,
    ])
  })

  it('are made of the pieces where these are cut otherwise', async () => {
    for (const cuts of [[2500], [1, 2500], [999, 1999, 2500], [1000, 1500, 2500], [1000, 2000, 2499, 2500]]) {
      const blocks = await blocksOf(cuts.map((end, i) => alone(cuts[i - 1] ?? 0, end)))
      expect(blocks.map(({ length }) => length)).toEqual([1000, 1000, 500])
      expect(Buffer.concat(blocks)).toEqual(whole)
    }
  })

  it('keep no memory but their own', async () => {
    const blocks = await blocksOf([whole.subarray(0, 1000), whole.subarray(1000, 2000), whole.subarray(2000)])
    expect(Buffer.concat(blocks)).toEqual(whole)
    expect(blocks.map(({ buffer }) => buffer.byteLength)).toEqual([1000, 1000, 500])
  })

  it('are not more for a piece of nothing', async () => {
    expect(await blocksOf([alone(0, 1000), alone(0, 0)], 1000)).toHaveLength(1)
  })

  it('of another size are none', async () => {
    await expect(blocksOf([alone(0, 1000), alone(1000, 2000), alone(0, 1000)])).rejects.toThrow(
      '3000 bytes came',
    )
    await expect(blocksOf([alone(0, 1000), alone(1000, 2000)])).rejects.toThrow('2000 bytes came of 2500')
    await expect(blocksOf([alone(0, 1000), alone(0, 1000)], 1000)).rejects.toThrow('2000 bytes came')
  })
})
