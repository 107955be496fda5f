import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { versionKey } from '../../../src/cache/block-cache.js'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import {
  blockSizeBytes,
  found,
  partPath,
  pathOf,
  putBlocks,
  putWhole,
  testFile,
  useTestCaches,
} from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

vi.setConfig({ testTimeout: 30_000 }) // they wait for the disk, which has others to serve too

const caches = useTestCaches()
const { start, stop } = caches

const complaints = ({ lines }: TestCache): string[] => lines.filter((line) => / (warn|error) /.test(line))
const small = testFile('1/a.dcm', 3 * blockSizeBytes + 10)
const large = testFile('2/b.nii', 20 * blockSizeBytes + 1)

describe('small files', () => {
  it('are plain files of their very bytes, and there for the next mount', async () => {
    const first = start()
    await putWhole(first, small)
    expect(await readFile(pathOf(first, small))).toEqual(small.bytes)
    await stop(first)
    const second = start()
    expect(await second.cache.answerVersion(small.listed)).toBe('a1')
    expect(await found(second, small)).toEqual([0, 1, 2, 3])
    expect(await second.cache.completePath(small.key)).toBe(pathOf(second, small))
    expect(complaints(second)).toEqual([])
  })

  it('are there for another mount at the same time', async () => {
    const [one, other] = [start(), start()]
    await putWhole(one, small)
    expect(await found(other, small)).toEqual([0, 1, 2, 3])
  })

  it('of no bytes, of one block, and of whole blocks only', async () => {
    const one = start()
    for (const size of [1, blockSizeBytes, 2 * blockSizeBytes]) {
      const file = testFile(`3/${size}`, size)
      await putWhole(one, file)
      expect((await readFile(pathOf(one, file))).equals(file.bytes)).toBe(true)
    }
    expect(await one.cache.get(versionKey({ ...small.listed, sizeBytes: 0 }, 'a1'), 0)).toBeUndefined()
  })

  it('that are not what their catalog says are not kept', async () => {
    const one = start()
    for (const [index, block] of small.blocks.entries()) one.cache.put(small.key, index, block, 'doubtful')
    const other = testFile('1/x', 2 * blockSizeBytes, { digest: 'f'.repeat(32) })
    for (const [index, block] of other.blocks.entries()) one.cache.put(other.key, index, block, 'unproven')
    await one.cache.settled()
    expect(await found(one, small)).toEqual([])
    expect(await found(one, other)).toEqual([])
  })

  it('of another version are others', async () => {
    const one = start()
    await putWhole(one, small)
    const listed = { ...small.listed, version: 'v2' }
    expect(await one.cache.answerVersion(listed)).toBeUndefined()
    expect(await one.cache.get(versionKey(listed, 'a1'), 0)).toBeUndefined()
    expect(await one.cache.get(versionKey(small.listed, 'a2'), 0)).toBeUndefined()
  })

  it('give way to what the server answers now', async () => {
    const one = start()
    await putWhole(one, small)
    const changed = { ...small, key: versionKey(small.listed, 'a2') }
    await putWhole(one, changed)
    expect(await found(one, small)).toEqual([])
    expect(await found(one, changed)).toEqual([0, 1, 2, 3])
    expect(await start().cache.answerVersion(small.listed)).toBe('a2')
  })
})

describe('writing', () => {
  it('waits while files come, until they are many', async () => {
    const renamed: string[] = []
    const fs: CacheFs = {
      ...nodeFs,
      rename: (...names: Parameters<typeof nodeFs.rename>) => {
        renamed.push(String(names[1]))
        return nodeFs.rename(...names)
      },
    }
    const one = start({ fs })
    const files = Array.from({ length: 65 }, (_, i) => testFile(`1/${i}.dcm`, 512 * blockSizeBytes))
    const put = ({ key, blocks }: (typeof files)[0]): void =>
      blocks.forEach((block, index) => one.cache.put(key, index, block, 'proven'))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }) // nothing becomes quiet by itself
    try {
      files.slice(0, 62).forEach(put)
      for (let i = 0; i < 200; i++) await stat(tmpdir()) // as much as writing one would take, many times
      expect(renamed).toEqual([])
      files.slice(62).forEach(put)
      for (let i = 0; i < 10_000 && renamed.length === 0; i++) await stat(tmpdir())
      expect(renamed).not.toEqual([])
    } finally {
      vi.useRealTimers()
    }
    await one.cache.settled()
    for (const file of [files[0]!, files[64]!])
      expect((await stat(pathOf(one, file))).size).toBe(file.bytes.length)
  })
})

