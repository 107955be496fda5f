import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { TieredBlockCache } from '../../../src/cache/tiered-block-cache.js'
import { FileReader } from '../../../src/data/file-reader.js'
import type { FileReaderOptions } from '../../../src/data/file-reader-options.js'
import { FsError } from '../../../src/util/fs-error.js'
import { silentLog } from '../../../src/util/log.js'
import { ByteSource, fileEntry, md5, patternBytes } from '../../support/byte-source.js'
import { blockSizeBytes, closeTestCache, openTestCache } from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

const bytes = patternBytes(20 * blockSizeBytes + 3)
const digest = md5(bytes)

let root: string
let opened: TestCache[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  opened = []
})
afterEach(async () => {
  for (const one of opened) await closeTestCache(one)
  await rm(root, { recursive: true })
})

/** A reader of a new mount on the cache directory. */
function readerOf(
  source: ByteSource,
  changes: Parameters<typeof fileEntry>[1],
  options: Partial<FileReaderOptions> = {},
): { reader: FileReader; parts: TestCache; told: string[] } {
  const parts = openTestCache(root)
  opened.push(parts)
  const told: string[] = []
  const memory = new MemoryBlockCache({ blockSizeBytes, budget: new MemoryBudget(1024 * 1024) })
  const reader = new FileReader(fileEntry(bytes, changes), {
    archive: source,
    cache: new TieredBlockCache(memory, parts.cache),
    log: silentLog,
    answerVersion: undefined,
    onAnswerVersion: (answerVersion) => told.push(answerVersion),
    damagedDigest: undefined,
    onDamaged: () => {},
    wholeFileBytes: 0,
    spoolDirectory: root,
    sleep: () => Promise.resolve(),
    ...options,
  })
  return { reader, parts, told }
}

async function read(reader: FileReader, offset = 0, length = bytes.length): Promise<Buffer> {
  return Buffer.from(await reader.read(offset, length))
}

async function fill(
  changes: Parameters<typeof fileEntry>[1],
  options: Partial<FileReaderOptions> = {},
  source = new ByteSource(bytes),
): Promise<void> {
  const { reader, parts } = readerOf(source, changes, options)
  expect(await read(reader)).toEqual(bytes)
  await reader.spool?.remove() // as at the end of a mount: not before the cache has got it
  await parts.cache.settled()
}

describe('a reader of the next mount', () => {
  it.each([
    ['by parts', 0, true],
    ['whole', 1024 * 1024, true],
    ['whole, unasked', 0, false],
  ])(
    'is given nothing that may have been changed under its size and time (%s), unless a digest names it',
    async (_, wholeFileBytes, honoursRange) => {
      for (const digestOrNot of [undefined, digest]) {
        const source = Object.assign(new ByteSource(bytes), { isRecent: true, honoursRange })
        const listed = { digest: digestOrNot, version: digestOrNot ?? 'v1' }
        await fill(listed, { wholeFileBytes }, source)
        const now = new ByteSource(bytes.map((byte) => byte ^ (digestOrNot ? 0 : 1)))
        const { reader } = readerOf(now, listed, { wholeFileBytes })
        expect((await read(reader)).equals(now.bytes)).toBe(true)
        expect(now.fetches.length > 0).toBe(digestOrNot === undefined)
      }
    },
  )

  it.each([0, 1024 * 1024])(
    'asks the server for nothing where a digest names the bytes (whole up to %i)',
    async (wholeFileBytes) => {
      await fill({ digest }, { wholeFileBytes })
      const source = new ByteSource(bytes)
      const { reader, told } = readerOf(source, { digest }, { wholeFileBytes })
      const [all, part] = await Promise.all([read(reader), read(reader, 5000, 3000)])
      expect(all).toEqual(bytes)
      expect(part).toEqual(bytes.subarray(5000, 8000))
      expect(source.fetches).toEqual([])
      expect(told).toEqual(['a1'])
    },
  )

  it('fetches what is not there, and reads ahead only that', async () => {
    const first = readerOf(new ByteSource(bytes), { digest })
    await read(first.reader, 0, 3 * blockSizeBytes)
    await read(first.reader, 6 * blockSizeBytes, blockSizeBytes)
    await first.parts.cache.settled()
    await closeTestCache(opened.pop()!)
    const source = new ByteSource(bytes)
    const { reader } = readerOf(source, { digest })
    await reader.readAhead({ start: 0, end: 10 * blockSizeBytes }).done
    expect(await read(reader, 0, 10 * blockSizeBytes)).toEqual(bytes.subarray(0, 10 * blockSizeBytes))
    expect(
      source.fetches.map(({ range }) => [range!.first / blockSizeBytes, (range!.last + 1) / blockSizeBytes]),
    ).toEqual([
      [3, 6],
      [7, 10],
    ])
  })

  it('answers from memory without a promise', async () => {
    await fill({ digest })
    const { reader } = readerOf(new ByteSource(bytes), { digest })
    await read(reader)
    expect(reader.read(10, 5000)).not.toBeInstanceOf(Promise)
  })

  it('mixes nothing when the server turns out to have another version', async () => {
    const first = readerOf(new ByteSource(bytes), { digest })
    await read(first.reader, 0, 3 * blockSizeBytes)
    await first.parts.cache.settled()
    await closeTestCache(opened.pop()!)
    const source = new ByteSource(Buffer.from(bytes).reverse())
    source.answerVersion = 'a2'
    const { reader } = readerOf(source, { digest })
    await expect(read(reader)).rejects.toMatchObject({ code: 'ESTALE' })
    expect(source.contradictions).toHaveLength(1)
  })

  it('does not find bytes that are not what the catalog says', async () => {
    const wrong = 'f'.repeat(32)
    await fill({ digest: wrong }, { wholeFileBytes: 1024 * 1024 })
    const source = new ByteSource(bytes)
    await read(readerOf(source, { digest: wrong }, { wholeFileBytes: 1024 * 1024 }).reader)
    expect(source.fetches.length).toBeGreaterThan(0)
  })
})

describe('a file without a digest', () => {
  it('is asked for by one byte, and read from the disk if it is the same', async () => {
    await fill({})
    const source = new ByteSource(bytes)
    const { reader } = readerOf(source, {})
    expect(await read(reader)).toEqual(bytes)
    expect(source.fetches.map(({ range }) => range)).toEqual([{ first: 0, last: 0 }])
  })

  it('that was changed in place is read anew', async () => {
    await fill({})
    const changed = Buffer.from(bytes).reverse()
    const source = new ByteSource(changed)
    source.answerVersion = 'a2'
    expect(await read(readerOf(source, {}).reader)).toEqual(changed)
  })

  it('is read from the disk while the server does not answer, and asked for again by the next reader', async () => {
    await fill({})
    const source = new ByteSource(bytes)
    source.fetch = () => Promise.reject(new FsError('EIO', 'cannot connect', { nextStep: 'try again' }))
    source.isReachable = false
    const { reader, told } = readerOf(source, {})
    expect(await read(reader)).toEqual(bytes)
    expect(told).toEqual([])
  })

  it('is an error when the server answers with one', async () => {
    await fill({})
    const source = new ByteSource(bytes)
    source.fetch = () => Promise.reject(new FsError('EACCES', 'not yours', { nextStep: 'ask for it' }))
    await expect(read(readerOf(source, {}).reader)).rejects.toMatchObject({ code: 'EACCES' })
  })
})
