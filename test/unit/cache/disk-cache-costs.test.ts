import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import {
  blockSizeBytes,
  closeTestCache,
  found,
  openTestCache,
  putBlocks,
  putWhole,
  testFile,
} from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

let root: string
let opened: TestCache

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'xnatfs-cache-')), 'xnatfs')
})
afterEach(async () => {
  await closeTestCache(opened)
  await rm(join(root, '..'), { recursive: true })
})

function start(fs: CacheFs): TestCache {
  opened = openTestCache(root, { fs })
  return opened
}

describe('what a disk cache looks at, and has open', () => {
  it('files of one block are not looked for among those that are there in part', async () => {
    const looked: string[] = []
    const readdir = ((path: string) => {
      looked.push(path)
      return nodeFs.readdir(path)
    }) as typeof nodeFs.readdir
    const one = start({ ...nodeFs, readdir })
    const file = testFile('3/one', blockSizeBytes)
    expect(await one.cache.answerVersion(file.listed)).toBeUndefined()
    expect(await one.cache.refind(file.listed)).toBeUndefined()
    await putWhole(one, file)
    expect(looked.filter((path) => path.includes('/parts/'))).toEqual([])
    await one.cache.answerVersion(testFile('3/more', 2 * blockSizeBytes).listed)
    expect(looked.filter((path) => path.includes('/parts/'))).toHaveLength(1)
  })

  it('of the files that are there in part, few are open', async () => {
    let open = 0
    const counted: CacheFs = {
      ...nodeFs,
      open: async (path, flags, mode) => {
        const handle = await nodeFs.open(path, flags, mode)
        if (!String(path).includes('/parts/')) return handle
        open++
        const close = handle.close.bind(handle)
        handle.close = () => {
          open--
          return close()
        }
        return handle
      },
    }
    const one = start(counted)
    for (let i = 0; i < 100; i++) await putBlocks(one, testFile(`4/${i}`, 3 * blockSizeBytes), [0])
    expect(open).toBeGreaterThan(40)
    expect(open).toBeLessThanOrEqual(2 * 40)
    expect(await found(one, testFile('4/0', 3 * blockSizeBytes))).toEqual([0])
  })
})
