import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'
import { zipEntries } from '../support/zip-entries.js'

/** What NRG's own integration tests assert of real servers, told again (xnat-wire.md §9); each block names its class. */
let server: ContractServer
let project: string
let session: SessionFixture
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1')
})
afterAll(() => server?.close())

const send = (method: string, path: string, body?: string) =>
  server.request(
    method,
    path,
    body === undefined ? {} : { headers: { 'content-type': 'application/octet-stream' }, body },
  )
const status = async (method: string, path: string) => (await send(method, path)).status
const sizeOf = async (path: string) => (await table(server, path)).rows.length

describe('xnat-wire.md §9: TestFileUpload', () => {
  test.each([
    ['scan', () => `${session.path}/scans/1`, undefined],
    ['session', () => session.path, undefined],
    ['subject', () => session.subjectPath, undefined],
    ['project', () => project, undefined],
    ['reconstruction', () => `${session.path}/reconstructions/R1`, '?type=x'],
    ['assessor (out)', () => `${session.path}/assessors/QC1`, '?xsiType=xnat:qcManualAssessorData'],
  ])(
    'multipart PUT to a %s: 200, there by the resource and by the short-cut',
    async (_what, path, create) => {
      const parent = path()
      if (create !== undefined) {
        const made = await send('PUT', parent + create)
        expect(made.status).toBe(parent.includes('assessors') ? 201 : 200)
      }
      const out = parent.includes('assessors') ? `${parent}/out` : parent
      const { headers, body } = multipart({ 'f.txt': 'content' })
      expect((await server.request('PUT', `${out}/resources/UP/files/f.txt`, { headers, body })).status).toBe(
        200,
      )
      expect((await send('GET', `${out}/resources/UP/files/f.txt`)).text).toBe('content')
      expect((await send('GET', `${out}/files/f.txt`)).text).toBe('content')
      const { rows } = await table(server, `${out}/resources`)
      expect(rows.map(({ label }) => label)).toContain('UP')
    },
  )

  test('zip: LABEL/resources/RES/files/NAME', async () => {
    await createResource(server, session.path, 'ZIPPED', { 'f.txt': 'content' })
    const { body } = await send('GET', `${session.path}/resources/ZIPPED/files?format=zip&compression=0`)
    expect(zipEntries(body).map(({ name, method }) => [name, method])).toEqual([
      ['MR1/resources/ZIPPED/files/f.txt', 0],
    ])
  })

  test('folders: 2 in sub/, 1 with recursive=false, 2 in its zip; DELETE of a tree leaves 1', async () => {
    const files = `${session.path}/resources/TREE/files`
    await createResource(server, session.path, 'TREE', { 'sub/one.txt': '1', 'sub/folder/two.txt': '2' })
    expect(await sizeOf(`${files}/sub/`)).toBe(2)
    expect(await sizeOf(`${files}/sub/?recursive=false`)).toBe(1)
    expect(zipEntries((await send('GET', `${files}/sub/?format=zip`)).body)).toHaveLength(2)
    expect(await status('DELETE', `${files}/sub/folder`)).toBe(200)
    expect(await sizeOf(files)).toBe(1)
  })

  test('extract=true by POST to the list of files: mr_1/N.dcm can be read', async () => {
    const tar = pack()
    for (const number of [1, 2, 3]) tar.entry({ name: `mr_1/${number}.dcm` }, `slice ${number}`)
    tar.finalize()
    const chunks: Uint8Array[] = []
    for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk)
    const { headers, body } = multipart({ 'mr_1.tgz': gzipSync(Buffer.concat(chunks)) })
    const files = `${session.path}/resources/TEST/files`
    expect((await server.request('POST', `${files}?extract=true`, { headers, body })).status).toBe(200)
    expect(await sizeOf(files)).toBe(3)
    expect((await send('GET', `${files}/mr_1/2.dcm`)).text).toBe('slice 2')
  })

  test('totalRecords of resources goes from 0 to 3, whatever file_stats says', async () => {
    const { path } = await createSession(server, 'COUNT', 'COUNT_E')
    for (const query of ['', '?file_stats=true', '?file_stats=false']) {
      expect((await table(server, `${path}/resources${query}`)).totalRecords).toBe('0')
    }
    for (const label of ['A', 'B', 'C']) await createResource(server, path, label, { x: 'x' })
    for (const query of ['', '?file_stats=true', '?file_stats=false']) {
      expect((await table(server, `${path}/resources${query}`)).totalRecords).toBe('3')
    }
  })
})

describe('xnat-wire.md §9: TestFileFiltering', () => {
  test('file_content counts 5, 2 and 1; index beyond them 404, within them the right file', async () => {
    const files = `${session.path}/resources/FILTER/files`
    for (const [name, content] of Object.entries({ a: 'X', b: 'X', c: 'Y' })) {
      await put(server, `${files}/${name}?content=${content}`, name)
    }
    for (const name of ['d', 'e']) await put(server, `${files}/${name}`, name)
    expect(await sizeOf(files)).toBe(5)
    expect(await sizeOf(`${files}?file_content=X`)).toBe(2)
    expect(await sizeOf(`${files}?file_content=Y`)).toBe(1)
    expect(await status('GET', `${files}?file_content=Y&index=1`)).toBe(404)
    expect((await send('GET', `${files}?file_content=X&index=1`)).text).toBe('b')
    expect((await send('GET', `${files}?file_content=Y&index=0`)).text).toBe('c')
  })
})

