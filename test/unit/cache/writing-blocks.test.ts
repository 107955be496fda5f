import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { versionKey } from '../../../src/cache/block-cache.js'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { blockSizeBytes, pathOf, putWhole, testFile, useTestCaches } from '../../support/disk-cache.js'

const { start } = useTestCaches()

const small = testFile('1/a.dcm', 3 * blockSizeBytes + 10)
const large = testFile('2/b.nii', 20 * blockSizeBytes + 1)

describe('bytes that are being written', () => {
  /** Takes a part of what it is given, and no sooner than it is let. */
  const slow = (takes: number, mayGoOn: () => Promise<void>): CacheFs => ({
    ...nodeFs,
    open: async (path, flags, mode) => {
      const handle = await nodeFs.open(path, flags, mode)
      const writev = handle.writev.bind(handle)
      handle.writev = async (pieces, position) => {
        await mayGoOn()
        const some = Buffer.concat(pieces as unknown as Uint8Array[]).subarray(0, takes)
        return { ...(await writev([some], position)), buffers: pieces }
      }
      return handle
    },
  })

  it.each([0, 1, blockSizeBytes - 1, blockSizeBytes, 3 * blockSizeBytes + 5])(
    'are all written, though the disk takes %i of them at first',
    async (takes) => {
      const one = start({ fs: slow(takes, () => Promise.resolve()) })
      await putWhole(one, small)
      for (const [index, block] of large.blocks.entries()) one.cache.put(large.key, index, block, 'unproven')
      await one.cache.settled()
      expect(await readFile(pathOf(one, small))).toEqual(small.bytes)
      expect(await readFile(pathOf(one, large))).toEqual(large.bytes)
    },
  )

  it('stay in memory until they are, also when others have taken their place', async () => {
    const freed: number[] = []
    const budget = new MemoryBudget(1024 * 1024, (memory) => freed.push(memory.byteLength))
    let goOn!: () => void
    const released = new Promise<void>((resolve) => (goOn = resolve))
    let onWriting!: () => void
    const writing = new Promise<void>((resolve) => (onWriting = resolve))
    const fs = slow(Number.MAX_SAFE_INTEGER, () => (onWriting(), released))
    const one = start({ fs, budget, blockBytes: 8192 })
    const listed = { file: '9/a', version: 'v1', sizeBytes: 3 * 8192, digest: undefined }
    const put = (answerVersion: string, fill: number): void => {
      for (const index of [0, 1]) {
        const block = Buffer.allocUnsafeSlow(8192).fill(fill)
        budget.cache(block)
        one.cache.put(versionKey(listed, answerVersion), index, block, 'unproven')
        budget.uncache(block)
      }
    }
    put('a1', 1)
    await writing
    put('a2', 2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(freed).toEqual([])
    goOn()
    await one.cache.settled()
    await new Promise((resolve) => setImmediate(resolve))
    expect(freed).toEqual([8192, 8192, 8192, 8192])
    const found = await one.cache.get(versionKey(listed, 'a2'), 1)
    expect(found).toEqual(Buffer.alloc(8192, 2))
  })
})
