import { mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeFs } from '../../src/cache/cache-disk.js'
import { fileState } from '../../src/cache/file-state.js'
import { loadNativeBinding } from '../../src/fuse/native-binding.js'
import { wholeFiles } from '../../src/fuse/native-whole-files.js'

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

  it('leave nothing behind when one cannot have its name, and those after it are not written', async () => {
    const failure = put(['t1', 'missing/a'], ['t2', 'b'])
    await expect(failure).rejects.toMatchObject({ code: 'ENOENT', syscall: 'rename' })
    expect(await readdir(folder)).toEqual([])
  })

  it('do not write into a file that is there under the passing name', async () => {
    await writeFile(at('t1'), 'of somebody else')
    await expect(put(['t1', 'a'])).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(at('t1'), 'utf8')).toBe('of somebody else')
  })
})
