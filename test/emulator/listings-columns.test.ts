import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let session: SessionFixture
let assessor: string
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1')
  await put(server, `${session.path}/reconstructions/R1?type=mean&baseScanType=T1`)
  const id = await put(server, `${session.path}/assessors/QC1?xsiType=xnat:qcManualAssessorData`)
  assessor = id.slice(id.lastIndexOf('/') + 1)
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)
const columnsOf = async (path: string): Promise<string[]> =>
  Object.keys((await table(server, path)).rows[0] ?? {}).toSorted()
const sorted = (text: string): string[] => text.split(',').toSorted()

describe('xnat-wire.md §2.2: columns by default', () => {
  test('URIs begin with /data and hold IDs', async () => {
    const row = async (path: string) => (await table(server, path)).rows[0]!
    const own = (await table(server, '/data/projects')).rows.find(({ ID }) => ID === server.project)
    expect(own!['URI']).toBe(project)
    expect((await row(`${project}/subjects`))['URI']).toBe(`/data/subjects/${session.subjectId}`)
    expect((await row(`${project}/experiments`))['URI']).toBe(`/data/experiments/${session.id}`)
    expect((await row(`${session.path}/scans`))['URI']).toBe(`/data/experiments/${session.id}/scans/1`)
    expect((await row(`${session.path}/assessors`))['URI']).toBe(`/data/experiments/${assessor}`)
  })

  test('reconstructions and assessors', async () => {
    expect(await columnsOf(`${session.path}/reconstructions`)).toEqual(
      sorted('xnat_reconstructedimagedata_id,ID,type,baseScanType,URI'),
    )
    expect(await columnsOf(`${session.path}/assessors`)).toEqual(
      sorted(
        'xnat:imageassessordata/id,ID,project,label,date,xsiType,insert_date,session_ID,session_label,URI',
      ),
    )
    const [row] = (await table(server, `${session.path}/assessors`)).rows
    expect(row).toMatchObject({ session_ID: session.id, session_label: 'MR1', label: 'QC1' })
  })

  test('/experiments: with a subject assessor’s type also subject, with an image assessor’s also session', async () => {
    const plain = 'ID,project,date,xsiType,label,insert_date,URI'
    expect(await columnsOf(`/data/experiments?project=${server.project}`)).toEqual(
      expect.arrayContaining(sorted(plain)),
    )
    const mr = (await table(server, `/data/experiments?xsiType=xnat:mrSessionData&project=${server.project}`))
      .rows[0]!
    expect(mr).toMatchObject({ subject_ID: session.subjectId, subject_label: 'S1' })
    expect(mr['xnat:mrsessiondata/id']).toBe(session.id)
    const qc = (
      await table(server, `/data/experiments?xsiType=xnat:qcManualAssessorData&project=${server.project}`)
    ).rows[0]!
    expect(qc).toMatchObject({ ID: assessor, session_ID: session.id, session_label: 'MR1' })
  })

  test('project lists: the type’s key in lower case; image assessors only by xsiType', async () => {
    const ids = async (query: string): Promise<string[]> =>
      (await table(server, `${project}/experiments${query}`)).rows.map(({ ID }) => ID!)
    expect(await ids('')).toEqual([session.id])
    expect(await ids('?xsiType=xnat:qcManualAssessorData')).toEqual([assessor])
    for (const type of ['xnat:mrSessionData', 'xnat:imageSessionData']) {
      const [row] = (await table(server, `${project}/experiments?xsiType=${type}`)).rows
      expect(row![`${type.toLowerCase()}/id`], type).toBe(session.id)
    }
  })

  test('subject_ID, subject_label, insert_user and last_modified can be asked for', async () => {
    const columns = 'columns=subject_ID,subject_label,insert_user,last_modified'
    const [row] = (await table(server, `${project}/experiments?${columns}`)).rows
    expect(row).toMatchObject({
      subject_ID: session.subjectId,
      subject_label: 'S1',
      insert_user: server.user,
    })
    expect(row).toHaveProperty('last_modified')
  })

  test('columns of scans: a row for each scan, and for a session without any; a filter by them finds sessions', async () => {
    const other = await createSession(server, 'S1', 'JOINED')
    const none = await createSession(server, 'S1', 'UNSCANNED')
    for (const [id, type] of [
      ['1', 'T2'],
      ['2', 'T7'],
    ] as const)
      await createScan(server, other, id, type)
    const columns = 'columns=label,xnat:imageScanData/ID,xnat:mrSessionData/scans/scan/type'
    for (const path of [`${project}/experiments?`, `/data/experiments?project=${server.project}&`]) {
      const { rows } = await table(server, `${path}xsiType=xnat:imageSessionData&${columns}`)
      const names = ['label', 'xnat:imagescandata/id', 'xnat:mrsessiondata/scans/scan/type']
      const found = rows.map((row) => names.map((name) => row[name]))
      expect(found).toEqual(
        expect.arrayContaining([
          ['JOINED', '1', 'T2'],
          ['JOINED', '2', 'T7'],
          ['UNSCANNED', '', ''],
        ]),
      )
      const filtered = await table(server, `${path}xnat:imageScanData/type=T7,T2&columns=ID`)
      expect(filtered.rows.map(({ ID }) => ID)).toEqual([other.id])
    }
    for (const { path } of [other, none]) await server.request('DELETE', `${path}?removeFiles=true`)
  })

  test('scans: more by name', async () => {
    const path = `${session.path}/scans?columns=ID,insert_date,last_modified,frames,UID,modality,scanTime`
    const keys = await columnsOf(path)
    expect(keys).toEqual(
      expect.arrayContaining(['UID', 'frames', 'insert_date', 'last_modified', 'modality']),
    )
    expect(keys).not.toContain('note')
  })

  test('users of a project, users of the site', async () => {
    const rows = (await table(server, `${project}/users`)).rows
    expect(
      Object.keys(rows[0] ?? {})
        .map((name) => name.toLowerCase())
        .toSorted(),
    ).toEqual(sorted('group_id,displayname,login,firstname,lastname,email'))
    expect(await columnsOf('/data/users')).toEqual(sorted('xdat_user_id,login,firstname,lastname,email'))
  })

  test('projects of an item: the owner first', async () => {
    for (const item of [session.subjectPath, session.path]) {
      const { rows, totalRecords } = await table(server, `${item}/projects`)
      expect(Object.keys(rows[0]!).toSorted()).toEqual(sorted('label,ID,Secondary_ID,Name'))
      expect(rows[0]!['ID']).toBe(server.project)
      expect(totalRecords).toBe('1')
    }
  })

  test('projects with accessible=, recent= …: lower-case columns, no URI', async () => {
    for (const query of ['accessible=true', 'recent=true', 'data=readable', 'owner=true']) {
      const { rows } = await table(server, `/data/projects?${query}`)
      const row = rows.find(({ id }) => id === server.project)
      expect(row, query).toBeDefined()
      expect(Object.keys(row!)).toEqual(
        expect.arrayContaining(
          sorted('id,name,description,secondary_id,pi,project_invs,project_access,insert_date,insert_user'),
        ),
      )
      expect(row).not.toHaveProperty('URI')
      expect(Object.keys(row!).some((key) => /^user_role_\d+$/.test(key))).toBe(true)
    }
  })

  test('projects: columns=ID,xnat:projectData/meta/last_modified', async () => {
    const { rows } = await table(server, '/data/projects?columns=ID,xnat:projectData/meta/last_modified')
    expect(rows.find(({ ID }) => ID === server.project)).toBeDefined()
    expect(Object.keys(rows[0]!).some((key) => /last_modified$/i.test(key))).toBe(true)
  })

  test('an unknown project, subject or session above a list is 404', async () => {
    for (const path of [
      '/data/projects/NOPE/subjects',
      '/data/projects/NOPE/experiments',
      `${project}/subjects/NOPE/experiments`,
      `${session.subjectPath}/experiments/NOPE/scans`,
      `${session.subjectPath}/experiments/NOPE/assessors`,
      '/data/experiments/NOPE/scans',
      '/data/experiments/NOPE/reconstructions',
    ])
      expect((await get(`${path}?format=json`)).status, path).toBe(404)
  })
})

