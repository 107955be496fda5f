import { mkdir, mkdtemp, readFile, readdir, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readEntries } from '../../../src/data/journal-record.js'
import type { JournalEntry } from '../../../src/data/journal-record.js'
import { StagingFile } from '../../../src/data/staging-file.js'
import { StagingPlaces } from '../../../src/data/staging-places.js'
import { KeptBytes } from '../../../src/vfs/kept-bytes.js'
import type { Describe } from '../../../src/vfs/kept-bytes.js'

const folder = { kind: 'directory', name: 'R', id: 'r', mtimeMs: 0, place: { level: 'resource' } } as const
const wanted = { isDurable: true }

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

interface File {
  readonly staging: StagingFile
  readonly kept: KeptBytes
}

async function startFile(name: string, text: string, isWanted = true): Promise<File> {
  const staging = await StagingFile.create(places, undefined, { startsInMemory: false })
  await staging.write(0, Buffer.from(text))
  const about = { path: `/R/${name}`, directory: folder, name, mtimeMs: 0 }
  const describe: Describe = (state) => ({ ...about, ...state })
  return { staging, kept: new KeptBytes({ staging, describe, isWanted: () => isWanted, resumed: undefined }) }
}

function entries(): Promise<JournalEntry[]> {
  return readEntries(directory, (error) => {
    throw error
  })
}

async function names(): Promise<string[]> {
  return (await entries()).map(({ record }) => record.name)
}

/** What is on the disk when nobody has anything to keep. */
async function left(): Promise<string[]> {
  await places.close()
  return readdir(directory)
}

/** The disk takes no record of the file as it is now. */
async function failToKeep({ staging, kept }: File): Promise<void> {
  const blocked = `${staging.path}.json.new`
  await mkdir(blocked)
  await expect(kept.keep(wanted)).rejects.toMatchObject({ code: 'EISDIR' })
  await rmdir(blocked)
}

describe('bytes that were to be kept, and', () => {
  it('could not be, take no room when the file goes on in a copy that is kept', async () => {
    const file = await startFile('a', 'first')
    await failToKeep(file)
    const { path } = file.staging
    await file.staging.truncate(0)
    await file.kept.keep(wanted)
    expect(await readdir(directory)).not.toContain(path.split('/').at(-1))
    expect(await names()).toEqual(['a'])
    await file.kept.remove()
    expect(await left()).toEqual([])
  })

  it('could not be, go with the file', async () => {
    const file = await startFile('a', 'first')
    await failToKeep(file)
    await file.staging.truncate(0)
    await file.kept.remove()
    expect(await left()).toEqual([])
  })

  it('were wanted no more, go with the file', async () => {
    const { staging, kept } = await startFile('a', 'first', false)
    await kept.keep(wanted)
    await staging.write(0, Buffer.from('again'))
    await kept.remove()
    expect(await left()).toEqual([])
  })
})

it('what was written into a file after it was kept goes when another one takes its place', async () => {
  const displaced = await startFile('a', 'first')
  await displaced.kept.keep(wanted)
  await displaced.staging.write(0, Buffer.from('again'))
  const other = await startFile('a', 'other')
  expect(other.kept.adopt(displaced.kept)).toBe(true)
  await displaced.kept.remove()
  expect(await names()).toEqual(['a'])
  await other.kept.keep(wanted)
  await other.kept.remove()
  expect(await left()).toEqual([])
})

it('what is said anew of what was kept leaves out what was written since', async () => {
  const { staging, kept } = await startFile('a', 'first')
  await kept.keep(wanted)
  await staging.truncate(0)
  await staging.write(0, Buffer.from('no promise'))
  await kept.restate('the server is full')
  const [entry, ...others] = await entries()
  expect(others).toEqual([])
  expect(entry!.record).toMatchObject({ sizeBytes: 5, reason: 'the server is full' })
  expect(await readFile(entry!.stagingPath, 'utf8')).toBe('first')
  await kept.remove()
  expect(await left()).toEqual([])
})

it('what was never kept is not kept by saying something of it', async () => {
  const { kept } = await startFile('a', 'first')
  await kept.restate()
  expect(await names()).toEqual([])
  await kept.remove()
  expect(await left()).toEqual([])
})
