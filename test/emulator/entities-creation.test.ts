import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let second: string
let session: SessionFixture
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  second = `${server.project}_2`
  await put(server, `/data/projects/${second}`)
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1')
  await createResource(server, `${session.path}/scans/1`, 'R', { 'a/x': 'bytes' })
})
afterAll(async () => {
  await server?.request('DELETE', `/data/projects/${second}?removeFiles=true`)
  await server?.close()
})

const send = (method: string, path: string) => server.request(method, path)
const status = async (method: string, path: string) => (await send(method, path)).status
const labels = async (path: string) => (await table(server, path)).rows.map(({ label }) => label!)

describe('xnat-wire.md §6: creation', () => {
  test('resource: an empty catalog is there at once; attributes are kept', async () => {
    await put(server, `${project}/resources/MADE?format=NIFTI&content=MASK`)
    const catalog = await send('GET', `${project}/resources/MADE`)
    expect(catalog.headers['content-type']).toMatch(/^text\/xml/)
    expect(catalog.text).toMatch(/<cat:Catalog\b/)
    expect(catalog.text).not.toContain('<cat:entry ')
    const { rows } = await table(server, `${project}/resources`)
    expect(rows.find(({ label }) => label === 'MADE')).toMatchObject({ format: 'NIFTI', content: 'MASK' })
  })

  test.each(['PUT', 'DELETE', 'GET'])('resource: %s with a path behind the label is 400', async (method) => {
    const answer = await send(method, `${project}/resources/MADE/x.txt`)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('/files')
  })

  test('resource: a quote in the label makes none', async () => {
    await send('PUT', `${project}/resources/it's`)
    expect((await labels(`${project}/resources`)).filter((label) => label.includes('it'))).toEqual([])
  })

  test.each(['a.b', 'a b', 'ä', 'a(b)'])('project: an ID such as "%s" is 417', async (id) => {
    expect(await status('PUT', `/data/projects/${encodeURIComponent(id)}`)).toBe(417)
  })

  test('project: a name or secondary ID that is in use is 409', async () => {
    await put(server, `/data/projects/${second}?name=${second}_name&secondary_ID=${second}_secondary`)
    expect(await status('PUT', `${project}_3?name=${second}_name`)).toBe(409)
    expect(await status('PUT', `${project}_3?secondary_ID=${second}_secondary`)).toBe(409)
    expect(await status('GET', `${project}_3`)).toBe(404)
  })

  test('experiment: without xsiType 417; a missing subject is made', async () => {
    const answer = await send('PUT', `${session.subjectPath}/experiments/UNTYPED`)
    expect(answer.status).toBe(417)
    expect(answer.text).toContain('Need PUT Contents')
    expect(
      await status('PUT', `${project}/subjects/ON_THE_WAY/experiments/E?xsiType=xnat:ctSessionData`),
    ).toBe(201)
    expect(await labels(`${project}/subjects`)).toContain('ON_THE_WAY')
  })

  test('POST to a list: 200 with Location and URL; a label that exists 409', async () => {
    for (const [path, query] of [
      [`${project}/subjects`, 'xnat:subjectData/label=POSTED'],
      [`${session.subjectPath}/experiments`, 'xsiType=xnat:mrSessionData&xnat:mrSessionData/label=POSTED'],
    ]) {
      const answer = await send('POST', `${path}?${query}`)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.headers.location).toBeDefined()
      expect(answer.text).toContain(path!.split('/').at(-1))
      expect(await status('POST', `${path}?${query}`)).toBe(409)
    }
  })

  test('scan: without xsiType 417, generic 400, another type than before 409', async () => {
    expect(await status('PUT', `${session.path}/scans/9`)).toBe(417)
    expect(await status('PUT', `${session.path}/scans/9?xsiType=xnat:imageScanData`)).toBe(400)
    expect(await status('PUT', `${session.path}/scans/1?xsiType=xnat:ctScanData`)).toBe(409)
    expect(await status('GET', `${session.path}/scans/9`)).toBe(404)
  })
})

