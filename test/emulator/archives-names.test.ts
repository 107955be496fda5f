import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'
import { zipEntries } from '../support/zip-entries.js'

let server: ContractServer
let project: string
let session: SessionFixture
let other: SessionFixture
let unlabelled: string
let assessor: string
let assessorId: string
const ODD_TYPE = 'T2/FLAIR: axial, 3mm'
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  other = await createSession(server, 'S1', 'MR2')
  await createScan(server, session, '1', 'T1')
  await createScan(server, session, '2', 'T1')
  await createScan(server, session, '3', ODD_TYPE)
  await put(server, `${session.path}/scans/4?xsiType=xnat:mrScanData`)
  await createScan(server, other, '1', 'T1')
  for (const id of ['1', '2', '3', '4']) {
    await createResource(server, `${session.path}/scans/${id}`, 'DICOM', { [`${id}.dcm`]: id })
  }
  await createResource(server, `${session.path}/scans/1`, 'NIFTI', { 'deep/1.nii': 'nii' })
  await createResource(server, `${other.path}/scans/1`, 'DICOM', { 'other.dcm': 'o' })
  await createResource(server, session.path, 'QC', { 'qc.csv': 'qc' })
  await createResource(server, session.subjectPath, 'FORMS', { 'form.txt': 'form' })
  await createResource(server, project, 'DOCS', { 'sub/doc.txt': 'doc' })
  assessor = `${session.path}/assessors/A1`
  await put(server, `${assessor}?xsiType=xnat:qcManualAssessorData`)
  assessorId = (await table(server, `${session.path}/assessors`)).rows[0]!['ID']!
  await createResource(server, assessor, 'QCDATA', { 'rating.txt': 'r' })
  // An unlabelled resource: what a catalog without a label makes.
  await server.request('POST', `${session.path}/scans/2/resources?xsiType=xnat:resourceCatalog&format=RAW`)
  const { rows } = await table(server, `${session.path}/scans/2/resources`)
  unlabelled = rows.find(({ label }) => label === '')?.['xnat_abstractresource_id'] ?? ''
  if (unlabelled !== '') await put(server, `${session.path}/scans/2/resources/${unlabelled}/files/u`, 'u')
})
afterAll(() => server?.close())

async function names(path: string, query = ''): Promise<string[]> {
  const answer = await server.request('GET', `${path}/files?format=zip${query}`)
  expect(answer.status, path).toBe(200)
  return zipEntries(answer.body)
    .map(({ name }) => name)
    .toSorted()
}

async function tarNames(path: string, query: string): Promise<string[]> {
  const answer = await server.request('GET', `${path}/files?format=tar${query}`)
  const reader = extract()
  reader.end(answer.body)
  const found: string[] = []
  for await (const entry of reader) {
    found.push(entry.header.name)
    entry.resume()
  }
  return found.toSorted()
}

describe('xnat-wire.md §4: names of entries', () => {
  test('default, scans: LABEL/scans/ID-TYPE/resources/RES/files/path', async () => {
    expect(await names(`${session.path}/scans/1/resources/DICOM`)).toEqual([
      'MR1/scans/1-T1/resources/DICOM/files/1.dcm',
    ])
    expect(await names(`${session.path}/scans/1/resources/NIFTI`)).toEqual([
      'MR1/scans/1-T1/resources/NIFTI/files/deep/1.nii',
    ])
  })

  test('default: everything but letters, digits and _ in a type becomes _; without a type just the ID', async () => {
    expect(await names(`${session.path}/scans/3/resources/DICOM`)).toEqual([
      'MR1/scans/3-T2_FLAIR__axial__3mm/resources/DICOM/files/3.dcm',
    ])
    expect(await names(`${session.path}/scans/4/resources/DICOM`)).toEqual([
      'MR1/scans/4/resources/DICOM/files/4.dcm',
    ])
  })

  test('default: LABEL/resources/RES/files/path of session, subject and project', async () => {
    expect(await names(`${session.path}/resources/QC`)).toEqual(['MR1/resources/QC/files/qc.csv'])
    expect(await names(`${session.subjectPath}/resources/FORMS`)).toEqual([
      'S1/resources/FORMS/files/form.txt',
    ])
    expect(await names(`${project}/resources/DOCS`)).toEqual([
      `${server.project}/resources/DOCS/files/sub/doc.txt`,
    ])
  })

  test('default, assessors: …/assessors/LABEL/out/resources/…, its ID nowhere', async () => {
    const [name] = await names(`${assessor}/resources/QCDATA`)
    expect(name).toMatch(
      /assessors\/A1\/out\/resources\/QCDATA\/files\/rating\.txt$|^A1\/out\/resources\/QCDATA/,
    )
    expect(name).not.toContain(assessorId)
  })

  test('structure=improved: scans/ID_TYPE/RES/path, resources/RES/path; no type in a tar', async () => {
    const query = '&structure=improved'
    const scan = `${session.path}/scans/1/resources/NIFTI`
    expect(await names(scan, query)).toEqual(['scans/1_T1/NIFTI/deep/1.nii'])
    expect(await names(`${session.path}/resources/QC`, query)).toEqual(['resources/QC/qc.csv'])
    expect(await tarNames(scan, query)).toEqual(['scans/1/NIFTI/deep/1.nii'])
  })

  test('structure=simplified: no /resources, no /files, no type', async () => {
    expect(await names(`${session.path}/scans/1/resources/NIFTI`, '&structure=simplified')).toEqual([
      'MR1/scans/1/NIFTI/deep/1.nii',
    ])
    await createResource(server, session.path, 'FOLDERS', { 'x/files/resources/y': 'y' })
    expect(await names(`${session.path}/resources/FOLDERS`, '&structure=simplified')).toEqual([
      'MR1/FOLDERS/x/y',
    ])
  })

  test('structure=legacy: the server’s path from the session’s label on', async () => {
    expect(await names(`${session.path}/scans/1/resources/DICOM`, '&structure=legacy')).toEqual([
      'MR1/SCANS/1/DICOM/1.dcm',
    ])
  })

  test('projectIncludedInPath and subjectIncludedInPath', async () => {
    const scan = `${session.path}/scans/1/resources/DICOM`
    const tail = 'MR1/scans/1-T1/resources/DICOM/files/1.dcm'
    expect(await names(scan, '&projectIncludedInPath=true')).toEqual([`${server.project}/${tail}`])
    expect(await names(scan, '&subjectIncludedInPath=true')).toEqual([`S1/${tail}`])
    expect(await names(scan, '&projectIncludedInPath=true&subjectIncludedInPath=true')).toEqual([
      `${server.project}/S1/${tail}`,
    ])
  })

  test('a folder named like the scan’s ID is rewritten as well', async () => {
    await createResource(server, `${session.path}/scans/2`, 'TRAP', { 'x/2/y': 'y' })
    expect(await names(`${session.path}/scans/2/resources/TRAP`)).toEqual([
      'MR1/scans/2-T1/resources/TRAP/files/x/2-T1/y',
    ])
  })
})