describe('large files', () => {
  it('are kept by block, in any order, over mounts, and become plain files when they are complete', async () => {
    const first = start()
    await putBlocks(first, large, [19, 0, 7])
    expect(await found(first, large)).toEqual([0, 7, 19])
    await stop(first)
    const second = start()
    expect(await second.cache.answerVersion(large.listed)).toBe('a1')
    expect(await found(second, large)).toEqual([0, 7, 19])
    await putBlocks(
      second,
      large,
      large.blocks.map((_, index) => index).filter((index) => ![0, 7, 19].includes(index)),
    )
    expect(await readFile(pathOf(second, large))).toEqual(large.bytes)
    expect(await found(second, large)).toEqual(large.blocks.map((_, index) => index))
    expect(await found(start(), large)).toHaveLength(21)
  })

  it('are sparse', async () => {
    const one = start()
    const huge = testFile('4/huge', 4 * 1024 * 1024)
    await putBlocks(one, huge, [0, 4000])
    const { size, blocks } = await stat(partPath(one, huge))
    expect(size).toBe(4001 * blockSizeBytes)
    expect(blocks * 512).toBeLessThan(64 * 1024)
  })

  it('that a living mount fills are left to it', async () => {
    const [one, other] = [start(), start()]
    await putBlocks(one, large, [1, 2])
    await putBlocks(other, large, [2, 3])
    expect(await found(one, large)).toEqual([1, 2])
    expect(await found(other, large)).toEqual([2, 3])
    await putBlocks(one, large, [4])
    expect(await found(one, large)).toEqual([1, 2, 4])
  })

  it('that turn out not to be what their catalog says are not kept', async () => {
    const one = start()
    const wrong = testFile('5/w', 3 * blockSizeBytes, { digest: '0'.repeat(32) })
    await putBlocks(one, wrong, [0, 1])
    expect(await found(one, wrong)).toEqual([0, 1])
    await putBlocks(one, wrong, [2])
    expect(await found(one, wrong)).toEqual([])
    expect(await one.cache.completePath(wrong.key)).toBeUndefined()
  })

  it('larger than the whole cache are not begun', async () => {
    const one = start({ maxBytes: 10 * blockSizeBytes })
    await putBlocks(one, large, [0])
    expect(await found(one, large)).toEqual([])
  })
})

describe('damage', () => {
  async function flip(path: string, at: number): Promise<void> {
    const bytes = await readFile(path)
    bytes[at]! ^= 0x10
    await writeFile(path, bytes)
  }

  it.each(['a bit that flipped', 'a file that was cut', 'zeros in the place of bytes'])(
    '%s is a miss, removed and logged once',
    async (kind) => {
      const first = start()
      await putWhole(first, small)
      await stop(first)
      const path = pathOf(first, small)
      if (kind.startsWith('a bit')) await flip(path, 2 * blockSizeBytes + 5)
      else if (kind.startsWith('a file')) await truncate(path, 2 * blockSizeBytes + 5)
      else await writeFile(path, Buffer.alloc(small.bytes.length))
      const second = start()
      expect((await found(second, small)).length).toBeLessThan(4)
      expect(await found(second, small)).toEqual([])
      expect(complaints(second)).toHaveLength(1)
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
      await putWhole(second, small)
      expect(await found(second, small)).toEqual([0, 1, 2, 3])
    },
  )

  it('of the sums, at every byte of them, is a miss or does no harm', async () => {
    const first = start()
    await putWhole(first, small)
    await stop(first)
    const path = `${pathOf(first, small)}.sums`
    const sums = await readFile(path)
    const bytes = await readFile(pathOf(first, small))
    for (let at = 0; at < sums.length; at++) {
      await writeFile(pathOf(first, small), bytes)
      const damaged = Buffer.from(sums)
      damaged[at]! ^= 0x01
      await writeFile(path, damaged)
      const one = start()
      await found(one, small)
      await stop(one)
    }
    for (let length = 0; length < sums.length; length++) {
      await writeFile(pathOf(first, small), bytes)
      await writeFile(path, sums.subarray(0, length))
      const one = start()
      expect(await found(one, small)).toEqual([])
      await stop(one)
    }
  })

  it('of a part costs its blocks only, and so does a lost side file', async () => {
    const first = start()
    await putBlocks(first, large, [1, 2, 3])
    await flip(partPath(first, large), 2 * blockSizeBytes)
    expect(await found(first, large)).not.toContain(2)
    await putBlocks(first, large, [5])
    await stop(first)
    await rm(partPath(first, large).replace('.part', '.sums'), { force: true })
    const second = start()
    expect(await found(second, large)).toEqual([])
    await putBlocks(second, large, [6])
    expect(await found(second, large)).toEqual([6])
  })
})

