import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let session: SessionFixture
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  await put(server, `${session.path}/scans/1?xsiType=xnat:mrScanData&type=T1&frames=12`)
  await createResource(server, `${session.path}/scans/1`, 'DICOM', { 'a.dcm': 'a' })
})
afterAll(() => server?.close())

const get = (path: string, accept?: string) =>
  server.request('GET', path, { headers: accept === undefined ? {} : { accept } })

interface Item {
  readonly meta: Readonly<Record<string, unknown>>
  readonly data_fields: Readonly<Record<string, unknown>>
  readonly children: readonly { readonly field: string; readonly items: readonly Item[] }[]
}
const item = async (path: string): Promise<Item> => {
  const answer = await get(`${path}?format=json`, '*/*')
  expect(answer.status, path).toBe(200)
  return (JSON.parse(answer.text) as { items: Item[] }).items[0]!
}

describe('xnat-wire.md §2.6: single items', () => {
  const all = (): string[] => [project, session.subjectPath, session.path, `${session.path}/scans/1`]

  test('*/* without ?format is a web page', async () => {
    for (const path of all()) {
      const answer = await get(path, '*/*')
      expect([answer.status, answer.headers['content-type']], path).toEqual([
        200,
        expect.stringMatching(/^text\/html/),
      ])
    }
  })

  test('Accept: application/json alone is 406, with ?format=json too', async () => {
    for (const path of all())
      for (const query of ['', '?format=json'])
        expect((await get(path + query, 'application/json')).status, path + query).toBe(406)
  })

  test('?format=json with */*, text/html or text/xml is JSON', async () => {
    for (const accept of ['*/*', 'text/html', 'text/xml', 'application/json, text/xml']) {
      const answer = await get(`${session.path}?format=json`, accept)
      expect(answer.status, accept).toBe(200)
      expect(answer.headers['content-type']).toMatch(/^application\/json/)
    }
  })

  test('Accept: text/xml or ?format=xml is XML', async () => {
    for (const answer of [await get(session.path, 'text/xml'), await get(`${session.path}?format=xml`)]) {
      expect(answer.headers['content-type']).toMatch(/^text\/xml/)
      expect(answer.text).toMatch(/<xnat:MRSession [^>]*ID="/)
    }
  })

  test('items, meta, data_fields, children', async () => {
    const { meta, data_fields: fields, children } = await item(session.path)
    expect(meta).toMatchObject({ isHistory: false, 'xsi:type': 'xnat:mrSessionData' })
    expect(meta['start_date']).toBeTypeOf('string')
    expect(fields).toMatchObject({ ID: session.id, label: 'MR1', project: server.project })
    const scans = children.find(({ field }) => field === 'scans/scan')
    expect(scans!.items[0]!.data_fields['ID']).toBe('1')
  })

  test('numbers are JSON numbers', async () => {
    const { data_fields: fields } = await item(`${session.path}/scans/1`)
    expect(fields['frames']).toBe(12)
    expect(fields['ID']).toBe('1')
  })

  test('§10: id and ID are both in the fields of an experiment', async () => {
    expect((await item(session.path)).data_fields).toMatchObject({ ID: session.id, id: session.id })
  })

  test('an unknown item is 404', async () => {
    for (const path of [
      '/data/projects/NOPE',
      `${project}/subjects/NOPE`,
      `${session.subjectPath}/experiments/NOPE`,
      `${session.path}/scans/NOPE`,
    ])
      expect((await get(`${path}?format=json`)).status, path).toBe(404)
  })
})

describe('xnat-wire.md §2.7: IDs, labels, aliases', () => {
  test('below a project, label and ID both work', async () => {
    for (const subject of ['S1', session.subjectId])
      for (const experiment of ['MR1', session.id]) {
        const path = `${project}/subjects/${subject}/experiments/${experiment}`
        expect((await item(path)).data_fields['ID']).toBe(session.id)
        expect((await table(server, `${path}/scans`)).rows).toHaveLength(1)
        expect((await get(`${path}/scans/1/resources/DICOM/files/a.dcm`)).text).toBe('a')
      }
  })

  test('without a project only the ID works', async () => {
    expect((await get('/data/experiments/MR1?format=json')).status).toBe(404)
    expect((await get('/data/subjects/S1?format=json')).status).toBe(404)
    expect((await item(`/data/experiments/${session.id}`)).data_fields['label']).toBe('MR1')
    expect((await item(`/data/subjects/${session.subjectId}`)).data_fields['label']).toBe('S1')
  })

  test('an alias of a project does for its ID', async () => {
    const alias = `${server.project}_alias`
    await put(server, `${project}?alias=${alias}`)
    expect((await item(`/data/projects/${alias}`)).data_fields['ID']).toBe(server.project)
    expect((await table(server, `/data/projects/${alias}/subjects`)).rows).toHaveLength(1)
    const file = `/data/projects/${alias}/subjects/S1/experiments/MR1/scans/1/resources/DICOM/files/a.dcm`
    expect((await get(file)).text).toBe('a')
  })

  test('a label that is another experiment’s ID: resources take the ID', async () => {
    const first = await createSession(server, 'S1', 'CLASH_A')
    const second = await createSession(server, 'S1', 'CLASH_B')
    await put(server, `/data/experiments/${second.id}?label=${first.id}`)
    await createResource(server, first.path, 'OF_A')
    await createResource(server, `/data/experiments/${second.id}`, 'OF_B')
    const path = `${session.subjectPath}/experiments/${first.id}`
    const labels = (await table(server, `${path}/resources`)).rows.map(({ label }) => label)
    expect(labels).toEqual(['OF_A'])
    expect((await item(path)).data_fields['label']).toBe('CLASH_A')
  })
})

describe('xnat-wire.md §2.8: sessions of a user', () => {
  test('/data/user/{U}/sessions is a number', async () => {
    const answer = await get(`/data/user/${server.user}/sessions`)
    expect(answer.status).toBe(200)
    expect(answer.text).toMatch(/^\d+$/)
  })
})

describe('xnat-wire.md §2.9: DIR', () => {
  const dir = (): string => `/data/experiments/${session.id}/DIR`

  test('the folder on disk: Name, DIR, Size, URI; folders end in a slash', async () => {
    const { rows } = await table(server, dir())
    expect(Object.keys(rows[0]!).toSorted()).toEqual(['DIR', 'Name', 'Size', 'URI'])
    const folder = rows.find(({ Name }) => Name === 'SCANS/')
    expect(folder!['DIR']).toBe('true')
    for (const { DIR } of rows) expect(['true', 'false']).toContain(DIR)
  })

  test('recursive=true: catalogs are among the files, sizes are from the disk', async () => {
    const { rows } = await table(server, `${dir()}?recursive=true`)
    expect(rows.map(({ Name }) => Name)).toEqual(
      expect.arrayContaining(['SCANS/1/DICOM/a.dcm', expect.stringMatching(/_catalog\.xml$/)]),
    )
    expect(rows.find(({ Name }) => Name!.endsWith('a.dcm'))!['Size']).toBe('1')
  })

  test('files and globs; only text/xml is offered', async () => {
    expect((await get(`${dir()}/SCANS/1/DICOM/a.dcm`)).text).toBe('a')
    expect((await get(`${dir()}/SCANS/1/DICOM/?.dcm`.replace('?', '*'))).text).toBe('a')
    expect((await get(dir(), 'application/json')).status).toBe(406)
  })

  test('a session without a folder is 404', async () => {
    const bare = await createSession(server, 'S1', 'BARE')
    await createScan(server, bare, '1', 'T1')
    expect((await get(`/data/experiments/${bare.id}/DIR`)).status).toBe(404)
  })

  test.runIf(isEmulated)('a path is not decoded: a name with a blank needs a glob', async () => {
    const parent = `${session.path}/scans/1`
    await createResource(server, parent, 'BLANK', { 'a%20b.txt': 'ab' })
    expect((await get(`${dir()}/SCANS/1/BLANK/a%20b.txt`)).status).toBe(404)
    expect((await get(`${dir()}/SCANS/1/BLANK/a*b.txt`)).text).toBe('ab')
  })
})