describe('xnat-wire.md §9: TestScans, TestArchive', () => {
  test('scan properties: 200; those of another type are ignored; xsiType cannot change: 409', async () => {
    const scan = `${session.path}/scans/prop`
    await put(server, `${scan}?xsiType=xnat:mrScanData&type=T1`)
    expect(await status('PUT', `${scan}?xsiType=xnat:mrScanData&quality=usable&note=words`)).toBe(200)
    expect(
      await status('PUT', `${scan}?xsiType=xnat:mrScanData&xnat:petScanData/parameters/orientation=x`),
    ).toBe(200)
    const { rows } = await table(server, `${session.path}/scans`)
    expect(rows.find(({ ID }) => ID === 'prop')).toMatchObject({
      quality: 'usable',
      note: 'words',
      type: 'T1',
    })
    expect(await status('PUT', `${scan}?xsiType=xnat:petScanData`)).toBe(409)
  })

  test.each(['triggerPipelines=true', 'fixScanTypes=true', 'pullDataFromHeaders=true'])(
    '%s: 200',
    async (query) => {
      expect(await status('PUT', `${session.path}?${query}`)).toBe(200)
    },
  )
})

describe('xnat-wire.md §9: TestSubjectResources, TestSubjAssessmentResources, TestExptAssessmentResources', () => {
  test('subject: PUT 201, an XML update 200, deleted 404', async () => {
    const path = `${project}/subjects/XML`
    expect(await status('PUT', path)).toBe(201)
    const xml =
      `<?xml version="1.0" encoding="UTF-8"?><xnat:Subject project="${server.project}" label="XML"` +
      ' xmlns:xnat="http://nrg.wustl.edu/xnat"><xnat:demographics xsi:type="xnat:demographicData"' +
      ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><xnat:gender>male</xnat:gender></xnat:demographics></xnat:Subject>'
    const updated = await server.request('PUT', path, { headers: { 'content-type': 'text/xml' }, body: xml })
    expect(updated.status, updated.text).toBe(200)
    expect((await send('GET', `${path}?format=xml`)).text).toMatch(/male/)
    expect(await status('DELETE', path)).toBe(200)
    expect(await status('GET', path)).toBe(404)
    expect(await status('DELETE', path)).toBe(404)
  })

  test('an experiment below a subject that does not exist: POST 404', async () => {
    const query = 'xsiType=xnat:mrSessionData&xnat:mrSessionData/label=X'
    expect(await status('POST', `${project}/subjects/NOPE/experiments?${query}`)).toBe(404)
  })

  test('assessors 0 and 1; projects of an item 1 and 2; share 200, unshare 200', async () => {
    const other = `${server.project}_nrg`
    await put(server, `/data/projects/${other}`)
    try {
      const { path } = await createSession(server, 'SIZES', 'SIZES_E')
      expect(await sizeOf(`${path}/assessors`)).toBe(0)
      await put(server, `${path}/assessors/SIZES_A?xsiType=xnat:qcManualAssessorData`)
      expect(await sizeOf(`${path}/assessors`)).toBe(1)
      for (const item of [path, `${path}/assessors/SIZES_A`]) {
        expect(await sizeOf(`${item}/projects`)).toBe(1)
        const shared = await send('PUT', `${item}/projects/${other}`)
        expect(shared.status).toBe(200)
        // Clients refuse these beginnings as pages that are no answer.
        expect(shared.text).not.toMatch(/^<(?:!DOCTYPE|html)/)
        expect(await sizeOf(`${item}/projects`)).toBe(2)
        expect(await status('DELETE', `${item}/projects/${other}`)).toBe(200)
        expect(await sizeOf(`${item}/projects`)).toBe(1)
      }
    } finally {
      await send('DELETE', `/data/projects/${other}?removeFiles=true`)
    }
  })
})

describe('xnat-wire.md §9: TestContextlessExperiments, TestDeletionAccuracy', () => {
  test('DELETE /data/experiments/{ID}: 200, the lists shrink', async () => {
    const { id, subjectPath } = await createSession(server, 'LESS', 'LESS_E')
    expect(await sizeOf(`${subjectPath}/experiments`)).toBe(1)
    expect(await status('DELETE', `/data/experiments/${id}?removeFiles=true`)).toBe(200)
    expect(await sizeOf(`${subjectPath}/experiments`)).toBe(0)
  })

  test('neighbours and empty sessions go without a file of this one', async () => {
    const kept = await createSession(server, 'ACC', 'ACC_1')
    const files = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`${index}.dcm`, 'x']))
    await createScan(server, kept, '1', 'T1')
    await createResource(server, `${kept.path}/scans/1`, 'DICOM', files)
    // Labels of which one begins like the other.
    for (const label of ['ACC_10', 'ACC_', 'ACC_1_empty']) {
      const { path } = await createSession(server, 'ACC', label)
      if (label === 'ACC_10') await createResource(server, path, 'R', { x: 'x' })
      expect(await status('DELETE', `${path}?removeFiles=true`)).toBe(200)
    }
    const { rows } = await table(server, `${kept.path}/scans/1/resources`)
    expect(rows[0]).toMatchObject({ file_count: '17' })
    for (const name of Object.keys(files)) {
      expect(await status('HEAD', `${kept.path}/scans/1/resources/DICOM/files/${name}`)).toBe(200)
    }
  })
})