describe('eviction', () => {
  it('does not touch what somebody has open', async () => {
    const one = start()
    await putWhole(one, small)
    const held = await open(pathOf(one, small), 'r')
    try {
      await rm(pathOf(one, small))
      await rm(`${pathOf(one, small)}.sums`)
      const changed = testFile('1/a.dcm', small.bytes.length, { digest: undefined })
      changed.bytes.reverse()
      await putWhole(start(), { ...changed, key: versionKey(changed.listed, 'a9') })
      expect(await held.readFile()).toEqual(small.bytes)
    } finally {
      await held.close()
    }
  })

  it('of a part that is being filled costs what it had', async () => {
    const one = start()
    await putBlocks(one, large, [1, 2])
    await rm(join(partPath(one, large), '..'), { recursive: true })
    await putBlocks(one, large, [3])
    expect(await found(one, large)).toEqual([3])
    await stop(one)
    expect(await found(start(), large)).toEqual([3])
  })
})

describe('a disk that fails', () => {
  const failure = (code: string): Error => Object.assign(new Error(`${code}: no`), { code })
  let code: string | undefined
  let nowMs: number
  beforeEach(() => {
    code = undefined
    nowMs = 1_800_000_000_000
  })
  const now = (): number => nowMs
  /** Fails wherever something is opened for writing, made or renamed. */
  const failing: CacheFs = {
    ...nodeFs,
    open: async (path, flags, mode) => {
      if (code !== undefined && flags !== 'r') throw failure(code)
      const handle = await nodeFs.open(path, flags, mode)
      const write = handle.write.bind(handle)
      handle.write = ((...parameters: Parameters<typeof write>) =>
        code === undefined ? write(...parameters) : Promise.reject(failure(code))) as typeof handle.write
      const writev = handle.writev.bind(handle)
      handle.writev = (...parameters) =>
        code === undefined ? writev(...parameters) : Promise.reject(failure(code))
      return handle
    },
    mkdir: ((...parameters: Parameters<typeof nodeFs.mkdir>) =>
      code === undefined
        ? nodeFs.mkdir(...parameters)
        : Promise.reject(failure(code))) as typeof nodeFs.mkdir,
    rename: (from, to) => (code === undefined ? nodeFs.rename(from, to) : Promise.reject(failure(code))),
  }

  it.each(['ENOSPC', 'EROFS', 'EIO', 'EACCES', 'EDQUOT'])(
    '%s while writing: what is there is read, one line, and tried again later',
    async (reason) => {
      const one = start({ fs: failing, now })
      await putWhole(one, small)
      await putBlocks(one, large, [0])
      code = reason
      await putBlocks(one, large, [1, 2])
      await putWhole(one, testFile('6/c', 100))
      expect(await found(one, small)).toEqual([0, 1, 2, 3])
      expect(await found(one, large)).toEqual([0])
      expect(complaints(one)).toHaveLength(1)
      nowMs += 31_000
      await putBlocks(one, large, [1])
      nowMs += 31_000
      expect(complaints(one)).toHaveLength(1)
      code = undefined
      await putBlocks(one, large, [1, 2])
      expect(await found(one, large)).toEqual([0, 1, 2])
      expect(one.lines.at(-1)).toContain('works again')
    },
  )

  it('a directory that vanished is made again', async () => {
    const one = start({ now })
    await putWhole(one, small)
    await putBlocks(one, large, [0])
    await rm(caches.root, { recursive: true })
    nowMs += 61_000
    await putBlocks(one, large, [1, 2])
    await putWhole(one, testFile('6/c', 100))
    expect(await found(one, testFile('6/c', 100))).toEqual([0])
    expect(await found(one, large)).toEqual([1, 2])
  })

  it('reads that fail are misses, and one line', async () => {
    const broken: CacheFs = {
      ...nodeFs,
      open: (path, flags, mode) =>
        flags === 'r' ? Promise.reject(failure('EIO')) : nodeFs.open(path, flags, mode),
    }
    const one = start({ fs: broken, now })
    await putWhole(one, small)
    expect(await found(one, small)).toEqual([])
    expect(complaints(one)).toHaveLength(1)
    expect((await stat(pathOf(one, small))).size).toBe(small.bytes.length)
  })
})
