import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  closeJournal,
  createJournal,
  knownJournals,
  takeOverJournals,
} from '../../../src/data/journal-directory.js'
import { readEntries, removeRecord, removeUnrecorded, writeRecord } from '../../../src/data/journal-record.js'
import type { JournalEntry, JournalRecord } from '../../../src/data/journal-record.js'
import { causeChain } from '../../../src/util/log.js'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
})
afterEach(() => rm(root, { recursive: true }))

const scope = { url: 'https://xnat.example.org', user: 'me' }

function record(changes: Partial<JournalRecord> = {}): JournalRecord {
  return {
    format: 1,
    path: '/P/S/E/resources/R/a.txt',
    directory: { kind: 'directory', name: 'R', id: 'resource:1', mtimeMs: 0, place: { level: 'resource' } },
    name: 'a.txt',
    sizeBytes: 3,
    mtimeMs: 1000,
    written: [{ start: 0, end: 3 }],
    baseEnd: 0,
    at: '2026-01-01T00:00:00.000Z',
    ...changes,
  }
}

/** As if the process had ended: no process has this number. */
async function killOwner(path: string, changes: { host?: string } = {}): Promise<string> {
  const [host, boot, namespace, , started, unique] = basename(path).split('~')
  const name = [changes.host ?? host, boot, namespace, 2 ** 22 + 1, started, unique].join('~')
  const moved = join(dirname(path), name)
  await rename(path, moved)
  return moved
}

/** The entries, all of which can be read. */
function readable(): Promise<JournalEntry[]> {
  return readEntries(root, (error) => {
    throw error
  })
}

describe('journal records', () => {
  it('come back as they were written, the oldest first, and only with their bytes', async () => {
    for (const [name, at] of [
      ['young', '2026-01-02'],
      ['old', '2026-01-01'],
    ]) {
      await writeFile(join(root, name!), 'abc')
      await writeRecord(join(root, name!), record({ at: at! }), { isDurable: true })
    }
    await writeRecord(join(root, 'forgotten'), record(), { isDurable: false })
    await writeFile(join(root, 'never-closed'), 'abc')
    const entries = await readable()
    expect(entries.map(({ stagingPath }) => basename(stagingPath))).toEqual(['old', 'young'])
    expect(entries[0]!.record).toEqual(record({ at: '2026-01-01' }))
    await removeUnrecorded(root)
    expect((await readdir(root)).toSorted()).toEqual(['old', 'old.json', 'young', 'young.json'])
  })

  it('are replaced as a whole, and are for their owner only', async () => {
    const path = join(root, 'a')
    await writeFile(path, 'abc')
    await writeRecord(path, record({ name: 'before' }), { isDurable: false })
    await writeRecord(path, record({ name: 'after' }), { isDurable: true })
    expect((await readable()).map((entry) => entry.record.name)).toEqual(['after'])
    expect((await stat(`${path}.json`)).mode & 0o077).toBe(0)
    await removeRecord(path)
    expect(await readable()).toEqual([])
  })

  it('that cannot be read are named, and nothing is lost', async () => {
    await writeFile(join(root, 'a'), 'abc')
    await writeFile(join(root, 'a.json'), '{"format":1')
    await writeFile(join(root, 'b'), 'abc')
    await writeFile(join(root, 'b.json'), '{"format":2}')
    await writeFile(join(root, 'c'), 'abc')
    await writeRecord(join(root, 'c'), record({ name: 'good' }), { isDurable: false })
    const complaints: string[] = []
    const entries = await readEntries(root, (error) => complaints.push(causeChain(error)))
    expect(entries.map((entry) => entry.record.name)).toEqual(['good'])
    expect(complaints.toSorted()).toEqual([
      expect.stringMatching(/record of a is of no use; its bytes are in .*\/a: .*JSON/),
      expect.stringMatching(/record of b is of no use.*another version of xnatfs/),
    ])
    const journal = await createJournal(root, scope, '/mnt')
    await writeFile(join(journal, 'd'), 'abc')
    await writeFile(join(journal, 'd.json'), '')
    await closeJournal(journal)
    expect((await readdir(journal)).toSorted()).toEqual(['about', 'd', 'd.json'])
    expect(await readdir(root)).toContain('a')
  })
})

describe('journals', () => {
  it('of a living process are left to it', async () => {
    const mine = await createJournal(root, scope, '/mnt')
    expect(await takeOverJournals(root, scope)).toEqual([])
    expect(await knownJournals(root)).toEqual([
      { path: mine, scope, owner: 'alive', host: hostname(), mountpoint: '/mnt' },
    ])
  })

  it('of a process that has ended go to one of those who want them', async () => {
    const dead = await killOwner(await createJournal(root, scope, undefined))
    await writeFile(join(dead, 'bytes'), 'abc')
    const takers = await Promise.all(Array.from({ length: 8 }, () => takeOverJournals(root, scope)))
    const taken = takers.flat()
    expect(taken).toHaveLength(1)
    expect(await readdir(taken[0]!)).toEqual(['bytes'])
    expect((await knownJournals(root)).map(({ owner }) => owner)).toEqual(['alive'])
  })

  it('of another server, or another user, are not touched', async () => {
    await killOwner(await createJournal(root, { ...scope, user: 'other' }, undefined))
    await killOwner(await createJournal(root, { ...scope, url: 'https://other.example.org' }, undefined))
    expect(await takeOverJournals(root, scope)).toEqual([])
  })

  it('of another machine are taken over when somebody says that it is dead', async () => {
    await killOwner(await createJournal(root, scope, undefined), { host: 'elsewhere' })
    expect(await takeOverJournals(root, scope)).toEqual([])
    expect((await knownJournals(root))[0]).toMatchObject({ owner: 'elsewhere', host: 'elsewhere' })
    expect(await takeOverJournals(root, scope, { includeElsewhere: true })).toHaveLength(1)
  })

  it('vanish when nothing is left in them', async () => {
    const path = await createJournal(root, scope, '/mnt')
    await writeFile(join(path, 'kept'), 'abc')
    await writeRecord(join(path, 'kept'), record(), { isDurable: false })
    await writeFile(join(path, 'never-closed'), 'abc')
    await closeJournal(path)
    expect((await readdir(path)).toSorted()).toEqual(['about', 'kept', 'kept.json'])
    await removeRecord(join(path, 'kept'))
    await closeJournal(path)
    expect(await knownJournals(root)).toEqual([])
  })

  it('are for their owner only', async () => {
    const path = await createJournal(root, scope, undefined)
    for (const directory of [path, dirname(path)]) expect((await stat(directory)).mode & 0o077).toBe(0)
  })

  it('with names of no known form are not taken for dead', async () => {
    const parent = dirname(await createJournal(root, scope, undefined))
    await mkdir(join(parent, 'something'))
    expect(await takeOverJournals(root, scope)).toEqual([])
  })
})
