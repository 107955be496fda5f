import { mkdtemp, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readEntries, recordText, removeUnrecorded } from '../../../src/data/journal-record.js'
import type { JournalRecord } from '../../../src/data/journal-record.js'
import { StagingFile } from '../../../src/data/staging-file.js'
import { StagingPlaces } from '../../../src/data/staging-places.js'
import { causeChain } from '../../../src/util/log.js'
import { patternBytes } from '../../support/byte-source.js'

vi.setConfig({ testTimeout: 30_000 }) // they wait for the disk, which has others to serve too

/** Small files that are being written are in memory, and come to the disk with their record. */
let directory: string
let places: StagingPlaces
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  places = new StagingPlaces(directory)
})
afterEach(async () => {
  await places.close()
  await rm(directory, { recursive: true })
})

const limit = 300

/** Keeps what is there, as its owner would. @returns where */
async function keep(staging: StagingFile, isDurable: boolean, name = 'a.txt'): Promise<string> {
  let kept = ''
  await staging.keep(
    async ({ path, sizeBytes, written, baseEnd, keepWith }) => {
      const place = {
        kind: 'directory',
        name: 'R',
        id: 'r',
        mtimeMs: 0,
        place: { level: 'resource' },
      } as const
      const record: JournalRecord = {
        format: 1,
        path: `/${name}`,
        directory: place,
        name,
        mtimeMs: 1,
        at: '2026-01-01',
        sizeBytes,
        written,
        baseEnd,
      }
      await keepWith?.(recordText(record))
      kept = path
    },
    { isDurable },
  )
  return kept
}

async function entries(): Promise<string[]> {
  const fail = (error: Error): never => {
    throw error
  }
  const found = await readEntries(directory, fail)
  return Promise.all(
    found.map(async ({ stagingPath, record }) => {
      const staging = await StagingFile.open(places, stagingPath, record)
      const bytes = await staging.read(0, 1 << 20)
      await staging.close()
      return `${record.name} ${Buffer.from(bytes).toString()}`
    }),
  )
}

/** Without the places that are made ahead for other files, whenever that is. */
async function filledFiles(): Promise<string[]> {
  const names = await readdir(directory)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size))
  return names.filter((_, i) => sizes[i]! > 0)
}

