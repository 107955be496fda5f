import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { md5 } from '../support/byte-source.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { zipEntries } from '../support/zip-entries.js'

/** Views of several items, on the example session: project TEST, subject 1, MR1. */

const session = '/data/projects/TEST/subjects/1/experiments/MR1'
const second = `${session}/assessors/ASSESS2`
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  emulator = await startEmulator()
  // A second one of each kind, so that a selection is not always everything.
  await put(emulator, `${second}?xsiType=xnat:qcAssessmentData`)
  await put(emulator, `${second}/out/resources/QCDATA/files/rating.json?inbody=true`, '{"pass":false}')
  await put(emulator, `${second}/in/resources/SCANS/files/list.txt?inbody=true`, 'the scans\n')
  await put(emulator, `${session}/reconstructions/RECON2?type=sum`)
  await put(
    emulator,
    `${session}/reconstructions/RECON2/out/resources/DATA/files/average.txt?inbody=true`,
    'other\n',
  )
  await put(emulator, `${session}/reconstructions/RECON3`)
  await put(
    emulator,
    `${session}/reconstructions/RECON3/out/resources/LOG/files/log.txt?inbody=true`,
    'no type\n',
  )
  await put(emulator, `${session}/scans/5?xsiType=xnat:mrScanData`)
  await put(emulator, `${session}/scans/5/resources/SNAPSHOTS/files/no-type.gif?inbody=true`, 'no type')
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

/** The files below a directory. */
async function find(path: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await fs.list(path)) {
    const child = `${path}/${name}`
    if ((await fs.stat(child)).kind === 'directory') found.push(...(await find(child)))
    else found.push(child)
  }
  return found
}

const digestsOf = async (path: string): Promise<string[]> => {
  const digests: string[] = []
  for (const file of await find(path)) digests.push(md5(await readFile(fs, file)))
  return digests.toSorted()
}

describe('the mount selects the files that the server selects', () => {
  it.each([
    'scans/ALL/files',
    'scans/*/resources/DICOM/files',
    'scans/1/files',
    'scans/1,2/files',
    'scans/1,2/resources/DICOM/files',
    'scans/T1/resources/DICOM/files',
    'scans/T1,T2/resources/DICOM/files',
    'scans/4,T1/resources/SNAPSHOTS/files',
    'scans/NULL/files',
    'scans/ALL/resources/DICOM,SNAPSHOTS/files',
    'scans/T2/resources/DICOM,SNAPSHOTS/files',
    'scans/1/resources/DICOM,SNAPSHOTS/files',
    'scans/1/resources/SNAPSHOTS,NOSUCH/files',
    'reconstructions/RECON1/files',
    'reconstructions/RECON1/resources/DATA/files',
    'reconstructions/RECON1/in/files',
    'reconstructions/ALL/files',
    'reconstructions/*/out/files',
    'reconstructions/ALL/in/files',
    'reconstructions/ALL/resources/DATA/files',
    'reconstructions/RECON1,RECON2/out/resources/DATA/files',
    'reconstructions/average/out/resources/DATA/files',
    'reconstructions/average,sum/files',
    'reconstructions/NULL/files',
    'assessors/ASSESS1/files',
    'assessors/ASSESS1/resources/QCDATA/files',
    'assessors/ASSESS1/out/resources/QCDATA/files',
    'assessors/ALL/files',
    'assessors/ALL/out/resources/QCDATA/files',
    'assessors/ALL/in/resources/SCANS/files',
    'assessors/*/in/files',
    'assessors/ASSESS1,ASSESS2/resources/QCDATA/files',
    'assessors/xnat:qcManualAssessorData/files',
    'assessors/xnat:qcAssessmentData/out/files',
    'assessors/xnat:imageAssessorData/out/files',
    'resources/QC/files',
    'files',
  ])('%s', async (selection) => {
    const url = `${session}/${selection}?format=zip`
    const { status, body } = await rest(emulator, 'GET', url)
    expect(status).toBe(200)
    const theirs = zipEntries(body).map(({ content }) => md5(content))
    expect(theirs).not.toEqual([])
    expect(await digestsOf(`${session}/${selection}`)).toEqual(theirs.toSorted())
  })

  it('finds no assessor of another type, and nothing where nothing is selected', async () => {
    for (const selection of [
      'assessors/xnat:petQcScanData',
      'assessors/no:suchData',
      'assessors/NOBODY,NOTHING',
      'reconstructions/nothing',
      'scans/T9',
      'scans/1/X,Y',
      'scans/1/NULL',
    ]) {
      await expect(fs.list(`TEST/1/MR1/${selection}`)).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })
})

describe('a view of several items', () => {
  it('holds them as directories', async () => {
    expect(await fs.list('TEST/1/MR1/scans/1,T2')).toEqual(['1', '3', '4'])
    expect((await fs.list('TEST/1/MR1/scans/1/DICOM,SNAPSHOTS')).toSorted()).toEqual(['DICOM', 'SNAPSHOTS'])
    expect((await fs.list('TEST/1/MR1/assessors/ALL')).toSorted()).toEqual(['ASSESS1', 'ASSESS2'])
    expect(await fs.list('TEST/1/MR1/assessors/ALL/ASSESS2')).toEqual(['in', 'out'])
    expect(await fs.list('TEST/1/MR1/assessors/ALL/out/ASSESS2')).toEqual(['QCDATA'])
    expect(await fs.list('TEST/1/MR1/reconstructions/average,NULL')).toEqual(['RECON1', 'RECON3'])
    expect(await fs.list('TEST/1/MR1/reconstructions/ALL/in/RECON1/SOURCE')).toEqual(['scans.txt'])
  })

  it('tells files of one name apart by their items, and by their resources where that does not do', async () => {
    const label = 'TEST/1/MR1/reconstructions'
    expect((await fs.list(`${label}/ALL/DATA`)).toSorted()).toEqual([
      'RECON1-average.txt',
      'RECON2-average.txt',
    ])
    await put(emulator, `${session}/scans/1/resources/A/files/same.txt?inbody=true`, 'a')
    await put(emulator, `${session}/scans/1/resources/B/files/same.txt?inbody=true`, 'b')
    await put(emulator, `${session}/scans/2/resources/A/files/same.txt?inbody=true`, 'a of 2')
    local.vfs.refresh()
    const merged = async (path: string): Promise<string[]> => (await fs.list(`TEST/1/MR1/${path}`)).toSorted()
    expect(await merged('scans/1/A,B/files')).toEqual(['A-same.txt', 'B-same.txt'])
    expect(await merged('scans/1,2/A,B')).toEqual(['1-A-same.txt', '1-B-same.txt', '2-same.txt'])
    expect(await merged('scans/1,2/A')).toEqual(['1-same.txt', '2-same.txt'])
  })

  it('cannot be changed', async () => {
    for (const path of [
      'assessors/ALL/out/QCDATA',
      'assessors/ALL/ASSESS1/out',
      'reconstructions/ALL',
      'scans/1/DICOM,SNAPSHOTS',
    ]) {
      await expect(fs.mkdir(`TEST/1/MR1/${path}/NEW`)).rejects.toMatchObject({ code: 'EROFS' })
    }
  })
})
