import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFs } from '../../src/cache/cache-disk.js'
import { fileState } from '../../src/cache/file-state.js'
import { loadNativeBinding } from '../../src/fuse/native-binding.js'
import { pooledCrc32, pooledMd5 } from '../../src/fuse/native-digests.js'
import { wholeFiles } from '../../src/fuse/native-whole-files.js'
import { md5Here } from '../../src/util/md5.js'

const files = wholeFiles(loadNativeBinding())

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-whole-'))
})
afterEach(() => rm(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)
const memory = (...lengths: number[]): Buffer[] => lengths.map((length) => Buffer.alloc(length))

describe('a file that is read at once', () => {
  beforeEach(async () => {
    await writeFile(at('f'), '0123456789')
    await writeFile(at('f.sums'), 'sums')
  })

  it('fills the pieces, and what is beside it comes too', async () => {
    const pieces = memory(4, 4, 2)
    expect((await files.read(at('f'), at('f.sums'), pieces, 0)).toString()).toBe('sums')
    expect(pieces.map(String)).toEqual(['0123', '4567', '89'])
  })

  it.each([
    ['shorter', memory(4, 4)],
    ['longer', memory(4, 8)],
  ])('is an error where another length is expected: %s', async (_, pieces) => {
    await expect(files.read(at('f'), at('f.sums'), pieces, 0)).rejects.toMatchObject({ code: 'EIO' })
  })

  it.each(['f', 'f.sums'])('is absent where %s is', async (name) => {
    await rm(at(name))
    const failure = files.read(at('f'), at('f.sums'), memory(10), 0)
    await expect(failure).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open', path: at(name) })
  })

  it.each([
    [2_000_000, true],
    [500_000, false],
  ])('is noted as used when that was before a time: %d, %s', async (touchBeforeMs, isTouched) => {
    await utimes(at('f.sums'), 1000, 1000)
    await files.read(at('f'), at('f.sums'), memory(10), touchBeforeMs)
    expect((await stat(at('f.sums'))).mtimeMs > 1e12).toBe(isTouched)
  })

  it('may be one of many, all at once, and the memory of each is its own', async () => {
    const all = Array.from({ length: 200 }, () => memory(10))
    await Promise.all(all.map((pieces) => files.read(at('f'), at('f.sums'), pieces, 0)))
    expect(new Set(all.flat().map(String))).toEqual(new Set(['0123456789']))
  })

  it('is not read into what is no memory', () => {
    const { freeMemory } = loadNativeBinding()
    const own = new Uint8Array(10)
    freeMemory(own.buffer)
    expect(() => files.read(at('f'), at('f.sums'), [own], 0)).toThrow(TypeError)
    expect(() => files.read(at('f'), at('f.sums'), ['text'] as never, 0)).toThrow(TypeError)
  })
})

describe('files that are put in place at once', () => {
  const put = (...names: readonly [temporary: string, path: string][]): Promise<readonly string[]> =>
    files.put(
      names.map(([temporary, path]) => ({
        temporary: at(temporary),
        path: at(path),
        pieces: [Buffer.from('of '), Buffer.from(path)],
      })),
    )

  it('have their names, for their owner only, and are in the state that is told', async () => {
    const states = await put(['t1', 'a'], ['t2', 'b'])
    expect((await readdir(folder)).sort()).toEqual(['a', 'b'])
    expect([await readFile(at('a'), 'utf8'), await readFile(at('b'), 'utf8')]).toEqual(['of a', 'of b'])
    expect((await stat(at('a'))).mode & 0o777).toBe(0o600)
    expect(states).toEqual([await fileState(nodeFs, at('a')), await fileState(nodeFs, at('b'))])
  })

  it('take the place of others', async () => {
    await writeFile(at('a'), 'something that is longer')
    await put(['t1', 'a'])
    expect(await readFile(at('a'), 'utf8')).toBe('of a')
  })

  it('have directories made for them, for their owner only', async () => {
    await put(['tmp/t1', 'files/ab/a'], ['tmp/t2', 'files/ab/b'])
    expect(await readdir(at('files/ab'))).toEqual(['a', 'b'])
    expect(await readdir(at('tmp'))).toEqual([])
    for (const name of ['tmp', 'files', 'files/ab']) expect((await stat(at(name))).mode & 0o777).toBe(0o700)
  })

  it('leave nothing behind when one cannot have its name, and those after it are not written', async () => {
    await mkdir(at('taken'))
    const failure = put(['t1', 'taken'], ['t2', 'b'])
    await expect(failure).rejects.toMatchObject({ code: 'EISDIR', syscall: 'rename' })
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('are refused where a file is in the place of a directory', async () => {
    await writeFile(at('f'), '')
    await expect(put(['t1', 'f/a'])).rejects.toMatchObject({ code: 'ENOTDIR', syscall: 'rename' })
    await expect(put(['f/tmp/t1', 'a'])).rejects.toMatchObject({ code: 'ENOTDIR', syscall: 'open' })
    expect(await readdir(folder)).toEqual(['f'])
  })

  it('do not write into a file that is there under the passing name', async () => {
    await writeFile(at('t1'), 'of somebody else')
    await expect(put(['t1', 'a'])).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(at('t1'), 'utf8')).toBe('of somebody else')
  })
})

describe('whether something is there', () => {
  it('is told of files and directories, and what cannot be told may be', async () => {
    await writeFile(at('f'), '')
    const paths = ['f', '', 'missing', 'missing/f', 'f/f', 'x'.repeat(300)].map(at)
    expect(await files.areThere(paths)).toEqual([true, true, false, false, false, true])
    expect(() => files.areThere('f' as never)).toThrow(TypeError)
  })
})

describe('the CRC-32 of pieces', () => {
  const pieces = [Buffer.from('123456789'), Buffer.alloc(0), Buffer.alloc(200_000, 7)]

  it('is that of each, by a thread of the pool where they are many, or here', async () => {
    const sums = pooledCrc32(loadNativeBinding())(pieces)
    expect(sums).toBeInstanceOf(Promise)
    expect(await sums).toEqual([0xcbf43926, 0, crc32(pieces[2]!)])
    expect(pooledCrc32(loadNativeBinding())(pieces.slice(0, 2))).toEqual([0xcbf43926, 0])
    expect(pooledCrc32({})(pieces)).toEqual(await sums)
  })
})

describe('the MD5 of bytes in pieces', () => {
  const md5 = pooledMd5(loadNativeBinding())
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251))

  it.each([[[]], [[10]], [[0, 200_000]], [[1, 64, 99_999, 150_000]]])(
    'is the same, cut at %j',
    async (cuts) => {
      const ends = [...cuts, bytes.length]
      const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
      expect(await md5(pieces)).toBe(createHash('md5').update(bytes).digest('hex'))
    },
  )

  it('is made by a thread of the pool where there are many', () => {
    expect(md5([bytes])).toBeInstanceOf(Promise)
    expect(md5([bytes.subarray(0, 1000)])).toBe(md5Here([bytes.subarray(0, 1000)]))
  })

  it('is made here where the pool cannot', async () => {
    const refuse = (): Promise<string> => Promise.reject(new Error('MD5 is forbidden'))
    expect(await pooledMd5({ md5: refuse })([bytes])).toBe(md5Here([bytes]))
    expect(pooledMd5({})([bytes])).toBe(md5Here([bytes]))
  })

  it('of what is no memory is refused', () => {
    const { freeMemory, md5: native } = loadNativeBinding()
    const own = new Uint8Array(100)
    freeMemory(own.buffer)
    expect(() => native!([own])).toThrow(TypeError)
    expect(() => native!([Buffer.from('x'), 'text' as never])).toThrow(TypeError)
  })
})
