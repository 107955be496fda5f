import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import {
  closeTestCache,
  found,
  openTestCache,
  pathOf,
  putBlocks,
  testFile,
} from '../../support/disk-cache.js'
import type { TestCache, TestCacheOptions } from '../../support/disk-cache.js'

let root: string
let path: string
const opened: TestCache[] = []
const file = testFile('1/large.nii', 5000)
const all = [0, 1, 2, 3, 4]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  path = join(root, 'download')
  await writeFile(path, file.bytes)
})
afterEach(async () => {
  for (const one of opened.splice(0)) await closeTestCache(one)
  await rm(root, { recursive: true })
})

function open(options: TestCacheOptions = {}): TestCache {
  const cache = openTestCache(root, options)
  opened.push(cache)
  return cache
}

async function take(cache: TestCache, key = file.key): Promise<void> {
  await cache.cache.take(key, path, 'proven')
  await rm(path)
  await cache.cache.settled()
}

describe('a file that was downloaded elsewhere', () => {
  it('is a complete file of this cache and of the next, and lies on the disk once', async () => {
    const { ino } = await stat(path)
    const one = open()
    await take(one)
    expect(await found(one, file)).toEqual(all)
    expect((await stat(pathOf(one, file))).ino).toBe(ino)
    expect(await found(open(), file)).toEqual(all)
    expect(await readdir(join(one.server, 'tmp'))).toEqual([])
  })

  it('is copied where it can have no second name', async () => {
    const link = (): Promise<void> => Promise.reject(Object.assign(new Error('no'), { code: 'EXDEV' }))
    const one = open({ fs: { ...nodeFs, link } })
    await take(one)
    expect(await readFile(pathOf(one, file))).toEqual(file.bytes)
    expect(await found(open(), file)).toEqual(all)
    expect(one.lines).toEqual([])
  })

  it('takes the place of a part', async () => {
    const one = open()
    await putBlocks(one, file, [1, 3])
    await take(one)
    expect(await found(one, file)).toEqual(all)
    expect(await found(open(), file)).toEqual(all)
    expect(await readdir(join(one.server, 'parts'))).toEqual([])
  })

  it.each([
    ['other bytes than its digest says', testFile('1/large.nii', 5000, { digest: '0'.repeat(32) })],
    ['another size', testFile('1/large.nii', 4999)],
  ])('is not kept when it has %s', async (_, wrong) => {
    const one = open()
    await take(one, wrong.key)
    expect(await found(one, wrong)).toEqual([])
    expect(await readdir(join(one.server, 'tmp'))).toEqual([])
    expect(one.lines).toEqual([])
  })

  it('is not kept when its bytes are doubtful, or are gone already', async () => {
    const one = open()
    await one.cache.take(file.key, path, 'doubtful')
    await rm(path)
    await one.cache.take(file.key, path, 'proven')
    await one.cache.settled()
    expect(await found(one, file)).toEqual([])
    expect(one.lines).toEqual([])
  })

  it('that a full disk has no room for is left where it is', async () => {
    const full = (): Promise<void> => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    const one = open({ fs: { ...nodeFs, link: full, copyFile: full } })
    await take(one)
    expect(await found(one, file)).toEqual([])
    expect(one.lines).toEqual([expect.stringContaining('cannot write')])
  })
})
