import { readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import { putInPlace } from '../../../src/cache/cache-layout.js'
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
import type { TestCache, TestFile } from '../../support/disk-cache.js'

const { start, stop } = useTestCaches()

/** Each takes 64 KiB and a little for its sums. */
const files = Array.from({ length: 10 }, (_, i) => testFile(`1/${i}`, 64 * blockSizeBytes))

async function isThere(one: TestCache, file: TestFile): Promise<boolean> {
  return (await stat(pathOf(one, file)).catch(() => undefined)) !== undefined
}

describe('the limit', () => {
  it('is kept, and what was used longest ago goes first, also what an earlier mount used', async () => {
    const first = start()
    for (const [i, file] of files.entries()) {
      await putWhole(first, file)
      await utimes(`${pathOf(first, file)}.sums`, 1000 + i, 1000 + i)
    }
    const second = start({ maxBytes: 400 * 1024 })
    expect(await found(second, files[1]!)).toHaveLength(64) // used now
    await second.room.makeRoom()
    const there = await Promise.all(files.map((file) => isThere(second, file)))
    expect(there).toEqual([false, true, false, false, false, false, true, true, true, true])
    expect(second.room.usedBytes).toBeLessThan(400 * 1024)
  })

  it('holds while files are stored', async () => {
    const one = start({ maxBytes: 300 * 1024 })
    for (const file of files) {
      await putWhole(one, file)
      await one.room.makeRoom()
      expect(one.room.usedBytes).toBeLessThanOrEqual(300 * 1024)
    }
    expect(await found(one, files[9]!)).toHaveLength(64)
  })

  it('is looked after when much was stored: who begins to read does not wait for a look through all of it', async () => {
    const lists: string[] = []
    const fs = {
      ...nodeFs,
      readdir: ((path: string) => {
        lists.push(path)
        return nodeFs.readdir(path)
      }) as CacheFs['readdir'],
    }
    const one = start({ maxBytes: 2 * 1024 * 1024, fs })
    const ofFiles = (): string[] => lists.filter((path) => path.includes('/files'))
    await putWhole(one, files[0]!)
    expect(ofFiles()).toEqual([])
    for (const file of files.slice(1, 6)) await putWhole(one, file)
    await expect.poll(() => one.room.usedBytes).toBeGreaterThan(6 * 64 * 1024)
    expect(ofFiles()).not.toEqual([])
  })

  it('is kept by mounts that are short, too', async () => {
    for (const file of files) {
      const one = start({ maxBytes: 400 * 1024 })
      await putWhole(one, file)
      await stop(one)
    }
    const there = await Promise.all(files.map((file) => isThere(start({ maxBytes: 400 * 1024 }), file)))
    expect(there.filter((isKept) => isKept)).toHaveLength(5)
    expect(there.at(-1)).toBe(true)
  })

  it('counts parts by what they take, and evicts them whole', async () => {
    const one = start()
    const huge = testFile('2/huge', 2 * 1024 * 1024)
    await putBlocks(one, huge, [0, 1000])
    const path = partPath(one, huge)
    const other = start({ maxBytes: 1000 })
    await other.room.makeRoom()
    await expect(stat(dirname(path))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the free room of the disk', () => {
  it('is not taken: things are evicted, and when that does not help nothing more is stored, and it is said once', async () => {
    let isFull = false
    let nowMs = Date.now()
    const fs: CacheFs = {
      ...nodeFs,
      statfs: (async (path: string) => {
        const facts = await nodeFs.statfs(path)
        return isFull ? Object.assign(facts, { bavail: 0 }) : facts
      }) as CacheFs['statfs'],
    }
    const one = start({ fs, now: () => nowMs, keepFreeBytes: 1024 * 1024 })
    await putWhole(one, files[0]!)
    await one.room.makeRoom()
    isFull = true
    await one.room.makeRoom()
    expect(await isThere(one, files[0]!)).toBe(false)
    await putWhole(one, files[1]!)
    await one.room.makeRoom()
    expect(await isThere(one, files[1]!)).toBe(false)
    expect(one.lines.filter((line) => line.includes('no room left'))).toHaveLength(1)
    isFull = false
    nowMs += 31_000
    await putWhole(one, files[2]!)
    expect(await isThere(one, files[2]!)).toBe(true)
  })
})

describe('what was left behind', () => {
  it('by a writer that died is swept away; what may be on its way is not', async () => {
    const one = start()
    await putWhole(one, files[0]!)
    const tmp = join(one.server, 'tmp')
    await writeFile(join(tmp, 'dead00000000-1'), 'x')
    await writeFile(join(tmp, `${one.writer.id}-999`), 'x')
    await putInPlace(nodeFs, one.server, one.writer.id, pathOf(one, files[1]!), [Buffer.from('x')])
    const old = pathOf(one, files[2]!)
    await putInPlace(nodeFs, one.server, one.writer.id, old, [Buffer.from('x')])
    await utimes(old, 1000, 1000)
    await start().room.makeRoom() // the first one of a mount looks at everything
    expect(await readdir(tmp)).toEqual([`${one.writer.id}-999`])
    expect(await isThere(one, files[0]!)).toBe(true)
    expect(await isThere(one, files[1]!)).toBe(true)
    expect(await isThere(one, files[2]!)).toBe(false)
  })

  it('what a writer leaves while nobody knows it yet may be swept away: it begins anew', async () => {
    let swept = 0
    const fs: CacheFs = {
      ...nodeFs,
      rename: async (from, to) => {
        if (String(to).includes('/writers/') && swept++ === 0) await nodeFs.unlink(from)
        return nodeFs.rename(from, to)
      },
    }
    const one = start({ fs })
    await putWhole(one, files[0]!)
    expect(await isThere(one, files[0]!)).toBe(true)
    expect(swept).toBeGreaterThan(1)
  })
})
