import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { TieredBlockCache } from '../../../src/cache/tiered-block-cache.js'
import { FileReader } from '../../../src/data/file-reader.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { Log } from '../../../src/util/log.js'
import type { Pieces } from '../../../src/util/pieces.js'
import { ByteSource, fileEntry, patternBytes } from '../../support/byte-source.js'
import { closeTestCache, openTestCache } from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

const block = 4096
const bytes = patternBytes(60 * block + 77)
let directory: string
let disk: TestCache | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
})
afterEach(async () => {
  if (disk) await closeTestCache(disk)
  disk = undefined
  await rm(directory, { recursive: true })
})

/** @returns whole numbers from 0 to below the parameter */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
}

/** Compared where they lie, in the turn in which they come, as a driver uses them. */
function isRight(pieces: Pieces, offset: number, length: number): boolean {
  const list = pieces instanceof Uint8Array ? [pieces] : pieces
  return Buffer.concat(list).equals(bytes.subarray(offset, offset + length))
}

it.each(['memory', 'memory over disk'])(
  'many readers of a file that is larger than the memory get its bytes, whatever is given back (%s)',
  async (kind) => {
    const seed = Number(process.env['XNATFS_SEED'] ?? Date.now() % 1_000_000)
    const random = randomNumbers(seed)
    let freed = 0
    const budget = new MemoryBudget(8 * block, (memory) => {
      freed++
      structuredClone(memory, { transfer: [memory] })
    })
    const memory = new MemoryBlockCache({ blockSizeBytes: block, budget })
    if (kind !== 'memory') disk = openTestCache(directory, { budget, blockBytes: block })
    const source = new ByteSource(bytes)
    source.chunkBytes = 3000
    source.beforeChunk = () =>
      random(3) === 0 ? new Promise((resolve) => setTimeout(resolve, random(3))) : undefined
    const reader = new FileReader(fileEntry(bytes), {
      archive: source,
      cache: disk ? new TieredBlockCache(memory, disk.cache) : memory,
      log: new Log({ write: () => {} }),
      answerVersion: undefined,
      onAnswerVersion: () => {},
      damagedDigest: undefined,
      onDamaged: () => {},
      wholeFileBytes: 0,
      spoolDirectory: directory,
    })
    const readOnce = async (): Promise<void> => {
      const offset = random(bytes.length)
      const length = Math.min(1 + random(6 * block), bytes.length - offset)
      if (random(4) === 0) reader.readAhead({ start: offset, end: offset + length })
      expect([
        offset,
        length,
        isRight(await reader.readPieces(offset, length), offset, length),
        seed,
      ]).toEqual([offset, length, true, seed])
    }
    const readOften = async (): Promise<void> => {
      for (let i = 0; i < 60; i++) await readOnce()
    }
    await Promise.all(Array.from({ length: 6 }, readOften))
    await disk?.cache.settled()
    expect(freed).toBeGreaterThan(100)
  },
)
