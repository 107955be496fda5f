import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createResource,
  createScan,
  createSession,
  put,
  table,
  type SessionFixture,
} from '../support/contract-fixtures.js'
import { isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let session: SessionFixture
let project: string
let resource: string
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1')
  resource = await createResource(server, `${session.path}/scans/1`, 'DICOM', { 'a.dcm': 'a' })
  await createResource(server, project, 'notes', { 'n.txt': 'n' })
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)

describe('xnat-wire.md §1.1: what is mounted where', () => {
  test('/data, /REST and their /archive twins serve the same projects', async () => {
    for (const prefix of ['/data', '/REST', '/data/archive', '/REST/archive']) {
      const { rows } = await table(server, `${prefix}/projects`)
      expect(rows.map(({ ID }) => ID)).toContain(server.project)
    }
  })

  test('every level of the archive has its twin', async () => {
    const tail = session.path.slice('/data'.length)
    for (const path of [tail, `${tail}/scans`, `${tail}/scans/1/resources/DICOM/files`]) {
      const direct = await get(`/data${path}?format=json`)
      const twin = await get(`/data/archive${path}?format=json`)
      expect(twin.status).toBe(200)
      expect(twin.text).toBe(direct.text)
    }
    expect((await get(`/data/archive${tail}/scans/1/resources/DICOM/files/a.dcm`)).text).toBe('a')
  })

  test('prearchive, search, users, JSESSION and auth have no twin', async () => {
    for (const name of ['prearchive', 'search/saved', 'users', 'JSESSION', 'auth']) {
      expect((await get(`/data/${name}`)).status, name).toBe(200)
      expect((await get(`/data/archive/${name}`)).status, name).toBe(404)
    }
  })

  test('/archive without /data is not REST', async () => {
    const answer = await get(`/archive/projects?format=json`)
    expect(answer.text).not.toContain('ResultSet')
  })
})

describe.runIf(isEmulated)('xnat-wire.md §1.1: a context path', () => {
  test('URI values never hold it; Columns have it as serverRoot', async () => {
    const inContext = await startContractServer({ contextPath: '/xnat' })
    try {
      const { rows } = await table(inContext, '/data/projects')
      expect(rows[0]!['URI']).toBe(`/data/projects/${inContext.project}`)
      await createResource(inContext, `/data/projects/${inContext.project}`, 'R', { f: 'f' })
      const files = await table(inContext, `/data/projects/${inContext.project}/resources/R/files`)
      expect(files.resultSet['Columns']).toEqual([{ key: 'URI', serverRoot: '/xnat' }])
      expect(files.rows[0]!['URI']).toMatch(/^\/data\/projects\//)
    } finally {
      await inContext.close()
    }
  })
})

describe('xnat-wire.md §1.2: templates match by prefix', () => {
  test('an unknown sub-path of a project is 400', async () => {
    expect((await get(`${project}/anything`)).status).toBe(400)
  })

  test('items of subject, experiment and scan ignore an unknown tail', async () => {
    for (const [path, type] of [
      [session.subjectPath, 'xnat:subjectData'],
      [`/data/experiments/${session.id}`, 'xnat:mrSessionData'],
      [session.path, 'xnat:mrSessionData'],
      [`${session.path}/scans/1`, 'xnat:mrScanData'],
    ] as const) {
      const answer = await get(`${path}/nonsense/here?format=json`)
      expect(answer.status, path).toBe(200)
      const { items } = JSON.parse(answer.text) as { items: { meta: Record<string, unknown> }[] }
      expect(items[0]!.meta['xsi:type']).toBe(type)
    }
  })

  test('/projects/P/experiments/E/scans is the experiment and no table of scans', async () => {
    const answer = await get(`${project}/experiments/${session.id}/scans?format=json`)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).not.toHaveProperty('ResultSet')
    expect(JSON.parse(answer.text)).toHaveProperty('items')
  })

  test('/data/projectsXYZ and /data/projects%20x are the list of projects', async () => {
    for (const path of ['/data/projectsXYZ', '/data/projects%20x']) {
      const { rows } = await table(server, path)
      expect(rows.map(({ ID }) => ID)).toContain(server.project)
    }
  })

  test('a trailing slash is accepted', async () => {
    for (const path of ['/data/projects', `${project}/subjects`, `${session.path}/scans`]) {
      expect((await table(server, `${path}/`)).rows, path).toEqual((await table(server, path)).rows)
    }
    expect((await get(`${session.path}/?format=json`)).status).toBe(200)
  })

  test('project, subject, experiment and resource labels are not decoded', async () => {
    // %31 is "1": decoded, all of these would be found.
    const encoded = `%${'S'.charCodeAt(0).toString(16)}1`
    expect((await get(`${project}/subjects/${encoded}?format=json`)).status).toBe(404)
    expect((await get(`${project}/experiments/%4DR1?format=json`)).status).toBe(404)
    expect((await get(`${project}/resources/%6Eotes`)).status).toBe(404)
    expect((await get(`/data/projects/%78natfs?format=json`)).status).toBe(404)
  })

  test('SCAN_ID is decoded in resources and files routes, and raw for the scan itself', async () => {
    expect((await table(server, `${session.path}/scans/%31/resources`)).rows).toHaveLength(1)
    expect((await table(server, `${session.path}/scans/%31/resources/DICOM/files`)).rows).toHaveLength(1)
    expect((await get(`${session.path}/scans/%31?format=json`)).status).toBe(404)
  })

  test('RECON_ID is decoded likewise', async () => {
    await put(server, `${session.path}/reconstructions/R1?type=mean`)
    await createResource(server, `${session.path}/reconstructions/R1`, 'OUT')
    expect((await table(server, `${session.path}/reconstructions/%521/resources`)).rows).toHaveLength(1)
  })

  test('a quote or an ampersand in a variable is looked up escaped, so as absent', async () => {
    expect((await get(`${project}/subjects/S1&x?format=json`)).status).toBe(404)
    expect((await get(`/data/experiments/${session.id}'?format=json`)).status).toBe(404)
  })
})

