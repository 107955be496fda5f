import { rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import type { WholeFiles } from '../../../src/util/whole-files.js'
import { found, pathOf, putWhole, testFile, useTestCaches } from '../../support/disk-cache.js'
import type { TestCache, TestFile } from '../../support/disk-cache.js'
import { plainWholeFiles } from '../../support/whole-files.js'

const file = testFile('1/a.dcm', 4000)
const caches = useTestCaches()

/** What is opened by the functions that take a file step by step. */
function watched(): { fs: CacheFs; opened: string[] } {
  const opened: string[] = []
  const note =
    <A extends unknown[], R>(task: (path: never, ...rest: A) => R) =>
    (path: unknown, ...rest: A): R => {
      opened.push(String(path))
      return task(path as never, ...rest)
    }
  const open = note(nodeFs.open as never) as typeof nodeFs.open
  const readFile = note(nodeFs.readFile as never) as typeof nodeFs.readFile
  return { fs: { ...nodeFs, open, readFile }, opened }
}

const start = (options: { fs?: CacheFs; wholeFiles?: WholeFiles } = {}): TestCache =>
  caches.start({ wholeFiles: plainWholeFiles, ...options })

/** As who reads a file does. */
async function read(one: TestCache, { listed, blocks, key }: TestFile): Promise<number[]> {
  const version = await one.cache.answerVersion(listed, { willRead: true })
  expect([undefined, key.answerVersion]).toContain(version)
  return version === undefined ? [] : found(one, { listed, blocks, key } as TestFile)
}

async function keptByAnother(...files: readonly TestFile[]): Promise<void> {
  const one = start()
  for (const each of files) await putWhole(one, each)
  await caches.stop(one)
}

describe('a small file of the cache', () => {
  it('is written with its sums at once, and nothing is opened to see whether it is there', async () => {
    const { fs, opened } = watched()
    const puts: number[] = []
    const put: WholeFiles['put'] = (files) => {
      puts.push(files.length)
      return plainWholeFiles.put(files)
    }
    const one = start({ fs, wholeFiles: { ...plainWholeFiles, put } })
    await putWhole(one, file)
    expect(puts).toEqual([2])
    expect(opened.filter((path) => path.startsWith(pathOf(one, file)))).toEqual([])
    expect(await found(one, file)).toEqual([0, 1, 2, 3])
  })

  it('is read with its sums at once by who will read it', async () => {
    await keptByAnother(file)
    const { fs, opened } = watched()
    const one = start({ fs })
    expect(await read(one, file)).toEqual([0, 1, 2, 3])
    expect(opened).toEqual([])
    expect(await found(one, file)).toEqual([0, 1, 2, 3]) // once more, from the disk
    expect(opened).toEqual([pathOf(one, file)])
  })

  it('is not read by who only asks for it', async () => {
    await keptByAnother(file)
    const { fs, opened } = watched()
    const one = start({ fs })
    expect(await one.cache.answerVersion(file.listed)).toBe('a1')
    expect(opened).toEqual([`${pathOf(one, file)}.sums`])
  })

  it('that is large is read block by block', async () => {
    const large = testFile('1/large.nii', 1024 * 1024 + 1)
    await keptByAnother(large)
    const { fs, opened } = watched()
    const one = start({ fs })
    expect(await read(one, large)).toHaveLength(1025)
    expect(opened).toEqual([`${pathOf(one, large)}.sums`, pathOf(one, large)])
  })

  it('counts as used', async () => {
    await keptByAnother(file)
    const one = start()
    const sums = `${pathOf(one, file)}.sums`
    await utimes(sums, 1000, 1000)
    await read(one, file)
    expect((await stat(sums)).mtimeMs).toBeGreaterThan(1e12)
  })

  it.each([
    ['a byte is another', (path: string) => writeFile(path, Buffer.alloc(4000, 7)), 1],
    ['it is cut', (path: string) => truncate(path, 3000), 1],
    ['its sums are no sums', (path: string) => writeFile(`${path}.sums`, 'nonsense'), 1],
    ['it is gone', (path: string) => rm(path), 0],
    ['its sums are gone', (path: string) => rm(`${path}.sums`), 0],
  ])('is a miss when %s, and can be kept again', async (_, harm, corrupt) => {
    await keptByAnother(file)
    const one = start()
    await harm(pathOf(one, file))
    for (let i = 0; i < 4; i++) await read(one, file)
    expect(await read(one, file)).toEqual([])
    expect(one.cache.counters.corrupt).toBe(corrupt)
    await putWhole(one, file)
    expect(await found(one, file)).toEqual([0, 1, 2, 3])
  })

  it('that cannot be written is not kept, and the disk is left alone for a while', async () => {
    await keptByAnother(testFile('1/other.dcm', 100)) // so that there are directories
    const full = {
      ...plainWholeFiles,
      put: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
    }
    const one = start({ wholeFiles: full })
    await putWhole(one, file)
    expect(one.disk.canWrite()).toBe(false)
    await expect(stat(pathOf(one, file))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('that nobody reads in the end does not stay in memory', async () => {
    const many = Array.from({ length: 20 }, (_, i) => testFile(`1/${i}.dcm`, 4000))
    await keptByAnother(...many)
    const { fs, opened } = watched()
    const one = start({ fs })
    for (const { listed } of many) await one.cache.answerVersion(listed, { willRead: true })
    expect(opened).toEqual([])
    expect(await found(one, many.at(-1)!)).toEqual([0, 1, 2, 3])
    expect(opened).toEqual([])
    expect(await found(one, many[0]!)).toEqual([0, 1, 2, 3])
    expect(opened).toEqual([pathOf(one, many[0]!)])
  })
})
