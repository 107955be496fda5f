import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { FileReader } from '../../../src/data/file-reader.js'
import type { FileReaderOptions } from '../../../src/data/file-reader-options.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { Log } from '../../../src/util/log.js'
import { joined } from '../../../src/util/pieces.js'
import { ByteSource, fileEntry, md5, patternBytes } from '../../support/byte-source.js'

const block = 1024
const bytes = patternBytes(100 * block + 77)
let directory: string
let lines: string[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  lines = []
})
afterEach(() => rm(directory, { recursive: true }))

function readerOf(
  source: ByteSource,
  changes: Parameters<typeof fileEntry>[1] = {},
  options: Partial<FileReaderOptions> = {},
): FileReader {
  return new FileReader(fileEntry(bytes, changes), {
    archive: source,
    cache: new MemoryBlockCache({ blockSizeBytes: block, budget: new MemoryBudget(1024 * 1024) }),
    log: new Log({ write: (line) => lines.push(line) }),
    answerVersion: undefined,
    onAnswerVersion: () => {},
    damagedDigest: undefined,
    onDamaged: () => {},
    wholeFileBytes: 0,
    spoolDirectory: directory,
    sleep: () => Promise.resolve(),
    ...options,
  })
}

async function expectRead(reader: FileReader, offset: number, length: number): Promise<void> {
  const read = await reader.read(offset, length)
  expect(Buffer.from(read).equals(bytes.subarray(offset, offset + length))).toBe(true)
}

describe('reading by ranges', () => {
  it('gives exactly the bytes asked for, wherever they lie', async () => {
    const reader = readerOf(new ByteSource(bytes))
    for (const [offset, length] of [
      [0, 1],
      [0, block],
      [block - 1, 2],
      [5 * block, 3 * block],
      [99 * block, 2 * block],
      [bytes.length - 1, 1],
    ] as const) {
      await expectRead(reader, offset, length)
    }
    expect(await reader.read(bytes.length, 10)).toHaveLength(0)
    expect(await reader.read(bytes.length - 3, 10)).toHaveLength(3)
  })

  it('hands out the bytes of several blocks where they lie', async () => {
    const reader = readerOf(new ByteSource(bytes))
    const pieces = (await reader.readPieces(block - 1, block + 2)) as readonly Uint8Array[]
    expect(pieces.map((piece) => piece.length)).toEqual([1, block, 1])
    expect(Buffer.concat(pieces)).toEqual(bytes.subarray(block - 1, 2 * block + 1))
    const again = (await reader.readPieces(block, 2 * block)) as readonly Uint8Array[]
    expect(again[0]!.buffer).toBe(pieces[1]!.buffer)
  })

  it('never asks beyond the end of the file: XNAT promises such bytes and stalls', async () => {
    const source = new ByteSource(bytes)
    await expectRead(readerOf(source), bytes.length - 5, 5)
    expect(source.fetches[0]!.range).toEqual({ first: 100 * block, last: bytes.length - 1 })
  })

  it('asks for a block once, however many wait for it, and not again while it is cached', async () => {
    const source = new ByteSource(bytes)
    const reader = readerOf(source)
    await Promise.all([expectRead(reader, 10, 20), expectRead(reader, 500, 20), expectRead(reader, 0, block)])
    await expectRead(reader, 0, block)
    expect(source.fetches).toHaveLength(1)
  })

  it('asks for neighbouring blocks in one request, and only for those that are missing', async () => {
    const source = new ByteSource(bytes)
    const reader = readerOf(source)
    await expectRead(reader, 4 * block, block)
    await expectRead(reader, 0, 10 * block)
    expect(source.fetches.map((fetch) => fetch.range)).toEqual([
      { first: 4 * block, last: 5 * block - 1 },
      { first: 0, last: 4 * block - 1 },
      { first: 5 * block, last: 10 * block - 1 },
    ])
  })

  it('gives all of it where it is at hand, and asks for nothing where it is not', async () => {
    const source = new ByteSource(bytes)
    const reader = readerOf(source)
    expect(reader.allAtHand).toBeUndefined()
    await expectRead(reader, 0, 50 * block)
    expect(reader.allAtHand).toBeUndefined()
    expect(source.fetches).toHaveLength(1)
    await expectRead(reader, 50 * block, bytes.length)
    expect(joined(reader.allAtHand!).equals(bytes)).toBe(true)
    expect(source.fetches).toHaveLength(2)
  })

  it('takes a broken transfer up where it stopped', async () => {
    const source = new ByteSource(bytes)
    source.breakAfter = [3 * block + 10, 2 * block]
    await expectRead(readerOf(source), 0, 20 * block)
    expect(source.fetches.map((fetch) => fetch.range!.first)).toEqual([0, 3 * block, 5 * block])
  })

  it('fails when transfers break off again and again without progress, and works when they no longer do', async () => {
    const source = new ByteSource(bytes)
    source.breakAfter = [0, 0, 0]
    const reader = readerOf(source)
    await expect(reader.read(0, 10)).rejects.toMatchObject({ code: 'EIO' })
    await expectRead(reader, 0, 10)
  })

  it('lets a waiter go when its signal aborts, and gives up the request when none is left', async () => {
    const source = new ByteSource(bytes)
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    source.beforeChunk = () => gate
    const reader = readerOf(source)
    const first = new AbortController()
    const second = new AbortController()
    const reads = [
      reader.read(0, 10, first.signal),
      reader.read(0, 10, second.signal),
    ] as Promise<Uint8Array>[]
    first.abort()
    await expect(reads[0]).rejects.toThrow()
    expect(source.fetches[0]!.signal!.aborted).toBe(false)
    second.abort()
    await expect(reads[1]).rejects.toThrow()
    expect(source.fetches[0]!.signal!.aborted).toBe(true)
    release()
    await expectRead(reader, 0, 10)
  })

  it('hands blocks on as they come, not when the request is done', async () => {
    const source = new ByteSource(bytes)
    source.chunkBytes = block
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    source.beforeChunk = (sent) => (sent >= 2 * block ? gate : undefined)
    const reader = readerOf(source)
    const ahead = reader.readAhead({ start: 0, end: 10 * block })
    expect(ahead.sizeBytes).toBe(10 * block)
    await expectRead(reader, 0, 2 * block)
    release()
    await ahead.done
    expect(source.fetches).toHaveLength(1)
  })
})