describe('xnat-wire.md §2.2: shared rows', () => {
  test('label, subject_label and project of experiments are those of the share; of subjects only the label', async () => {
    const other = `${server.project}_b`
    await put(server, `/data/projects/${other}`)
    try {
      await put(server, `${session.subjectPath}/projects/${other}?label=shared_S`)
      await put(server, `${session.path}/projects/${other}?label=shared_MR`)
      const [experiment] = (
        await table(server, `/data/projects/${other}/experiments?columns=ID,label,subject_label`)
      ).rows
      expect(experiment).toMatchObject({
        ID: session.id,
        label: 'shared_MR',
        subject_label: 'shared_S',
        project: other,
      })
      const [subject] = (await table(server, `/data/projects/${other}/subjects`)).rows
      expect(subject).toMatchObject({ ID: session.subjectId, label: 'shared_S', project: server.project })
      const { rows } = await table(server, `${session.path}/projects`)
      expect(rows.map(({ ID, label }) => [ID, label])).toEqual([
        [server.project, 'MR1'],
        [other, 'shared_MR'],
      ])
    } finally {
      await server.request('DELETE', `/data/projects/${other}/subjects/shared_S/experiments/shared_MR`)
      await server.request('DELETE', `/data/projects/${other}/subjects/shared_S`)
      await server.request('DELETE', `/data/projects/${other}`)
    }
  })
})

