import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let session: SessionFixture
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)

describe('xnat-wire.md §8: names of scans', () => {
  test.each(['1-MR1', '2-CT1', 'MR1_scan1', '10_1', '1001'])('ID %s', async (id) => {
    await createScan(server, session, id, 'T1')
    const { rows } = await table(server, `${session.path}/scans`)
    expect(rows.find(({ ID }) => ID === id)!['URI']).toBe(`/data/experiments/${session.id}/scans/${id}`)
    await createResource(server, `${session.path}/scans/${id}`, 'DICOM', { 'a.dcm': id })
    expect((await get(`${session.path}/scans/${id}/resources/DICOM/files/a.dcm`)).text).toBe(id)
  })

  test('"1" and "01" are two scans', async () => {
    await createScan(server, session, '1', 'one')
    await createScan(server, session, '01', 'zero one')
    await createResource(server, `${session.path}/scans/1`, 'R', { f: 'one' })
    await createResource(server, `${session.path}/scans/01`, 'R', { f: 'zero one' })
    expect((await get(`${session.path}/scans/1/resources/R/files/f`)).text).toBe('one')
    expect((await get(`${session.path}/scans/01/resources/R/files/f`)).text).toBe('zero one')
  })

  test('a blank in an ID: raw in URI, reached by %20 in resources routes, not as an item', async () => {
    const own = await createSession(server, 'S1', 'BLANKS')
    await put(server, `${own.path}/scans/x?xsiType=xnat:mrScanData&ID=a%20b&type=T1`)
    const [row] = (await table(server, `${own.path}/scans`)).rows
    expect(row).toMatchObject({ ID: 'a b', URI: `/data/experiments/${own.id}/scans/a b` })
    await put(server, `${own.path}/scans/a%20b/resources/R`)
    expect((await table(server, `${own.path}/scans/a%20b/resources`)).rows).toHaveLength(1)
    expect((await get(`${own.path}/scans/a%20b?format=json`)).status).toBe(404)
  })

  test('a comma in an ID separates: not addressable, but in the list and in scans/*', async () => {
    const own = await createSession(server, 'S1', 'COMMAS')
    await put(server, `${own.path}/scans/x?xsiType=xnat:mrScanData&ID=3%2C4&type=T1`)
    expect((await table(server, `${own.path}/scans`)).rows[0]!['ID']).toBe('3,4')
    // Nothing is selected, so that the subject's resources come.
    expect((await server.request('PUT', `${own.path}/scans/3,4/resources/R`)).status).toBe(404)
    await put(server, `${own.path}/scans/*/resources/R`)
    expect((await table(server, `${own.path}/scans/*/resources`)).rows[0]!['cat_id']).toBe('3,4')
  })

  test('an ID that is another scan’s type selects both', async () => {
    const own = await createSession(server, 'S1', 'TYPES')
    await createScan(server, own, 'T1', 'other')
    await createScan(server, own, '7', 'T1')
    await createResource(server, `${own.path}/scans/7`, 'R', { 'seven.txt': '7' })
    // A write through "T1" is ambiguous.
    expect((await server.request('PUT', `${own.path}/scans/T1/resources/R`)).status).toBe(404)
    const names = (await table(server, `${own.path}/scans/T1/files`)).rows.map(({ Name }) => Name)
    expect(names).toEqual(['seven.txt'])
    expect((await table(server, `${own.path}/scans/7,T1/files`)).rows).toHaveLength(1)
  })

  test.each(['WATER: HighRes_LAVA_3Nex_0.8x0.8x1mm', 'a (b) / c * d, e # f', 'q"uote\\back', 'é ü'])(
    'type and series description %s come out of JSON as they went in',
    async (text) => {
      const own = await createSession(server, 'S2', `TEXT_${Buffer.from(text).toString('hex').slice(0, 12)}`)
      const value = encodeURIComponent(text)
      await put(
        server,
        `${own.path}/scans/1?xsiType=xnat:mrScanData&type=${value.replaceAll('%22', '')}&series_description=${value.replaceAll('%22', '')}`,
      )
      const [row] = (await table(server, `${own.path}/scans`)).rows
      const expected = text.replaceAll('"', '')
      expect(row).toMatchObject({ type: expected, series_description: expected })
    },
  )

  test('no type at all: ""', async () => {
    const own = await createSession(server, 'S2', 'UNTYPED')
    await put(server, `${own.path}/scans/1?xsiType=xnat:mrScanData`)
    const [row] = (await table(server, `${own.path}/scans`)).rows
    expect(row).toMatchObject({ type: '', series_description: '' })
  })
})

