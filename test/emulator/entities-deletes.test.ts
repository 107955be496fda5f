import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'

let server: ContractServer
let project: string
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
})
afterAll(() => server?.close())

const status = async (method: string, path: string) => (await server.request(method, path)).status
async function stored(files: string): Promise<string[]> {
  const { rows } = await table(server, files)
  return rows.map(({ URI }) => URI!.replace(/^.*?\/resources\/\d+\/files\//, '')).toSorted()
}
const TREE = { scan1: '1', scan10: '10', 'scan1.txt': 't', 'scan1/x': 'x', other: 'o', 'sub/scan1': 's' }
let resources = 0
async function newFiles(names: Readonly<Record<string, string>>): Promise<string> {
  const label = `DELETES${++resources}`
  await createResource(server, project, label, names)
  return `${project}/resources/${label}/files`
}

describe('xnat-wire.md §6: DELETE of a file takes all that begin like it', () => {
  const { 'scan1/x': _, ...flat } = TREE

  test('scan1 takes scan10 and scan1.txt along', async () => {
    const files = await newFiles(flat)
    expect(await status('DELETE', `${files}/scan1`)).toBe(200)
    expect(await stored(files)).toEqual(['other', 'sub/scan1'])
    for (const name of ['scan1', 'scan10', 'scan1.txt'])
      expect(await status('GET', `${files}/${name}`)).toBe(404)
  })

  test('and what is in a folder of that name', async () => {
    const files = await newFiles({ 'scan1/x': 'x', 'scan1/deep/y': 'y', scan2: '2' })
    expect(await status('DELETE', `${files}/scan1`)).toBe(200)
    expect(await stored(files)).toEqual(['scan2'])
  })

  test('a name that is longer spares the shorter', async () => {
    const files = await newFiles(flat)
    expect(await status('DELETE', `${files}/scan1.txt`)).toBe(200)
    expect(await stored(files)).toEqual(['other', 'scan1', 'scan10', 'sub/scan1'])
  })

  test('half a name is enough', async () => {
    const files = await newFiles(flat)
    expect(await status('DELETE', `${files}/sca`)).toBe(200)
    expect(await stored(files)).toEqual(['other', 'sub/scan1'])
  })

  test('a pattern with a star at its end', async () => {
    const files = await newFiles({ 'a1.dcm': '1', 'a2.dcm': '2', 'b1.dcm': '3', 'sub/a1.dcm': '4' })
    expect(await status('DELETE', `${files}/.1.d*`)).toBe(200)
    expect(await stored(files)).toEqual(['a2.dcm', 'sub/a1.dcm'])
    expect(await status('DELETE', `${files}/.1.dcm`)).toBe(404)
  })

  test.each(['', '/'])('an empty path ("/files%s") removes every file; the resource stays', async (tail) => {
    const files = await newFiles(flat)
    expect(await status('DELETE', files + tail)).toBe(200)
    expect(await stored(files)).toEqual([])
    const label = files.split('/')[5]
    const { rows } = await table(server, `${project}/resources`)
    expect(rows.find((row) => row['label'] === label)).toMatchObject({ file_count: '0', file_size: '0' })
  })

  test('the path is decoded like that of a PUT, and compared with stored names only', async () => {
    const files = await newFiles({ 'a%20b': 'blank', 'a%23b': 'escape' })
    await server.request('POST', files, multipart({ 'a#c': 'hash' }))
    expect(await stored(files)).toEqual(['a b', 'a#c', 'a%23b'])
    expect(await status('DELETE', `${files}/a%23c`)).toBe(404)
    expect(await status('DELETE', `${files}/a%23b`)).toBe(200)
    expect(await status('DELETE', `${files}/a%20b`)).toBe(200)
    expect(await stored(files)).toEqual(['a#c'])
  })
})

describe('xnat-wire.md §6: what is locked or obsolete', () => {
  test.each(['_lock', '_obsolete'])(
    'loses nothing, whoever asks, until it is active again (%s)',
    async (parameter) => {
      const session = await createSession(server, 'D7', `E7${parameter}`)
      const scan = `${session.path}/scans/1`
      await createScan(server, session, '1', 'T1')
      await createResource(server, scan, 'R', { x: 'kept' })
      await put(server, `${session.path}/reconstructions/1`)
      await put(server, `${session.path}/assessors/A${parameter}?xsiType=xnat:qcManualAssessorData`)
      await put(server, `${session.path}?${parameter}=true`)
      const gone = [
        `${scan}/resources/R/files/x`,
        `${scan}/resources/R`,
        scan,
        `${session.path}/reconstructions/1`,
        session.path,
      ]
      for (const path of gone) expect([path, await status('DELETE', path)]).toEqual([path, 403])
      expect((await server.request('GET', gone[0]!)).text).toBe('kept')
      await put(server, `${session.path}?activate=true`)
      for (const path of gone) expect([path, await status('DELETE', path)]).toEqual([path, 200])
    },
  )
})

describe('xnat-wire.md §6: DELETE of entities and their files', () => {
  const remade = async (path: string, query: string, removeFiles: boolean) => {
    const label = `${path.split('/').at(-1)}`
    await put(server, path + query)
    await put(server, `${path}/resources/R/files/x`, 'old')
    expect(await status('DELETE', path + (removeFiles ? '?removeFiles=true' : ''))).toBe(200)
    expect(await status('GET', path)).toBe(404)
    await put(server, path + query)
    expect((await table(server, `${path}/resources`)).rows, label).toEqual([])
    return (await server.request('PUT', `${path}/resources/R/files/x?inbody=true`, { body: 'new' })).text
  }

  test.each([
    ['subject', () => `${project}/subjects/D1`, ''],
    ['experiment', () => `${project}/subjects/D2/experiments/E2`, '?xsiType=xnat:mrSessionData'],
  ])('%s: only with removeFiles do the files go; else they are in the way', async (_what, path, query) => {
    expect(await remade(path(), query, true)).toBe('')
    expect(await remade(`${path()}b`, query, false)).toContain('duplicates')
  })

  test('scan: its folder goes either way', async () => {
    const session = await createSession(server, 'D3', 'E3')
    const query = '?xsiType=xnat:mrScanData&type=T1'
    expect(await remade(`${session.path}/scans/1`, query, false)).toBe('')
  })

  test('resource: its files go', async () => {
    const parent = (await createSession(server, 'D4', 'E4')).path
    await createResource(server, parent, 'R', { x: 'old' })
    expect(await status('DELETE', `${parent}/resources/R?removeFiles=true`)).toBe(200)
    const answer = await server.request('PUT', `${parent}/resources/R/files/x?inbody=true`, { body: 'new' })
    expect(answer.text).toBe('')
  })

  test('several resources in one DELETE', async () => {
    const parent = (await createSession(server, 'D6', 'E6')).path
    for (const label of ['A', 'B', 'C']) await createResource(server, parent, label, { x: label })
    expect(await status('DELETE', `${parent}/resources/A,B`)).toBe(200)
    expect((await table(server, `${parent}/resources`)).rows.map(({ label }) => label)).toEqual(['C'])
  })

  test('a session takes its scans and assessors along, a subject its sessions; neighbours stay', async () => {
    const one = await createSession(server, 'D5', 'E5')
    const two = await createSession(server, 'D5', 'E5b')
    for (const session of [one, two]) {
      await createScan(server, session, '1', 'T1')
      await createResource(server, `${session.path}/scans/1`, 'R', { x: session.label })
      await put(server, `${session.path}/assessors/A_${session.label}?xsiType=xnat:qcManualAssessorData`)
    }
    expect(await status('DELETE', `${one.path}?removeFiles=true`)).toBe(200)
    expect(await status('GET', `${two.path}/assessors/A_E5`)).toBe(404)
    expect((await server.request('GET', `${two.path}/scans/1/resources/R/files/x`)).text).toBe('E5b')
    expect(await status('GET', `${two.path}/assessors/A_E5b`)).toBe(200)
    expect(await status('DELETE', `${two.subjectPath}?removeFiles=true`)).toBe(200)
    expect(await status('GET', `/data/experiments/${two.id}`)).toBe(404)
  })

  test('an ID of a deleted project cannot be used again: 403', async () => {
    const other = `${project}_once`
    await put(server, other)
    expect(await status('DELETE', `${other}?removeFiles=true`)).toBe(200)
    const again = await server.request('PUT', other)
    expect(again.status).toBe(403)
    expect(again.text).toContain('was used in a previously deleted project and cannot be reused')
  })
})

describe.runIf(isEmulated)('xnat-wire.md §6: DELETE is for owners (needs a second user)', () => {
  test('a member may store but not delete', async () => {
    const session = await createSession(server, 'D7', 'E7')
    await createScan(server, session, '1', 'T1')
    expect(await status('PUT', `${project}/users/Members/member`)).toBe(200)
    const headers = { authorization: basic('member', 'member-pass') }
    const stored = await server.request('PUT', `${session.path}/resources/R/files/x?inbody=true`, {
      headers,
      body: 'x',
    })
    expect(stored.headers['content-type']).toMatch(/^text\/plain/)
    for (const path of ['', '/scans/1', '/resources/R/files/x', '/resources/R']) {
      expect((await server.request('DELETE', session.path + path, { headers })).status, path).toBe(403)
      expect(await status('GET', session.path + path), path).toBe(200)
    }
  })
})