describe('xnat-wire.md §2.3: list of resources', () => {
  beforeAll(async () => {
    await createResource(server, project, 'P_RES', { 'p.txt': 'p' })
    await createResource(server, session.subjectPath, 'S_RES', { 's.txt': 'ss' })
    await createResource(server, session.path, 'E_RES', { 'e.txt': 'eee' })
    await createResource(server, `${session.path}/scans/1`, 'DICOM', { 'a.dcm': 'aaaa', 'b.dcm': 'b' })
    await createResource(server, `${session.path}/reconstructions/R1`, 'R_RES', { 'r.txt': 'r' })
    await createResource(server, `${session.path}/assessors/${assessor}`, 'A_RES', { 'q.txt': 'q' })
  })
  const only = async (path: string) => (await table(server, `${path}/resources`)).rows[0]!

  test('category, cat_id and cat_desc by level', async () => {
    const facts = ({ category, cat_id: id, cat_desc: text }: Record<string, string>) => [category, id, text]
    expect(facts(await only(project))).toEqual(['resources', '', ' '])
    expect(facts(await only(session.subjectPath))).toEqual(['resources', '', ' '])
    expect(facts(await only(session.path))).toEqual(['resources', session.id, ' '])
    expect(facts(await only(`${session.path}/scans/1`))).toEqual(['scans', '1', 'T1'])
    expect(facts(await only(`${session.path}/reconstructions/R1`)).slice(0, 2)).toEqual([
      'reconstructions',
      'R1',
    ])
    expect(facts(await only(`${session.path}/assessors/${assessor}`)).slice(0, 2)).toEqual([
      'assessors',
      assessor,
    ])
  })

  test('counts and sizes are texts and always there; element_name, format, content', async () => {
    for (const query of ['', '?file_stats=true', '?file_stats=false', '?cache_file_stats=true']) {
      const { rows } = await table(server, `${session.path}/scans/1/resources${query}`)
      expect(rows[0]).toMatchObject({ file_count: '2', file_size: '5' })
    }
    expect(await only(`${session.path}/scans/1`)).toMatchObject({
      element_name: 'xnat:resourceCatalog',
      format: 'DICOM',
      content: 'RAW',
    })
  })

  test('all=true: everything of a session in one table', async () => {
    const { rows } = await table(server, `/data/experiments/${session.id}/resources?all=true`)
    const facts = rows.map((row) => [row['label'], row['category'], row['cat_id'], row['cat_desc']])
    expect(facts).toContainEqual(['E_RES', 'resources', '', ''])
    expect(facts).toContainEqual(['DICOM', 'scans', '1', 'T1'])
    expect(rows.map(({ label }) => label!).toSorted()).toEqual(['A_RES', 'DICOM', 'E_RES', 'R_RES'])
  })

  test('the wrong-parent trap: an unknown scan or experiment falls back to the subject for GET', async () => {
    for (const tail of ['experiments/NOPE', `experiments/${session.id}/scans/NOPE`]) {
      const path = `${session.subjectPath}/${tail}/resources`
      const labels = (await table(server, path)).rows.map(({ label }) => label)
      expect(labels, tail).toEqual(tail.includes('scans') ? expect.any(Array) : ['S_RES'])
      expect(labels, tail).not.toContain('DICOM')
      expect((await server.request('HEAD', path)).status, tail).toBe(404)
      expect((await server.request('PUT', `${path}/NEW`)).status, tail).toBe(404)
    }
    const scanless = `${session.path}/scans/NOPE/resources`
    expect((await table(server, scanless)).rows.map(({ label }) => label)).toEqual(['S_RES'])
    expect((await get(`/data/experiments/${session.id}/scans/NOPE/resources`)).status).toBe(404)
  })
})

describe.runIf(isEmulated)('xnat-wire.md §2.2: rights (a second user)', () => {
  test('what cannot be read is 404, and /subjects is 500 for who can read no project', async () => {
    const authorization = `Basic ${Buffer.from('outsider:outsider-pass').toString('base64')}`
    const as = (path: string) => server.request('GET', path, { headers: { authorization } })
    expect((await as(`${project}/experiments?format=json`)).status).toBe(404)
    expect((await as('/data/subjects?format=json')).status).toBe(500)
    await put(server, `${project}/accessibility/protected`)
    const refused = await as(`${project}/experiments?format=json`)
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('Unable to read experiments for Project')
    await put(server, `${project}/accessibility/private`)
  })
})