describe('xnat-wire.md §6: rename by label', () => {
  test('experiment and subject: 200 and empty, files under the new name, ID as it was', async () => {
    const from = await createSession(server, 'REN', 'OLD')
    await createResource(server, from.path, 'R', { 'a/x': 'bytes' })
    await createResource(server, from.subjectPath, 'R', { y: 'more' })
    for (const path of [`${from.path}?label=NEW`, `${from.subjectPath}?label=REN2`]) {
      const answer = await send('PUT', path)
      expect([answer.status, answer.text]).toEqual([200, ''])
    }
    const renamed = `${project}/subjects/REN2/experiments/NEW`
    expect((await send('GET', `${renamed}/resources/R/files/a/x`)).text).toBe('bytes')
    expect((await send('GET', `${project}/subjects/REN2/resources/R/files/y`)).text).toBe('more')
    expect((await send('GET', `/data/experiments/${from.id}/resources/R/files/a/x`)).text).toBe('bytes')
    expect(await status('GET', `${project}/subjects/REN2/experiments/OLD`)).toBe(404)
    expect(await status('GET', `${project}/subjects/REN`)).toBe(404)
  })

  test('a label that is in use, or its own: 409', async () => {
    await createSession(server, 'SUB_A', 'EXP_A')
    await createSession(server, 'SUB_B', 'EXP_B')
    for (const label of ['EXP_A', 'EXP_B']) {
      expect(await status('PUT', `${project}/subjects/SUB_A/experiments/EXP_A?label=${label}`)).toBe(409)
    }
    for (const label of ['SUB_A', 'SUB_B']) {
      expect(await status('PUT', `${project}/subjects/SUB_A?label=${label}`)).toBe(409)
    }
    expect(await labels(`${project}/experiments`)).toEqual(expect.arrayContaining(['EXP_A', 'EXP_B']))
  })

  test('a folder with files where it would go: 409', async () => {
    const ghost = await createSession(server, 'S1', 'GHOST')
    await createResource(server, ghost.path, 'R', { x: 'x' })
    // Without removeFiles the folder stays.
    expect(await status('DELETE', ghost.path)).toBe(200)
    const mover = await createSession(server, 'S1', 'MOVER')
    await createResource(server, mover.path, 'R', { x: 'mine' })
    expect(await status('PUT', `${mover.path}?label=GHOST`)).toBe(409)
    expect((await send('GET', `${mover.path}/resources/R/files/x`)).text).toBe('mine')
    expect(await labels(`${project}/experiments`)).toContain('MOVER')
  })

  test('scans, resources and files have no rename', async () => {
    await send('PUT', `${session.path}/scans/1?xsiType=xnat:mrScanData&label=other`)
    expect((await table(server, `${session.path}/scans`)).rows.map(({ ID }) => ID)).toContain('1')
    expect(await status('PUT', `${session.path}/scans/1/resources/R?label=R2`)).toBe(409)
    expect(await labels(`${session.path}/scans/1/resources`)).toEqual(['R'])
  })
})

describe('xnat-wire.md §6: sharing and moving', () => {
  test('share: 200 with HTML; again 409; unknown project 404; label in use 409', async () => {
    const shared = await createSession(server, 'SHARED', 'SHARED_E')
    const taken = `/data/projects/${second}/subjects/T/experiments/TAKEN?xsiType=xnat:mrSessionData`
    await put(server, taken)
    for (const [path, label] of [
      [shared.subjectPath, 'THEIR_S'],
      [shared.path, 'THEIR_E'],
    ]) {
      expect(await status('PUT', `${path}/projects/nope_${second}`)).toBe(404)
      const answer = await send('PUT', `${path}/projects/${second}?label=${label}`)
      expect(answer.status).toBe(200)
      expect(answer.headers['content-type']).toMatch(/^text\/html/)
      expect(await status('PUT', `${path}/projects/${second}?label=${label}`)).toBe(409)
    }
    const other = await createSession(server, 'SHARED', 'SHARED_F')
    expect(await status('PUT', `${other.path}/projects/${second}?label=TAKEN`)).toBe(409)
    expect(await labels(`/data/projects/${second}/experiments`)).toContain('THEIR_E')
  })

  test('DELETE in the other project’s context takes the share away only', async () => {
    const shared = await createSession(server, 'UNSHARE', 'UNSHARE_E')
    await createResource(server, shared.path, 'R', { x: 'bytes' })
    await put(server, `${shared.subjectPath}/projects/${second}`)
    const theirs = `/data/projects/${second}/subjects/${shared.subjectId}/experiments/${shared.id}`
    for (const remove of [`${theirs}?removeFiles=true`, `${shared.path}/projects/${second}`]) {
      await put(server, `${shared.path}/projects/${second}`)
      expect((await send('GET', `${theirs}/resources/R/files/x`)).text).toBe('bytes')
      expect(await status('DELETE', remove)).toBe(200)
      expect(
        (await table(server, `/data/projects/${second}/experiments`)).rows.map(({ ID }) => ID),
      ).not.toContain(shared.id)
      expect((await send('GET', `${shared.path}/resources/R/files/x`)).text).toBe('bytes')
    }
  })

  test('primary=true moves: the other project owns it; a second time 409', async () => {
    const moved = await createSession(server, 'MOVED', 'MOVED_E')
    await createResource(server, moved.path, 'R', { x: 'bytes' })
    expect(await status('PUT', `${moved.path}/projects/${second}?primary=true`)).toBe(200)
    const theirs = (await table(server, `/data/projects/${second}/experiments`)).rows
    expect(theirs.find(({ ID }) => ID === moved.id)).toMatchObject({ project: second, label: 'MOVED_E' })
    expect((await send('GET', `/data/experiments/${moved.id}/resources/R/files/x`)).text).toBe('bytes')
    expect(await status('PUT', `/data/experiments/${moved.id}/projects/${second}?primary=true`)).toBe(409)
  })
})

describe.runIf(isEmulated)('xnat-wire.md §6: rights (need a second user)', () => {
  const as = (user: string) => ({ headers: { authorization: basic(user, `${user}-pass`) } })

  test('rename: a collaborator 403 or 417, somebody from outside 404, a member 200', async () => {
    const renamed = await createSession(server, 'RIGHTS', 'RIGHTS_E')
    const path = `${renamed.path}?label=RENAMED`
    expect([403, 417]).toContain((await server.request('PUT', path, as('reader'))).status)
    expect((await server.request('PUT', path, as('outsider'))).status).toBe(404)
    await put(server, `${project}/users/Members/member`)
    expect((await server.request('PUT', path, as('member'))).status).toBe(200)
  })

  test('share into a project without the right to create there: 403', async () => {
    const answer = await server.request('PUT', `${session.path}/projects/${second}`, as('reader'))
    expect(answer.status).toBe(403)
  })
})