describe('xnat-wire.md §9: TestProjectURIs, TestProjectResources', () => {
  test.each(['4', '0', '11'])('prearchive_code/%s: 200', async (code) => {
    expect(await status('PUT', `${project}/prearchive_code/${code}`)).toBe(200)
    expect((await send('GET', `${project}/prearchive_code`)).text).toBe(code)
  })

  test('an alias reaches the project; its resources survive another project', async () => {
    const other = `${server.project}_other`
    await put(server, `/data/projects/${other}?alias=${other}_alias`)
    await createResource(server, `/data/projects/${other}`, 'R', { x: 'theirs' })
    await createResource(server, project, 'SURVIVES', { x: 'ours' })
    expect(await status('GET', `/data/projects/${other}_alias`)).toBe(200)
    expect(await status('DELETE', `/data/projects/${other}?removeFiles=true`)).toBe(200)
    expect(await status('GET', `/data/projects/${other}`)).toBe(404)
    expect((await send('GET', `${project}/resources/SURVIVES/files/x`)).text).toBe('ours')
  })
})

describe.runIf(isEmulated)('xnat-wire.md §9: TestSharing, TestInvalidUserAccess (need other users)', () => {
  const as = (user: string, password = `${user}-pass`) => ({ authorization: basic(user, password) })
  const statusAs = async (user: string, method: string, path: string) =>
    (await server.request(method, path, { headers: as(user) })).status

  test('unreadable: 404 for GET and DELETE; readable through a share; 404 again without it', async () => {
    const theirs = `/data/projects/${server.project}_shared`
    await put(server, theirs)
    try {
      const { id, path } = await createSession(server, 'SH', 'SH_E')
      expect(await statusAs('outsider', 'GET', `/data/experiments/${id}`)).toBe(404)
      expect(await statusAs('outsider', 'DELETE', `/data/experiments/${id}`)).toBe(404)
      await put(server, `${theirs}/users/Owners/outsider`)
      await put(server, `${path}/projects/${server.project}_shared`)
      expect(await statusAs('outsider', 'GET', `/data/experiments/${id}`)).toBe(200)
      expect([403, 404]).toContain(await statusAs('outsider', 'DELETE', `${path}?removeFiles=true`))
      // In the context of the project that is theirs, DELETE takes the share away.
      expect(await statusAs('outsider', 'DELETE', `${theirs}/experiments/${id}`)).toBe(200)
      expect(await statusAs('outsider', 'GET', `/data/experiments/${id}`)).toBe(404)
      expect(await status('GET', path)).toBe(200)
      expect(await status('PUT', `${path}/projects/${server.project}_shared`)).toBe(200)
      await send('DELETE', `${theirs}/users/Owners/outsider`)
      expect(await statusAs('outsider', 'GET', `/data/experiments/${id}`)).toBe(404)
    } finally {
      await send('DELETE', `${theirs}?removeFiles=true`)
    }
  })

  test('a member’s DELETE of subject, session, scan or reconstruction: 403', async () => {
    const { path, subjectPath } = await createSession(server, 'MEM', 'MEM_E')
    await put(server, `${path}/scans/1?xsiType=xnat:mrScanData`)
    await put(server, `${path}/reconstructions/R?type=x`)
    await put(server, `${project}/users/Members/member`)
    for (const item of [`${path}/scans/1`, `${path}/reconstructions/R`, path, subjectPath]) {
      expect(await statusAs('member', 'DELETE', item), item).toBe(403)
    }
  })

  test('a wrong password: 401 whatever is asked', async () => {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
      const answer = await server.request(method, `${project}/subjects`, { headers: as('admin', 'wrong') })
      expect(answer.status).toBe(401)
    }
  })

  test('a protected project: who is no member may see how accessible it is, and change nothing', async () => {
    const closed = `/data/projects/${server.project}_protected`
    await put(server, closed)
    try {
      await put(server, `${closed}/accessibility/protected`)
      expect(await statusAs('outsider', 'GET', `${closed}/accessibility`)).toBe(200)
      expect(await statusAs('outsider', 'PUT', `${closed}/subjects/X`)).toBe(403)
      expect(await statusAs('outsider', 'PUT', `${closed}/accessibility/public`)).toBe(403)
      expect(await statusAs('outsider', 'POST', `${closed}/subjects?xnat:subjectData/label=X`)).toBe(403)
      expect(await statusAs('outsider', 'DELETE', closed)).toBe(403)
    } finally {
      await send('DELETE', `${closed}?removeFiles=true`)
    }
  })
})