describe('xnat-wire.md §8: names of projects, subjects, experiments', () => {
  test('project IDs are checked on creation: 417; and unique whatever their case: 409', async () => {
    expect((await server.request('PUT', '/data/projects/has%20blank')).status).toBe(417)
    expect((await server.request('PUT', '/data/projects/has.dot')).status).toBe(417)
    const upper = server.project.toUpperCase()
    expect((await server.request('PUT', `/data/projects/${upper}`)).status).toBe(409)
    expect((await get(`/data/projects/${upper}?format=json`)).status).toBe(404)
  })

  test('a label of digits only', async () => {
    const own = await createSession(server, '042', '0522')
    const { rows } = await table(server, `${project}/subjects/042/experiments`)
    expect(rows.map(({ label, ID }) => [label, ID])).toEqual([['0522', own.id]])
  })

  test('entry look-up respects case', async () => {
    await createResource(server, session.path, 'CASE', { 'File.txt': 'upper', 'file.txt': 'lower' })
    const base = `${session.path}/resources/CASE/files`
    expect((await get(`${base}/File.txt`)).text).toBe('upper')
    expect((await get(`${base}/file.txt`)).text).toBe('lower')
    expect((await get(`${base}/FILE.txt`)).status).toBe(404)
    expect((await get(`${session.path}/resources/case/files/File.txt`)).status).toBe(404)
  })
})

describe('xnat-wire.md §8: resources and entities', () => {
  test('the same base name in two folders', async () => {
    await createResource(server, session.path, 'SAME', { 'a/x.txt': 'in a', 'b/x.txt': 'in b' })
    const { rows } = await table(server, `${session.path}/resources/SAME/files`)
    expect(rows.map(({ Name }) => Name)).toEqual(['x.txt', 'x.txt'])
    expect((await get(`${session.path}/resources/SAME/files/b/x.txt`)).text).toBe('in b')
  })

  test('*_catalog.xml is not listed', async () => {
    await createResource(server, session.path, 'NONE', { f: 'f' })
    const { rows } = await table(server, `${session.path}/resources/NONE/files`)
    expect(rows.map(({ Name }) => Name)).toEqual(['f'])
  })

  test('a resource without a label: "" in the list, reached by its number', async () => {
    const own = await createSession(server, 'S2', 'NOLABEL')
    const xml = '<xnat:ResourceCatalog xmlns:xnat="http://nrg.wustl.edu/xnat" content="RAW"/>'
    const made = await server.request('POST', `${own.path}/resources`, {
      headers: { 'content-type': 'text/xml' },
      body: xml,
    })
    expect(made.status, made.text).toBe(200)
    const [row] = (await table(server, `${own.path}/resources`)).rows
    expect(row!['label']).toBe('')
    const base = `${own.path}/resources/${row!['xnat_abstractresource_id']}`
    await put(server, `${base}/files/u.txt?inbody=true`, 'unlabelled')
    expect((await get(`${base}/files/u.txt`)).text).toBe('unlabelled')
    const [file] = (await table(server, `${base}/files`)).rows
    expect(file!['collection']).toBe('')
    expect((await get(base)).status).toBe(200)
  })

  test('an experiment that is no imaging session has no scans', async () => {
    const path = `${project}/subjects/S1/experiments/VARIABLES`
    const id = (await put(server, `${path}?xsiType=xnat:subjectVariablesData`)).split('/').at(-1)!
    for (const base of [path, `/data/experiments/${id}`])
      expect([404, 500]).toContain((await get(`${base}/scans?format=json`)).status)
    const { rows } = await table(server, `${project}/experiments?xsiType=xnat:subjectVariablesData`)
    expect(rows.map(({ ID }) => ID)).toEqual([id])
  })

  test('a shared session: one ID below both projects, files through either', async () => {
    const own = await createSession(server, 'S3', 'SHARED')
    await createResource(server, own.path, 'QC', { 'q.txt': 'q' })
    const other = `${server.project}_c`
    await put(server, `/data/projects/${other}`)
    try {
      await put(server, `${own.subjectPath}/projects/${other}?label=their_S`)
      await put(server, `${own.path}/projects/${other}?label=their_MR`)
      const there = `/data/projects/${other}/subjects/their_S/experiments/their_MR`
      expect((await table(server, `${there}/resources`)).rows.map(({ label }) => label)).toEqual(['QC'])
      expect((await get(`${there}/resources/QC/files/q.txt`)).text).toBe('q')
      const gone = await server.request('DELETE', `${there}?removeFiles=true`)
      expect(gone.status).toBe(200)
      expect((await get(`${there}?format=json`)).status).toBe(404)
      expect((await get(`${own.path}/resources/QC/files/q.txt`)).text).toBe('q')
    } finally {
      await server.request('DELETE', `/data/projects/${other}/subjects/their_S`)
      await server.request('DELETE', `/data/projects/${other}`)
    }
  })
})
