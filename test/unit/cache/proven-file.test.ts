import { mkdtemp, open as openFile, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import {
  closeTestCache,
  openTestCache,
  pathOf,
  putBlocks,
  putWhole,
  testFile,
} from '../../support/disk-cache.js'
import type { TestCache, TestFile } from '../../support/disk-cache.js'

let root: string
/** What was opened below the cache since the test began to count. */
let readings: string[]
const opened: TestCache[] = []
const file = testFile('1/a.dcm', 4000)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  readings = []
})
afterEach(async () => {
  for (const one of opened.splice(0)) await closeTestCache(one)
  await rm(root, { recursive: true })
})

function open(): TestCache {
  const fs = {
    ...nodeFs,
    open: ((path, flags, mode) => {
      readings.push(String(path))
      return nodeFs.open(path, flags, mode)
    }) as typeof nodeFs.open,
  }
  const cache = openTestCache(root, { fs })
  opened.push(cache)
  return cache
}

describe('the plain file of a complete entry', () => {
  it('is looked through once, and again only when it was touched', async () => {
    await putWhole(open(), file)
    const one = open()
    const path = pathOf(one, file)
    expect(await one.cache.completePath(file.key)).toBe(path)
    readings = []
    expect(await one.cache.completePath(file.key)).toBe(path)
    expect(readings).toEqual([])
    await utimes(path, 1000, 1000)
    expect(await one.cache.completePath(file.key)).toBe(path)
    expect(readings).toEqual([path])
  })

  it.each([
    ['at once', putWhole],
    ['block by block', (one: TestCache, whole: TestFile) => putBlocks(one, whole, [3, 1, 0, 2])],
  ])('is not looked through by the process that has just made it, %s', async (_, put) => {
    const one = open()
    await put(one, file)
    readings = []
    expect(await one.cache.completePath(file.key)).toBe(pathOf(one, file))
    expect(readings).toEqual([])
    await utimes(pathOf(one, file), 1000, 1000)
    expect(await one.cache.completePath(file.key)).toBe(pathOf(one, file))
    expect(readings).toEqual([pathOf(one, file)])
  })

  it('counts as used when it is given: it is not read through the cache then', async () => {
    let nowMs = 1e12
    const one = openTestCache(root, { now: () => nowMs })
    opened.push(one)
    await putWhole(one, file)
    nowMs += 3_600_000
    await one.cache.completePath(file.key)
    await expect.poll(async () => (await stat(`${pathOf(one, file)}.sums`)).mtimeMs).toBe(nowMs)
  })

  it.each([
    ['a bit that flips', (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(3000) ^ 1, 3000)],
    ['a cut', undefined],
  ])('is not given any more after %s, and is removed', async (_, damage) => {
    const one = open()
    await putWhole(one, file)
    const path = pathOf(one, file)
    expect(await one.cache.completePath(file.key)).toBe(path)
    const bytes = await readFile(path)
    damage?.(bytes)
    const { atime, mtime } = await stat(path)
    await writeFile(path, damage ? bytes : bytes.subarray(0, 3000))
    await utimes(path, atime, mtime) // as if nothing had happened
    expect(await one.cache.completePath(file.key)).toBeUndefined()
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(one.cache.counters.corrupt).toBe(1)
  })

  it('is not given when another file has taken its name', async () => {
    const one = open()
    await putWhole(one, file)
    const path = pathOf(one, file)
    expect(await one.cache.completePath(file.key)).toBe(path)
    await writeFile(join(root, 'other'), Buffer.alloc(4000, 1))
    await rename(join(root, 'other'), path)
    expect(await one.cache.completePath(file.key)).toBeUndefined()
  })

  it('is not given for a part, another version, or what was evicted', async () => {
    const one = open()
    await putBlocks(one, file, [0, 2])
    expect(await one.cache.completePath(file.key)).toBeUndefined()
    const other = testFile('1/b.dcm', 4000)
    await putWhole(one, other)
    expect(await one.cache.completePath({ ...other.key, answerVersion: 'a2', id: 'x' })).toBeUndefined()
    await rm(pathOf(one, other))
    expect(await one.cache.completePath(other.key)).toBeUndefined()
  })

  it('is given later where it is large: nobody waits until all of it was looked through', async () => {
    const large = testFile('1/large.nii', 9 * 1024 * 1024)
    const one = open()
    const source = join(root, 'download')
    await writeFile(source, large.bytes)
    await one.cache.take(large.key, source, 'proven')
    await one.cache.settled()
    expect(await one.cache.completePath(large.key)).toBeUndefined()
    await expect.poll(() => one.cache.completePath(large.key), { timeout: 20_000 }).toBe(pathOf(one, large))
    const handle = await openFile(pathOf(one, large), 'r+')
    await handle.write('damage', 8 * 1024 * 1024)
    await handle.close()
    expect(await one.cache.completePath(large.key)).toBeUndefined()
    await expect.poll(() => one.cache.counters.corrupt, { timeout: 20_000 }).toBe(1)
    expect(await one.cache.completePath(large.key)).toBeUndefined()
  }, 60_000)
})