describe('versions', () => {
  it('never mixes bytes of two versions: the reader is stale for good', async () => {
    const source = new ByteSource(bytes)
    const reader = readerOf(source)
    await expectRead(reader, 0, block)
    source.bytes = patternBytes(bytes.length, 99)
    source.answerVersion = 'a2'
    await expect(reader.read(5 * block, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    expect(() => reader.read(0, 10)).toThrow(/changed on the server/)
    expect(source.contradictions).toMatchObject([{ sizeBytes: bytes.length, answerVersion: 'a2' }])
  })

  it('notices a file that shrank', async () => {
    const source = new ByteSource(bytes.subarray(0, 10 * block))
    await expect(readerOf(source).read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    expect(source.contradictions).toMatchObject([{ sizeBytes: 10 * block, answerVersion: 'a1' }])
  })

  it('does not use cached blocks of a version that another answer replaced', async () => {
    const source = new ByteSource(bytes)
    const cache = new MemoryBlockCache({ blockSizeBytes: block, budget: new MemoryBudget(1024 * 1024) })
    await expectRead(readerOf(source, {}, { cache }), 0, block)
    source.bytes = patternBytes(bytes.length, 5)
    source.answerVersion = 'a2'
    const later = readerOf(source, {}, { cache })
    const read = await later.read(0, 10)
    expect(Buffer.from(read).equals(source.bytes.subarray(0, 10) as Buffer)).toBe(true)
  })
})

describe('small files', () => {
  const whole = { wholeFileBytes: 1024 * 1024 }

  it('come in one request without a range, whatever part is asked for', async () => {
    const source = new ByteSource(bytes)
    const reader = readerOf(source, { digest: md5(bytes) }, whole)
    await expectRead(reader, bytes.length - 4, 4)
    await expectRead(reader, 0, 50 * block)
    expect(source.fetches.map((fetch) => fetch.range)).toEqual([undefined])
  })

  it('are fetched again when a byte was damaged on the way', async () => {
    const damaged = Buffer.from(bytes)
    damaged[5000] = damaged[5000]! ^ 1
    const source = new ByteSource(damaged)
    const original = source.fetch.bind(source)
    source.fetch = (...parameters) => {
      if (source.fetches.length === 1) source.bytes = bytes
      return original(...parameters)
    }
    await expectRead(readerOf(source, { digest: md5(bytes) }, whole), 4096, 4096)
    expect(source.fetches).toHaveLength(2)
  })

  it('are shown as they are when the catalog is out of date, with a warning', async () => {
    const source = new ByteSource(bytes)
    await expectRead(readerOf(source, { digest: md5(Buffer.from('old')) }, whole), 0, 10)
    expect(source.fetches).toHaveLength(2)
    expect(lines.join()).toContain('out of date')
  })

  it('fail when every transfer brings something else', async () => {
    const source = new ByteSource(bytes)
    const original = source.fetch.bind(source)
    source.fetch = (...parameters) => {
      source.bytes = patternBytes(bytes.length, source.fetches.length + 1)
      return original(...parameters)
    }
    await expect(readerOf(source, { digest: md5(bytes) }, whole).read(0, 10)).rejects.toMatchObject({
      code: 'EIO',
    })
  })

  it('that turn out longer on a server that announces no sizes are noticed', async () => {
    const source = new ByteSource(patternBytes(bytes.length + 50))
    source.announcesSize = false
    await expect(readerOf(source, {}, whole).read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    expect(source.contradictions[0]!.sizeBytes).toBeGreaterThan(bytes.length)
  })
})

describe('a server that ignores ranges', () => {
  it('is asked once per file, wherever readers read', async () => {
    const source = new ByteSource(bytes)
    source.honoursRange = false
    const reader = readerOf(source)
    await Promise.all([expectRead(reader, 90 * block, 100), expectRead(reader, 0, 100)])
    await expectRead(reader, 50 * block, 20 * block)
    await expectRead(reader, 0, bytes.length)
    expect(source.sentBytes).toBeLessThanOrEqual(bytes.length + source.chunkBytes)
    await reader.spool!.remove()
    expect(await readdir(directory)).toEqual([])
  })

  it('serves readers what has come while the rest is on its way', async () => {
    const source = new ByteSource(bytes)
    source.honoursRange = false
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    source.beforeChunk = (sent) => (sent >= 50_000 ? gate : undefined)
    const reader = readerOf(source)
    await expectRead(reader, 0, 20_000)
    release()
    await expectRead(reader, 0, bytes.length)
    await reader.spool!.remove()
  })

  it('is asked again from the beginning when the download breaks off; what had come is not lost', async () => {
    const source = new ByteSource(bytes)
    source.honoursRange = false
    source.breakAfter = [30_000, 60_000]
    const reader = readerOf(source)
    await expectRead(reader, 0, bytes.length)
    expect(source.fetches).toHaveLength(3)
    await reader.spool!.remove()
  })

  it('does not show the end of a damaged download, and proves the next one by the digest', async () => {
    const damaged = Buffer.from(bytes)
    damaged[5000] = damaged[5000]! ^ 1
    const source = new ByteSource(damaged)
    source.honoursRange = false
    let seen: string | undefined
    const first = readerOf(source, { digest: md5(bytes) }, { onDamaged: (digest) => (seen = digest) })
    await expect(first.read(0, bytes.length)).rejects.toMatchObject({ code: 'EIO' })
    expect(seen).toBe(md5(damaged))
    expect(source.contradictions).toMatchObject([{ sizeBytes: bytes.length, digest: md5(bytes) }])
    source.bytes = bytes
    const second = readerOf(source, { digest: md5(bytes) }, { damagedDigest: seen })
    await expectRead(second, 0, bytes.length)
    await Promise.all([first.spool?.remove(), second.spool?.remove()])
  })

  it('whose catalog is out of date is believed when it sends the same bytes twice', async () => {
    const source = new ByteSource(bytes)
    source.honoursRange = false
    const reader = readerOf(source, { digest: md5(Buffer.from('old')) }, { damagedDigest: md5(bytes) })
    await expectRead(reader, 0, bytes.length)
    expect(lines.join()).toContain('out of date')
    await reader.spool!.remove()
  })

  it('fails readers when the download fails for good, and starts anew for the next', async () => {
    const source = new ByteSource(bytes)
    source.honoursRange = false
    source.breakAfter = [10, 10, 10]
    const reader = readerOf(source)
    await expect(reader.read(0, 1000)).rejects.toMatchObject({ code: 'EIO' })
    await expectRead(reader, 0, bytes.length)
    await reader.spool!.remove()
  })
})
