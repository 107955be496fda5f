import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GrowingSource } from '../../../src/data/growing-source.js'
import type { LentBytes } from '../../../src/data/staging-state.js'

let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  path = join(directory, 'staging')
  await writeFile(path, '0123456789')
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(directory, { recursive: true })
})

/** @param letGo is told of the bytes when they may be written over */
function lent(text: string, letGo: (text: string) => void = () => {}): LentBytes {
  return { bytes: Buffer.from(text), letGo: () => letGo(text) }
}

async function textOf(source: GrowingSource): Promise<string> {
  let text = ''
  for await (const chunk of source.chunks()) text += chunk.toString()
  return text
}

describe('GrowingSource', () => {
  it('reads as far as it is told, and ends when it is told', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    source.grow(3)
    const chunks = source.chunks()
    expect((await chunks.next()).value?.toString()).toBe('012')
    const next = chunks.next()
    source.grow(10)
    expect((await next).value?.toString()).toBe('3456789')
    const last = chunks.next()
    source.end()
    expect((await last).done).toBe(true)
  })

  it('has the digest of all bytes when they have ended, and none where they changed', async () => {
    const md5 = createHash('md5').update('0123456789').digest('hex')
    const source = new GrowingSource({ path, idleMs: 60_000 })
    source.grow(3)
    const chunks = source.chunks()
    await chunks.next()
    source.grow(10)
    source.end()
    expect(await source.md5()).toBe(md5)
    await chunks.return(undefined)
    const changed = new GrowingSource({ path, idleMs: 60_000 })
    changed.grow(10)
    const read = changed.chunks()
    expect((await read.next()).value?.toString()).toBe('0123456789')
    changed.abandon('it was written over')
    await expect(changed.md5()).rejects.toThrow('it was written over')
    await read.return(undefined)
    const unread = new GrowingSource({ path, idleMs: 60_000 })
    unread.grow(10)
    const digest = unread.md5().then(String, (error: Error) => error.message)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve() // the file is being read by now
    unread.abandon('it was written over meanwhile')
    expect(await digest).toContain('it was written over meanwhile')
  })

  it('can be read again from its beginning', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    source.grow(10)
    source.end()
    expect([await textOf(source), await textOf(source)]).toEqual(['0123456789', '0123456789'])
  })

  it('takes what was just written from memory, what is missing there from the disk, and all in order', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    source.grow(2)
    expect(source.grow(5, lent('CDE'))).toBe(true)
    source.grow(7)
    expect(source.grow(8, lent('H'))).toBe(true)
    source.grow(10)
    source.end()
    expect(await textOf(source)).toBe('01CDE56H89')
    expect(await textOf(source)).toBe('0123456789')
  })

  it('keeps no more in memory than a little, and nothing when it is abandoned', () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    const kept = Array.from({ length: 10 }, (_, i) => source.grow(i + 1, lent('x')))
    expect(kept.filter(Boolean)).toHaveLength(8)
    source.abandon('changed')
    expect(source.grow(11, lent('x'))).toBe(false)
    const far = new GrowingSource({ path, idleMs: 60_000 })
    expect(far.grow(20 * 1024 * 1024, lent('x'))).toBe(false)
  })

  it('lets a piece go when four more were asked for, and none that its reader may still have', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    const free: string[] = []
    for (const [index, text] of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].entries())
      expect(
        source.grow(
          index + 1,
          lent(text, (piece) => free.push(piece)),
        ),
      ).toBe(true)
    const chunks = source.chunks()
    const seen: unknown[] = []
    for (let asked = 1; asked <= 8; asked++) {
      await chunks.next()
      seen.push(free.join(''))
    }
    expect(seen).toEqual(['', '', '', '', '', 'a', 'ab', 'abc'])
    await chunks.return(undefined)
    expect(free.join('')).toBe('abc')
  })

  it('reads from the disk into memory that nobody has any more', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    const chunks = source.chunks()
    const pieces: Buffer[] = []
    for (let end = 1; end <= 10; end++) {
      source.grow(end)
      const { value } = await chunks.next()
      pieces.push(value as Buffer)
      const last = pieces.slice(-4).map((piece) => piece.toString())
      expect(last.join('')).toBe('0123456789'.slice(Math.max(0, end - 4), end))
    }
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBeLessThan(7)
  })

  it('fails for whoever reads it when it is abandoned, for good', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    const reading = textOf(source)
    source.abandon('changed')
    await expect(reading).rejects.toThrow('changed')
    source.grow(10)
    source.end()
    await expect(textOf(source)).rejects.toThrow('changed')
  })

  it('fails when nothing is written for long, but not while something is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new GrowingSource({ path, idleMs: 10_000 })
    source.grow(1)
    const chunks = source.chunks()
    await chunks.next()
    for (const end of [2, 3, 4]) {
      const next = chunks.next()
      vi.advanceTimersByTime(9_000)
      source.grow(end)
      expect((await next).value).toHaveLength(1)
    }
    const next = chunks.next()
    vi.advanceTimersByTime(10_000)
    await expect(next).rejects.toThrow('nothing was written for 10 s')
  })

  it('fails where the file has not the bytes it was told of', async () => {
    const source = new GrowingSource({ path, idleMs: 60_000 })
    source.grow(11)
    source.end()
    await expect(textOf(source)).rejects.toThrow('shorter')
  })
})
