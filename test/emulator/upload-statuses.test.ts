import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

/** The matrix of §5.1, row by row: ok, exists, parent missing; rights in a part of their own. */
const BYTES = { 'content-type': 'application/octet-stream' }
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
  server.request(method, path, body === undefined ? {} : { headers: BYTES, body })
const status = async (method: string, path: string, body?: string) => (await send(method, path, body)).status

describe('xnat-wire.md §5.1: PUT and POST of a file', () => {
  test.each(['PUT', 'POST'])(
    '%s: 200 text/plain; exists 200 with duplicates; parent missing 404',
    async (method) => {
      const path = `${project}/resources/${method}/files/x`
      const created = await send(method, path, 'x')
      expect([created.status, created.text]).toEqual([200, ''])
      expect(created.headers['content-type']).toMatch(/^text\/plain/)
      const again = await send(method, path, 'x')
      expect([again.status, again.text]).toEqual([200, '{"duplicates":["x"]}'])
      expect(await status(method, `/data/experiments/NOPE_${session.id}/resources/R/files/x`, 'x')).toBe(404)
    },
  )
})

describe('xnat-wire.md §5.1: DELETE of a file', () => {
  test('200 and empty; again 404, or 204 with accept-not-found', async () => {
    const path = `${project}/resources/DEL/files/x`
    await put(server, path, 'x')
    await put(server, `${project}/resources/DEL/files/other`, 'x')
    const answer = await send('DELETE', path)
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(await status('DELETE', path)).toBe(404)
    expect(await status('DELETE', `${path}?accept-not-found=true`)).toBe(204)
  })

  test('without the resource: 400 and a sentence', async () => {
    const answer = await send('DELETE', `${project}/resources/NOPE/files/x`)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('Unable to determine resource, parent, or security.')
  })
})

describe('xnat-wire.md §5.1: resources', () => {
  test('PUT: 200 and empty; exists 409; parent missing 404', async () => {
    const path = `${session.path}/scans/1/resources/NEW`
    const answer = await send('PUT', path)
    expect([answer.status, answer.text]).toEqual([200, ''])
    const again = await send('PUT', path)
    expect(again.status).toBe(409)
    expect(again.text).toContain('Specified resource already exists.')
    expect(await status('PUT', `${session.path}/scans/NOPE/resources/NEW`)).toBe(404)
  })

  test('POST to the list: 200 with Location and the URL as its body; exists 409 or 422', async () => {
    const path = `${session.path}/resources?xsiType=xnat:resourceCatalog&xnat:abstractResource/label=POSTED`
    const answer = await send('POST', path)
    expect(answer.status).toBe(200)
    expect(answer.headers.location).toMatch(/\/resources\/\d+$/)
    expect(answer.text).toBe(answer.headers.location)
    expect([409, 422]).toContain(await status('POST', path))
    expect([404, 400]).toContain(
      await status('POST', `${project}/subjects/NOPE/resources?xsiType=xnat:resourceCatalog`),
    )
  })

  test('DELETE: 200; of a missing one 200 as well, and nothing is done', async () => {
    await createResource(server, project, 'KEEP', { x: 'x' })
    await createResource(server, project, 'DROP', { x: 'x' })
    const labels = async () => (await table(server, `${project}/resources`)).rows.map(({ label }) => label)
    expect(await status('DELETE', `${project}/resources/DROP?removeFiles=true`)).toBe(200)
    const left = await labels()
    expect(left).not.toContain('DROP')
    expect(await status('DELETE', `${project}/resources/DROP`)).toBe(200)
    expect(await labels()).toEqual(left)
    expect(left).toContain('KEEP')
  })
})

describe('xnat-wire.md §5.1: subjects, experiments, assessors', () => {
  test.each([
    ['subject', () => `${project}/subjects/NEW`, ''],
    ['experiment', () => `${session.subjectPath}/experiments/NEW`, '?xsiType=xnat:mrSessionData'],
    ['assessor', () => `${session.path}/assessors/NEW_A`, '?xsiType=xnat:qcManualAssessorData'],
  ])('PUT of a %s: 201 with its ID as text; exists 200 with the ID', async (_what, path, query) => {
    const created = await send('PUT', path() + query)
    expect(created.status).toBe(201)
    expect(created.headers['content-type']).toMatch(/^text\/plain/)
    expect(created.text.trim()).not.toBe('')
    const again = await send('PUT', path() + query)
    expect([again.status, again.text]).toEqual([200, created.text])
  })

  test.each([
    ['subject', (nope: string) => `${nope}/subjects/X`],
    ['experiment', (nope: string) => `${nope}/subjects/S/experiments/X?xsiType=xnat:mrSessionData`],
    [
      'assessor',
      () => `${session.subjectPath}/experiments/NOPE/assessors/X?xsiType=xnat:qcManualAssessorData`,
    ],
  ])('PUT of a %s below what does not exist: 404', async (_what, path) => {
    expect(await status('PUT', path(`/data/projects/nope_${server.project}`))).toBe(404)
  })
})