describe('xnat-wire.md §1.3: routes', () => {
  const rowsOf = async (path: string): Promise<unknown> => (await table(server, path)).rows

  test('lists are where the table says', async () => {
    for (const path of ['/data/subjects', '/data/experiments', '/data/prearchive', '/data/users'])
      expect(await rowsOf(path)).toBeInstanceOf(Array)
    for (const part of ['subjects', 'experiments', 'users', 'resources', 'files'])
      expect(await rowsOf(`${project}/${part}`)).toBeInstanceOf(Array)
    for (const part of ['experiments', 'resources', 'files', 'projects'])
      expect(await rowsOf(`${session.subjectPath}/${part}`)).toBeInstanceOf(Array)
    for (const base of [session.path, `/data/experiments/${session.id}`])
      for (const part of ['scans', 'reconstructions', 'assessors', 'resources', 'files', 'projects'])
        expect(await rowsOf(`${base}/${part}`)).toBeInstanceOf(Array)
  })

  test('resources and files below a scan, with and without project', async () => {
    for (const base of [session.path, `/data/experiments/${session.id}`]) {
      for (const part of ['resources', 'resources/DICOM/files', `resources/${resource}/files`, 'files'])
        expect((await table(server, `${base}/scans/1/${part}`)).rows, part).toHaveLength(1)
      expect((await get(`${base}/scans/1/files/a.dcm`)).text).toBe('a')
    }
  })

  test('/projects/P/experiments/E has resources routes and no short-cut to files', async () => {
    await createResource(server, session.path, 'QC', { 'q.csv': 'q' })
    const base = `${project}/experiments/${session.id}`
    expect((await table(server, `${base}/resources`)).rows).toHaveLength(1)
    expect((await get(`${base}/resources/QC/files/q.csv`)).text).toBe('q')
    const shortcut = await get(`${base}/files?format=json`)
    expect(JSON.parse(shortcut.text)).toHaveProperty('items')
  })

  test('without in or out, out is meant', async () => {
    const recon = `${session.path}/reconstructions/R2`
    await put(server, `${recon}?type=mean`)
    await createResource(server, recon, 'MEAN', { 'm.txt': 'm' })
    expect((await table(server, `${recon}/out/resources`)).rows).toHaveLength(1)
    expect((await table(server, `${recon}/in/resources`)).rows).toHaveLength(0)
  })

  test('prearchive_code and its like: GET text, PUT 200, no integer 400', async () => {
    for (const name of ['prearchive_code', 'quarantine_code']) {
      const answer = await get(`${project}/${name}`)
      expect(answer.status).toBe(200)
      expect(answer.text).toMatch(/^\d+$/)
      expect((await server.request('PUT', `${project}/${name}/4`)).status).toBe(200)
      expect((await get(`${project}/${name}`)).text).toBe('4')
      expect((await server.request('PUT', `${project}/${name}/four`)).status).toBe(400)
    }
  })

  test('accessibility: GET text, PUT', async () => {
    expect((await get(`${project}/accessibility`)).text).toMatch(/^(private|protected|public)$/)
    expect((await server.request('PUT', `${project}/accessibility/private`)).status).toBe(200)
    expect((await get(`${project}/accessibility`)).text).toBe('private')
  })
})

describe('xnat-wire.md §1.4: XAPI', () => {
  test('buildInfo has text values', async () => {
    const answer = await get('/xapi/siteConfig/buildInfo')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    const info = JSON.parse(answer.text) as Record<string, unknown>
    expect(info['version']).toMatch(/^\d+\.\d+/)
    for (const value of Object.values(info)) expect(value).toBeTypeOf('string')
    expect((await get('/xapi/siteConfig/buildInfo/version')).text).toBe(info['version'])
  })

  test('username says who one is', async () => {
    const answer = await get('/xapi/users/username')
    expect(answer.status).toBe(200)
    expect(answer.text).toBe(server.user)
  })

  test('uptime, profile, access/projects', async () => {
    expect((await get('/xapi/siteConfig/uptime')).status).toBe(200)
    expect(JSON.parse((await get('/xapi/users/profile')).text)).toMatchObject({ username: server.user })
    const projects = JSON.parse((await get('/xapi/access/projects')).text) as { id?: string; ID?: string }[]
    expect(projects.some(({ id, ID }) => (id ?? ID) === server.project)).toBe(true)
  })

  // Spring takes a path as a whole; only Restlet leaves a rest over (§1.2).
  test.each(['users/username/x', 'users/projects/x', 'siteConfig/buildInfo/version/x', 'access/projects/x'])(
    '%s is not what its beginning is',
    async (path) => {
      expect((await get(`/xapi/${path}`)).status).toBe(404)
    },
  )
})
