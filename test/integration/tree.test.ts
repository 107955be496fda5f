import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What is legal in an archive and differs from a session with scans in one project. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
let ids: { readonly subject: string; readonly session: string; readonly variables: string }

beforeAll(async () => {
  emulator = await startEmulator()
  await put(emulator, '/data/projects/TEST/subjects/1/experiments/NO_SCANS?xsiType=xnat:mrSessionData')
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
  ids = {
    subject: await idOf('/data/projects/TEST/subjects', '1'),
    session: await idOf('/data/projects/TEST/experiments', 'MR1'),
    variables: await idOf('/data/projects/ODD/experiments', 'VARIABLES1'),
  }
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

async function idOf(list: string, label: string): Promise<string> {
  const { body } = await rest(emulator, 'GET', `${list}?format=json`)
  const { ResultSet } = JSON.parse(body.toString()) as {
    ResultSet: { Result: { ID: string; label: string }[] }
  }
  return ResultSet.Result.find((row) => row.label === label)!.ID
}

describe('one session in two projects', () => {
  it('has a label in each, and the same files', async () => {
    expect(await fs.list('ODD')).toContain('shared_1')
    expect((await fs.list('ODD/shared_1')).toSorted()).toEqual(['resources', 'shared_MR1'])
    expect(await fs.list('TEST/1')).toContain('MR1')
    const inOdd = 'ODD/shared_1/shared_MR1'
    expect((await fs.list(inOdd)).toSorted()).toEqual((await fs.list('TEST/1/MR1')).toSorted())
    expect(await readFile(fs, `${inOdd}/resources/QC/qc.csv`)).toEqual(
      await readFile(fs, 'TEST/1/MR1/resources/QC/qc.csv'),
    )
  })

  it('is found by its accession ID in each, and in the project that owns it from the top', async () => {
    expect(await fs.readlink(`ODD/${ids.subject}`)).toBe('shared_1')
    expect(await fs.readlink(`TEST/${ids.subject}`)).toBe('1')
    expect(await fs.readlink(`ODD/shared_1/${ids.session}`)).toBe('shared_MR1')
    expect(await fs.readlink(`ODD/experiments/${ids.session}`)).toBe('shared_MR1')
    expect(await fs.readlink('ODD/experiments/shared_MR1')).toBe('../shared_1/shared_MR1')
    expect(await fs.readlink(`experiments/${ids.session}`)).toBe('../TEST/1/MR1')
    expect(await fs.readlink(`subjects/${ids.subject}`)).toBe('../TEST/1')
  })

  it('shows in one what was written in the other', async () => {
    await writeFile(fs, 'ODD/shared_1/shared_MR1/resources/QC/from-odd.txt', 'written in ODD')
    expect((await readFile(fs, 'TEST/1/MR1/resources/QC/from-odd.txt')).toString()).toBe('written in ODD')
  })
})

describe('a session that is shared without its subject', () => {
  const shared = 'ALONE/experiments/alone'
  beforeAll(async () => {
    await put(emulator, '/data/projects/ALONE')
    await put(emulator, '/data/projects/TEST/subjects/1/experiments/MR1/projects/ALONE?label=alone')
    local.archive.refresh()
  })

  it('is found among the experiments of the project', async () => {
    expect(await fs.list('ALONE/experiments')).toEqual(['alone'])
    expect((await fs.list(shared)).toSorted()).toEqual((await fs.list('TEST/1/MR1')).toSorted())
    const path = 'scans/1/DICOM'
    expect(await fs.list(`${shared}/${path}`)).toEqual(await fs.list(`TEST/1/MR1/${path}`))
    const [name] = await fs.list(`${shared}/${path}`)
    expect(await readFile(fs, `${shared}/${path}/${name}`)).toEqual(
      await readFile(fs, `TEST/1/MR1/${path}/${name}`),
    )
  })

  it('takes files, which are the same in the project that owns it', async () => {
    await writeFile(fs, `${shared}/resources/QC/alone.txt`, 'written there')
    expect((await readFile(fs, 'TEST/1/MR1/resources/QC/alone.txt')).toString()).toBe('written there')
    await fs.unlink(`${shared}/resources/QC/alone.txt`)
    expect(await fs.list('TEST/1/MR1/resources/QC')).not.toContain('alone.txt')
  })

  it('is not removed, and has no other place in the project', async () => {
    await expect(fs.rmdir(shared)).rejects.toMatchObject({ code: 'EPERM' })
    expect(await fs.list('ALONE')).toEqual([])
  })
})

describe('a subject assessor that is no image session', () => {
  const path = 'ODD/subject with blanks/VARIABLES1'
  it('has resources and nothing else', async () => {
    expect(await fs.list(path)).toEqual(['resources'])
    expect((await readFile(fs, `${path}/resources/data/variables.csv`)).toString()).toBe('name,value\nx,1\n')
    expect(await fs.list(`${path}/scans`)).toEqual([])
    expect(await fs.readlink(`experiments/${ids.variables}`)).toBe('../ODD/subject with blanks/VARIABLES1')
  })
})

describe('a session without scans', () => {
  it('is an empty directory in which everything resolves', async () => {
    expect(await fs.list('TEST/1/NO_SCANS')).toEqual([])
    for (const name of ['scans', 'assessors', 'reconstructions', 'resources'])
      expect(await fs.list(`TEST/1/NO_SCANS/${name}`)).toEqual([])
    await expect(fs.list('TEST/1/NO_SCANS/scans/ALL')).rejects.toMatchObject({ code: 'ENOENT' })
    await fs.mkdir('TEST/1/NO_SCANS/resources/NOTES')
    expect(await fs.list('TEST/1/NO_SCANS')).toEqual(['resources'])
  })
})