describe('xnat-wire.md §5.1: scans, reconstructions, projects', () => {
  test.each([
    ['scan', () => `${session.path}/scans/77?xsiType=xnat:mrScanData`],
    ['reconstruction', () => `${session.path}/reconstructions/R7?type=x`],
    ['project', () => project],
  ])('PUT of a %s: 200 and empty, made or changed', async (_what, path) => {
    for (const answer of [await send('PUT', path()), await send('PUT', path())]) {
      expect([answer.status, answer.text]).toEqual([200, ''])
    }
  })

  test.each([
    ['scan', () => `${session.subjectPath}/experiments/NOPE/scans/1?xsiType=xnat:mrScanData`],
    ['reconstruction', () => `${session.subjectPath}/experiments/NOPE/reconstructions/R?type=x`],
  ])('PUT of a %s without its session: 404 or 417', async (_what, path) => {
    expect([404, 417]).toContain(await status('PUT', path()))
  })
})

describe('xnat-wire.md §5.1: DELETE of entities', () => {
  test.each([
    ['subject', () => `${project}/subjects/DS`, ''],
    ['experiment', () => `${session.subjectPath}/experiments/DE`, '?xsiType=xnat:mrSessionData'],
    ['assessor', () => `${session.path}/assessors/DA`, '?xsiType=xnat:qcManualAssessorData'],
    ['scan', () => `${session.path}/scans/D1`, '?xsiType=xnat:mrScanData'],
    ['reconstruction', () => `${session.path}/reconstructions/DR`, '?type=x'],
  ])('%s: 200, then 404', async (_what, path, query) => {
    await put(server, path() + query)
    expect(await status('DELETE', `${path()}?removeFiles=true`)).toBe(200)
    expect(await status('GET', path())).toBe(404)
    expect(await status('DELETE', `${path()}?removeFiles=true`)).toBe(404)
  })

  test('project: 200; missing 400', async () => {
    const other = `${project}_gone`
    await put(server, other)
    expect(await status('DELETE', `${other}?removeFiles=true`)).toBe(200)
    expect(await status('DELETE', `${other}?removeFiles=true`)).toBe(400)
    expect(await status('GET', other)).toBe(404)
  })
})

// What somebody without the right sees needs a second user.
describe.runIf(isEmulated)('xnat-wire.md §5.1: without permission', () => {
  const as = (user: 'reader' | 'outsider') => ({ authorization: basic(user, `${user}-pass`) })
  const statusAs = async (user: 'reader' | 'outsider', method: string, path: string, body?: string) =>
    (
      await server.request(method, path, {
        headers: { ...as(user), ...(body !== undefined && BYTES) },
        ...(body !== undefined && { body }),
      })
    ).status

  test.each([
    ['DELETE', 'file', () => `${project}/resources/RIGHTS/files/x`],
    ['PUT', 'resource', () => `${project}/resources/OTHER`],
    ['DELETE', 'resource', () => `${project}/resources/RIGHTS`],
    ['PUT', 'subject', () => `${project}/subjects/NEWS`],
    ['PUT', 'experiment', () => `${session.subjectPath}/experiments/NEWE?xsiType=xnat:mrSessionData`],
    ['PUT', 'assessor', () => `${session.path}/assessors/NEWA?xsiType=xnat:qcManualAssessorData`],
    ['PUT', 'scan', () => `${session.path}/scans/88?xsiType=xnat:mrScanData`],
    ['PUT', 'reconstruction', () => `${session.path}/reconstructions/R8?type=x`],
    ['PUT', 'project', () => project],
    ['DELETE', 'subject', () => session.subjectPath],
    ['DELETE', 'experiment', () => session.path],
    ['DELETE', 'scan', () => `${session.path}/scans/1`],
    ['DELETE', 'project', () => project],
  ])('%s of a %s that can be read but not written: 403', async (method, _what, path) => {
    await put(server, `${project}/resources/RIGHTS/files/x?overwrite=true`, 'x')
    expect(await statusAs('reader', method, path())).toBe(403)
    expect(await status('GET', `${session.path}/scans/1`)).toBe(200)
    expect(await status('GET', `${project}/resources/RIGHTS/files/x`)).toBe(200)
  })

  test('POST to the list of resources: 4xx or 5xx, and none is made', async () => {
    const before = (await table(server, `${session.path}/resources`)).rows.length
    expect(
      await statusAs('reader', 'POST', `${session.path}/resources?xsiType=xnat:resourceCatalog`),
    ).toBeGreaterThanOrEqual(400)
    expect((await table(server, `${session.path}/resources`)).rows).toHaveLength(before)
  })

  test.each([
    ['subject', () => session.subjectPath],
    ['experiment', () => session.path],
    ['scan', () => `${session.path}/scans/1`],
  ])('GET and DELETE of a %s that cannot be read: 404', async (_what, path) => {
    expect(await statusAs('outsider', 'GET', path())).toBe(404)
    expect(await statusAs('outsider', 'DELETE', path())).toBe(404)
  })

  test('a file in a project that cannot be read: 404', async () => {
    expect(await statusAs('outsider', 'PUT', `${project}/resources/RIGHTS/files/y`, 'y')).toBe(404)
    expect(await statusAs('outsider', 'GET', `${project}/resources/RIGHTS/files/x`)).toBe(404)
    expect(await statusAs('outsider', 'DELETE', `${project}/resources/RIGHTS/files/x`)).toBe(404)
  })
})
