import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Directories that REST's own filters select. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  emulator = await startEmulator()
  const subject = '/data/projects/TEST/subjects/1'
  for (const [label, type, date] of [
    ['PET1', 'xnat:petSessionData', '01/31/2007'],
    ['PET2', 'xnat:petSessionData', '03/30/2007'],
    ['PET3', 'xnat:petSessionData', '03/31/2007'],
    ['CT1', 'xnat:ctSessionData', '02/14/2007'],
  ]) {
    await put(emulator, `${subject}/experiments/${label}?xsiType=${type}&date=${date}`)
  }
  const pet = `${subject}/experiments/PET1`
  await put(emulator, `${pet}?session_type=Amyloid&UID=1.2.840.7`)
  await put(emulator, `${pet}/resources/NOTES/files/note.txt?inbody=true`, 'a note\n')
  await put(emulator, '/data/projects/TEST/subjects/2')
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

/** What a REST listing has in a column. */
async function column(url: string, name: 'ID' | 'label'): Promise<string[]> {
  const { status, body } = await rest(emulator, 'GET', url)
  expect(status).toBe(200)
  const { ResultSet } = JSON.parse(body.toString()) as { ResultSet: { Result: Record<string, string>[] } }
  return ResultSet.Result.map((row) => row[name]!).toSorted()
}
const sorted = async (path: string): Promise<string[]> => (await fs.list(path)).toSorted()

describe('experiments', () => {
  it.each([
    [
      'xsiType=xnat:petSessionData&date=2007-01-31..2007-03-30',
      'xsiType=xnat:petSessionData&date=01/31/2007-03/30/2007',
    ],
    ['xsiType=xnat:petSessionData', 'xsiType=xnat:petSessionData'],
    ['xsiType=xnat:imageSessionData', 'xsiType=xnat:imageSessionData'],
    ['date=2007-02-14', 'date=02/14/2007'],
    ['date=..2007-03-30', 'date=01/01/1900-03/30/2007'],
    ['label=PET1', 'label=PET1'],
    ['label=PET*', 'label=PET*'],
    ['label=PET1,CT1', 'label=PET1,CT1'],
    ['session_type=Amyloid', 'session_type=Amyloid'],
    ['studyInstanceUID=1.2.840.7', 'studyInstanceUID=1.2.840.7'],
    ['label=nobody', 'label=nobody'],
  ])('%s', async (here, there) => {
    const inProject = '/data/projects/TEST/experiments'
    expect(await sorted(`TEST/experiments/${here}`)).toEqual(await column(`${inProject}?${there}`, 'label'))
    expect(await sorted(`experiments/${here}`)).toEqual(await column(`/data/experiments?${there}`, 'ID'))
    const ofSubject = '/data/projects/TEST/subjects/1/experiments'
    expect(await sorted(`TEST/1/experiments/${here}`)).toEqual(await column(`${ofSubject}?${there}`, 'label'))
  })

  it('of several types, or of types with a star, are those of each', async () => {
    expect(await sorted('TEST/experiments/xsiType=xnat:petSessionData,xnat:ctSessionData')).toEqual([
      'CT1',
      'PET1',
      'PET2',
      'PET3',
    ])
    expect(await sorted('TEST/experiments/xsiType=xnat:*tSessionData&date=2007-03-01..')).toEqual([
      'PET2',
      'PET3',
    ])
  })

  it('by ID are the one', async () => {
    const [id] = await column('/data/experiments?label=PET1', 'ID')
    expect(await fs.list(`data/experiments/ID=${id}`)).toEqual([id])
    expect(await fs.list(`data/experiments/ID=${id}/${id}/resources/NOTES`)).toEqual(['note.txt'])
  })

  it('are directories that are read as everywhere, and cannot be changed', async () => {
    const path = 'data/projects/TEST/experiments/label=PET1/PET1'
    expect(await fs.list(`${path}/resources/NOTES/files`)).toEqual(['note.txt'])
    await expect(fs.mkdir(`${path}/resources/NEW`)).rejects.toMatchObject({ code: 'EROFS' })
    await expect(fs.unlink(`${path}/resources/NOTES/note.txt`)).rejects.toMatchObject({ code: 'EROFS' })
  })

  it('may be image assessors, which have their sides', async () => {
    const [id] = await column('/data/experiments?xsiType=xnat:qcManualAssessorData', 'ID')
    expect(await fs.list('experiments/xsiType=xnat:qcManualAssessorData')).toEqual([id])
    expect(await fs.list(`experiments/xsiType=xnat:qcManualAssessorData/${id}/out/QCDATA`)).toEqual([
      'rating.json',
    ])
    expect(await fs.list('TEST/experiments/xsiType=xnat:qcManualAssessorData/ASSESS1/out')).toEqual([
      'QCDATA',
    ])
  })

  it('may be subject assessors, which have no scans', async () => {
    expect(await fs.list('ODD/experiments/xsiType=xnat:subjectVariablesData/VARIABLES1')).toEqual([
      'resources',
    ])
  })
})

describe('subjects', () => {
  it.each(['label=1', 'label=*1', 'label=1,2', 'label=nobody'])('%s', async (query) => {
    const url = `/data/projects/TEST/subjects?${query}`
    expect(await sorted(`TEST/${query}`)).toEqual(await column(url, 'label'))
    expect(await sorted(`data/projects/TEST/subjects/${query}`)).toEqual(await column(url, 'label'))
    expect(await sorted(`subjects/${query}`)).toEqual(await column(`/data/subjects?${query}`, 'ID'))
  })

  it('hold their experiments', async () => {
    const [id] = await column('/data/subjects?label=1', 'ID')
    expect(await sorted('TEST/label=1/1')).toEqual(await sorted('TEST/1'))
    expect(await sorted(`subjects/label=1/${id}`)).toEqual(await sorted('TEST/1'))
    expect(await fs.list(`subjects/ID=${id}/${id}/label=PET3`)).toEqual(['PET3'])
  })
})

it('a name with an unknown key is no question: REST would ignore it and select everything', async () => {
  for (const path of ['TEST/gendre=male', 'TEST/experiments/lable=PET1', 'experiments/date=yesterday']) {
    await expect(fs.list(path)).rejects.toMatchObject({ code: 'ENOENT' })
  }
})

it('costs no request until it is listed, and then one', async () => {
  await fs.stat('TEST/experiments')
  await fs.stat('TEST/experiments/label=CT1')
  emulator.control.resetRequests()
  await fs.list('TEST/experiments/label=CT*')
  await fs.list('TEST/experiments/label=CT*')
  expect(emulator.control.requests()).toHaveLength(1)
})