describe('xnat-wire.md §4: selections', () => {
  const scans = async (selection: string): Promise<string[]> =>
    (await table(server, `${session.path}/scans/${selection}/resources/DICOM/files`)).rows
      .map(({ Name }) => Name!)
      .toSorted()
  test.each([
    ['1', ['1.dcm']],
    ['1,2', ['1.dcm', '2.dcm']],
    ['ALL', ['1.dcm', '2.dcm', '3.dcm', '4.dcm']],
    ['*', ['1.dcm', '2.dcm', '3.dcm', '4.dcm']],
    ['T1', ['1.dcm', '2.dcm']],
    ['NULL', ['4.dcm']],
    ['T1,NULL', ['1.dcm', '2.dcm', '4.dcm']],
    ['3,T1', ['1.dcm', '2.dcm', '3.dcm']],
    ['T2%5BSLASH%5DFLAIR%3A%20axial%5BCOMMA%5D%203mm', ['3.dcm']],
  ])('scans/%s', async (selection, expected) => {
    expect(await scans(selection)).toEqual(expected)
  })

  test('a comma in a type separates unless it is spelt [COMMA]', async () => {
    const path = `${session.path}/scans/T2%5BSLASH%5DFLAIR%3A%20axial,%203mm/resources/DICOM/files`
    const answer = await server.request('GET', `${path}?format=json`)
    expect(answer.text).not.toContain('3.dcm')
  })

  test('all scans in one zip', async () => {
    expect(await names(`${session.path}/scans/ALL`)).toEqual(
      expect.arrayContaining([
        'MR1/scans/1-T1/resources/DICOM/files/1.dcm',
        'MR1/scans/1-T1/resources/NIFTI/files/deep/1.nii',
        'MR1/scans/2-T1/resources/DICOM/files/2.dcm',
        'MR1/scans/4/resources/DICOM/files/4.dcm',
      ]),
    )
  })

  test('resources: DICOM,NIFTI, numbers, NULL for those without a label', async () => {
    const of = async (scan: string, selection: string) =>
      (await table(server, `${session.path}/scans/${scan}/resources/${selection}/files`)).rows
        .map(({ Name }) => Name!)
        .toSorted()
    expect(await of('1', 'DICOM,NIFTI')).toEqual(['1.dcm', '1.nii'])
    const { rows } = await table(server, `${session.path}/scans/1/resources`)
    const numbers = rows.map((row) => row['xnat_abstractresource_id']!).join(',')
    expect(await of('1', numbers)).toEqual(['1.dcm', '1.nii'])
    expect(unlabelled).not.toBe('')
    expect(await of('2', 'NULL')).toEqual(['u'])
  })

  test('experiments: several sessions by ID', async () => {
    const { rows } = await table(
      server,
      `/data/experiments/${session.id},${other.id}/scans/1/resources/DICOM/files`,
    )
    expect(rows.map(({ Name }) => Name!).toSorted()).toEqual(['1.dcm', 'other.dcm'])
  })

  test.each(['A1', 'ALL', '*', 'xnat:qcManualAssessorData', 'xnat:qcAssessmentData,A1'])(
    'assessors/%s',
    async (selection) => {
      const path = `${session.path}/assessors/${selection}/resources/QCDATA/files`
      const { rows } = await table(server, path)
      expect(rows.map(({ Name }) => Name)).toContain('rating.txt')
    },
  )
})
