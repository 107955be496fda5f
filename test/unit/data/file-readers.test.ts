import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { FileReaders } from '../../../src/data/file-readers.js'
import { FsError } from '../../../src/util/fs-error.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { Log } from '../../../src/util/log.js'
import { ByteSource, fileEntry, md5, patternBytes } from '../../support/byte-source.js'

const first = patternBytes(5000, 1)
const second = patternBytes(5000, 2)

function readersOf(source: ByteSource): FileReaders {
  return new FileReaders({
    archive: source,
    cache: new MemoryBlockCache({ blockSizeBytes: 1024, budget: new MemoryBudget(1_000_000) }),
    log: new Log({ write: () => {} }),
    spoolDirectory: tmpdir(),
  })
}

/** Opens the file, reads it and closes it. */
async function readAll(readers: FileReaders, file: ReturnType<typeof fileEntry>): Promise<Buffer> {
  await readers.recheck(file)
  const reader = readers.acquire(file)
  try {
    return Buffer.from(await reader.read(0, file.sizeBytes))
  } finally {
    readers.release(reader)
  }
}

describe('a file that was read before', () => {
  const listing = {}

  it('is not asked for again while its listing is believed', async () => {
    const source = new ByteSource(first)
    const readers = readersOf(source)
    const file = fileEntry(first, { listing })
    expect(await readAll(readers, file)).toEqual(first)
    expect(await readAll(readers, file)).toEqual(first)
    expect(source.fetches).toHaveLength(1)
  })

  it('is looked at once after a new listing that has no digest of it', async () => {
    const source = new ByteSource(first)
    const readers = readersOf(source)
    await readAll(readers, fileEntry(first, { listing }))
    const again = fileEntry(first, { listing: {} })
    expect(await readAll(readers, again)).toEqual(first)
    expect(await readAll(readers, again)).toEqual(first)
    expect(source.fetches.map(({ range }) => range)).toEqual([undefined, { first: 0, last: 0 }])
    expect(source.contradictions).toEqual([])
  })

  it('is listed as another version when that shows that it was changed in place', async () => {
    const source = new ByteSource(first)
    const readers = readersOf(source)
    await readAll(readers, fileEntry(first, { listing }))
    source.bytes = second
    source.answerVersion = 'a2'
    await readers.recheck(fileEntry(first, { listing: {} }))
    expect(source.contradictions).toEqual([{ sizeBytes: 5000, answerVersion: 'a2', digest: undefined }])
  })

  it('will do as it is while the server does not answer, and not when its answer is a refusal', async () => {
    const source = new ByteSource(first)
    const readers = readersOf(source)
    await readAll(readers, fileEntry(first, { listing }))
    source.fetch = () => Promise.reject(new FsError('EIO', 'no', { nextStep: 'try again' }))
    source.isReachable = false
    expect(await readAll(readers, fileEntry(first, { listing: {} }))).toEqual(first)
    expect(source.contradictions).toEqual([])
    source.isReachable = true
    await expect(readers.recheck(fileEntry(first, { listing: {} }))).rejects.toMatchObject({ code: 'EIO' })
  })

  it('is what a new listing with its digest says', async () => {
    const source = new ByteSource(first)
    const readers = readersOf(source)
    const digest = md5(first)
    await readAll(readers, fileEntry(first, { listing, digest }))
    expect(await readAll(readers, fileEntry(first, { listing: {}, digest }))).toEqual(first)
    expect(source.fetches).toHaveLength(1)
  })

  it('is asked for after a new listing where its bytes were not those of the digest', async () => {
    const source = new ByteSource(second)
    const readers = readersOf(source)
    const digest = md5(first)
    expect(await readAll(readers, fileEntry(first, { listing, digest }))).toEqual(second)
    source.bytes = first
    source.answerVersion = 'a2'
    await readers.recheck(fileEntry(first, { listing: {}, digest }))
    expect(source.contradictions).toEqual([{ sizeBytes: 5000, answerVersion: 'a2', digest: undefined }])
  })

  it('is asked for after a new listing, once, where only parts of it have come', async () => {
    const large = patternBytes(2 * 1024 * 1024, 3)
    const source = new ByteSource(large)
    const readers = readersOf(source)
    const digest = md5(large)
    const reader = readers.acquire(fileEntry(large, { listing, digest }))
    await reader.read(1024, 1024)
    readers.release(reader)
    const again = fileEntry(large, { listing: {}, digest })
    await readers.recheck(again)
    await readers.recheck(again)
    expect(source.fetches.map(({ range }) => range)).toEqual([
      { first: 1024, last: 2047 },
      { first: 0, last: 0 },
    ])
    expect(source.contradictions).toEqual([])
  })
})
