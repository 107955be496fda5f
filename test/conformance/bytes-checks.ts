import { expect } from 'vitest'
import { patternBytes } from '../support/byte-source.js'
import { readFile, writeFile } from '../support/file-system.js'
import { expectCode } from './check.js'
import type { Check } from './check.js'

const mib = 1024 * 1024

/** What a program may rely on when it reads and writes bytes. The paragraphs of docs/semantics.md cite these checks by name. */
export const bytesChecks: Readonly<Record<string, Check>> = {
  'a file is on the server when close() has succeeded': async ({ fs, here, stored }) => {
    await writeFile(fs, `${here}/a.txt`, 'hello')
    expect(await stored('a.txt')).toEqual(Buffer.from('hello'))
    expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe('hello')
  },

  'a large file arrives and reads back byte for byte': async ({ fs, here, stored }) => {
    const bytes = patternBytes(5 * mib + 12345)
    await writeFile(fs, `${here}/large.bin`, bytes)
    expect((await stored('large.bin'))!.equals(bytes)).toBe(true)
    expect((await readFile(fs, `${here}/large.bin`)).equals(bytes)).toBe(true)
  },

  'a file can be overwritten, shorter and longer': async ({ fs, here, stored }) => {
    for (const text of ['first version', 'short', 'a third and longest version']) {
      await writeFile(fs, `${here}/a.txt`, text)
      expect((await stored('a.txt'))!.toString()).toBe(text)
      expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe(text)
    }
  },

  'a stored file can be appended to': async ({ fs, here, put, stored }) => {
    await put('log.txt', Buffer.from('one\n'))
    const file = await fs.open(`${here}/log.txt`, 'a')
    await file.write(Buffer.from('two\n'))
    await file.close()
    expect((await stored('log.txt'))!.toString()).toBe('one\ntwo\n')
  },

  'a part of a stored file can be changed in place': async ({ fs, here, put, stored }) => {
    const bytes = patternBytes(300_000)
    await put('part.bin', bytes)
    const file = await fs.open(`${here}/part.bin`, 'r+')
    await file.write(Buffer.from('CHANGED'), 200_000)
    expect((await file.read(199_999, 9)).subarray(1, 8).toString()).toBe('CHANGED')
    await file.close()
    bytes.write('CHANGED', 200_000)
    expect((await stored('part.bin'))!.equals(bytes)).toBe(true)
  },

  'a stored file can be truncated by path and by handle, and extended with zeros': async ({
    fs,
    here,
    put,
    stored,
  }) => {
    await put('t.bin', Buffer.from('0123456789'))
    await fs.truncate(`${here}/t.bin`, 4)
    expect((await stored('t.bin'))!.toString()).toBe('0123')
    const file = await fs.open(`${here}/t.bin`, 'r+')
    await file.truncate(6)
    expect((await file.stat()).sizeBytes).toBe(6)
    await file.close()
    expect(await stored('t.bin')).toEqual(Buffer.from('0123\0\0'))
  },

  'bytes that were never written are zeros': async ({ fs, here, stored }) => {
    const file = await fs.open(`${here}/sparse.bin`, 'w')
    await file.write(Buffer.from('end'), 100_000)
    await file.close()
    expect(
      (await stored('sparse.bin'))!.equals(Buffer.concat([Buffer.alloc(100_000), Buffer.from('end')])),
    ).toBe(true)
  },

  'a file that is empty is stored empty, at the latest with fsync': async ({ fs, here, stored }) => {
    const file = await fs.open(`${here}/empty.txt`, 'w')
    await file.sync()
    expect(await stored('empty.txt')).toEqual(Buffer.alloc(0))
    await file.close()
    expect((await fs.stat(`${here}/empty.txt`)).sizeBytes).toBe(0)
    expect(await readFile(fs, `${here}/empty.txt`)).toHaveLength(0)
  },

  'fsync stores what was written so far': async ({ fs, here, stored }) => {
    const file = await fs.open(`${here}/s.txt`, 'w')
    await file.write(Buffer.from('so far'), 0)
    await file.sync()
    expect((await stored('s.txt'))!.toString()).toBe('so far')
    await file.write(Buffer.from(' and on'), 6)
    await file.close()
    expect((await stored('s.txt'))!.toString()).toBe('so far and on')
  },

  'size and bytes are visible while a file is being written': async ({ fs, here }) => {
    const file = await fs.open(`${here}/w.txt`, 'w')
    await file.write(Buffer.from('visible'), 0)
    expect((await fs.stat(`${here}/w.txt`)).sizeBytes).toBe(7)
    expect((await readFile(fs, `${here}/w.txt`)).toString()).toBe('visible')
    expect(await fs.list(here)).toEqual(['w.txt'])
    await file.close()
  },

  'two handles of one file see one file, and the last close stores it': async ({ fs, here, stored }) => {
    const one = await fs.open(`${here}/two.txt`, 'w+')
    const two = await fs.open(`${here}/two.txt`, 'r+')
    await one.write(Buffer.from('aaaa'), 0)
    await two.write(Buffer.from('bb'), 2)
    expect((await one.read(0, 4)).toString()).toBe('aabb')
    await one.close()
    await two.close()
    expect((await stored('two.txt'))!.toString()).toBe('aabb')
  },

  'reading ends at the end of the file': async ({ fs, here, put }) => {
    await put('r.bin', Buffer.from('0123456789'))
    const file = await fs.open(`${here}/r.bin`, 'r')
    expect((await file.read(8, 100)).toString()).toBe('89')
    expect(await file.read(10, 10)).toHaveLength(0)
    expect(await file.read(mib, 10)).toHaveLength(0)
    await file.close()
  },

  'a file that exists is not created anew exclusively': async ({ fs, here, put }) => {
    await put('x.txt', Buffer.from('x'))
    await expectCode(fs.open(`${here}/x.txt`, 'wx'), 'EEXIST')
    expect((await readFile(fs, `${here}/x.txt`)).toString()).toBe('x')
  },
}