describe('a small StagingFile', () => {
  it('reads like a file in memory, and what was kept is what it was, whatever is done afterwards', async () => {
    const operation = fc.oneof(
      fc.record({ op: fc.constant('write' as const), at: fc.nat(limit), length: fc.nat(80) }),
      fc.record({ op: fc.constant('large' as const), at: fc.nat(limit), length: fc.constant(200_000) }),
      fc.record({ op: fc.constant('truncate' as const), at: fc.nat(limit), length: fc.constant(0) }),
      fc.record({ op: fc.constant('keep' as const), at: fc.nat(1), length: fc.constant(0) }),
      fc.record({ op: fc.constant('complete' as const), at: fc.constant(0), length: fc.constant(0) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 15 }), async (operations) => {
        let model = Buffer.alloc(0)
        const staging = await StagingFile.create(places)
        try {
          for (const { op, at, length } of operations) {
            if (op === 'truncate') {
              const cut = Buffer.alloc(at)
              model.copy(cut)
              model = cut
              await staging.truncate(at)
            } else if (op === 'keep') {
              const path = await keep(staging, at === 1)
              const again = await StagingFile.open(places, path, {
                sizeBytes: model.length,
                written: [{ start: 0, end: model.length }],
                baseEnd: 0,
              })
              expect(Buffer.from(await again.read(0, 1 << 20)).equals(model)).toBe(true)
              await again.close()
            } else if (op === 'complete') await staging.withBytes(() => Promise.resolve())
            else if (length > 0) {
              const grown = Buffer.alloc(Math.max(model.length, at + length))
              model.copy(grown)
              patternBytes(length, at).copy(grown, at)
              model = grown
              await staging.write(at, patternBytes(length, at))
            }
            expect(staging.sizeBytes).toBe(model.length)
            expect(Buffer.from(await staging.read(0, 1 << 20)).equals(model)).toBe(true)
            const whole = await staging.withBytes(
              async () => staging.bytes ?? (await readFile(staging.path)).subarray(0, model.length),
            )
            expect(whole.equals(model)).toBe(true)
          }
        } finally {
          await staging.remove()
        }
      }),
      { numRuns: 100 },
    )
  })

  it('is kept by one file, which is an entry of the journal', async () => {
    const staging = await StagingFile.create(places)
    await staging.write(0, Buffer.from('abc'))
    expect(await entries()).toEqual([])
    await keep(staging, true)
    expect(await entries()).toEqual(['a.txt abc'])
    await removeUnrecorded(directory)
    expect(await entries()).toEqual(['a.txt abc'])
    expect(await filledFiles()).toEqual([basename(staging.path)])
    await staging.remove()
    expect(await entries()).toEqual([])
  })

  it.each([[true], [false]])(
    'that was released is no entry any more, and can be kept again (durable: %s)',
    async (isDurable) => {
      const staging = await StagingFile.create(places)
      await staging.write(0, Buffer.from('abc'))
      const path = await keep(staging, isDurable)
      expect(await staging.release(path, () => Promise.resolve())).toBe(true)
      expect(await entries()).toEqual([])
      expect(Buffer.from(await staging.read(0, 9)).toString()).toBe('abc')
      await staging.write(3, Buffer.from('d'))
      expect(staging.path).toBe(path)
      await staging.remove()
    },
  )

  it('goes on in a copy when it was kept', async () => {
    const staging = await StagingFile.create(places)
    await staging.write(0, Buffer.from('abc'))
    const first = await keep(staging, false)
    await staging.write(3, Buffer.from('d'))
    expect(staging.path).not.toBe(first)
    expect(await staging.release(first, () => Promise.reject(new Error('is not asked')))).toBe(false)
    await keep(staging, false, 'b.txt')
    expect((await entries()).toSorted()).toEqual(['a.txt abc', 'b.txt abcd'])
    await staging.remove()
    await rm(first)
  })

  it('whose end is not there, or which is a copy of another, is no entry', async () => {
    const staging = await StagingFile.create(places)
    await staging.write(0, Buffer.from('abc'))
    const path = await keep(staging, false)
    const whole = await readFile(path)
    await writeFile(join(directory, 'copy'), whole)
    expect(await entries()).toEqual(['a.txt abc'])
    for (let size = whole.length - 1; size >= 0; size -= 7) {
      await truncate(path, size)
      expect(await entries()).toEqual([])
    }
    whole[1]! ^= 1
    await writeFile(path, whole)
    expect(await entries()).toEqual([])
    await removeUnrecorded(directory)
    expect(await readdir(directory)).toEqual([])
    await staging.remove()
  })

  it('that cannot be read is named, and not taken for one that nobody needs', async () => {
    const path = join(directory, 'unreadable')
    await symlink(path, path)
    const complaints: string[] = []
    expect(await readEntries(directory, (error) => complaints.push(causeChain(error)))).toEqual([])
    expect(complaints).toEqual([expect.stringMatching(/unreadable.*it cannot be read.*ELOOP/)])
    await removeUnrecorded(directory)
    expect(await readdir(directory)).toEqual(['unreadable'])
  })

  it('goes to the disk when there is no memory for it', async () => {
    const many = await Promise.all(Array.from({ length: 140 }, () => StagingFile.create(places)))
    for (const staging of many) await staging.write(0, patternBytes(100_000, 5))
    const inMemory = many.filter(({ bytes }) => bytes !== undefined)
    expect(inMemory.length).toBe(128)
    for (const staging of many)
      expect(Buffer.from(await staging.read(0, 200_000)).equals(patternBytes(100_000, 5))).toBe(true)
    for (const staging of many) await staging.remove()
    const next = await StagingFile.create(places)
    await next.write(0, Buffer.from('there is room again'))
    expect(next.bytes).toBeDefined()
    await next.remove()
  })
})

describe('StagingPlaces', () => {
  it('give a place that was not used to the next, and one that was used never again', async () => {
    const unused = await StagingFile.create(places)
    await unused.write(0, Buffer.from('a'))
    const { path } = unused
    await unused.remove()
    const next = await StagingFile.create(places)
    expect(next.path).toBe(path)
    await next.write(0, Buffer.from('a'))
    await keep(next, true)
    await next.remove()
    await expect(stat(path)).rejects.toThrow('ENOENT')
    await places.close()
    expect(await readdir(directory)).toEqual([])
  })
})
