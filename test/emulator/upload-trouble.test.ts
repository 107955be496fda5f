import { readFile, rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createResource, put, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'
import { RawConnection } from '../support/raw-http.js'

const BYTES = { 'content-type': 'application/octet-stream' }
let server: ContractServer
let state: string
let project: string
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'xnatfs-contract-'))
  server = await startContractServer({ stateDirectory: state })
  project = `/data/projects/${server.project}`
})
afterAll(async () => {
  await server?.close()
  await rm(state, { recursive: true, force: true })
})

const get = (path: string) => server.request('GET', path)
const send = (method: string, path: string, body: string) =>
  server.request(method, path, { headers: BYTES, body })
const row = async (files: string, name: string) =>
  (await table(server, files)).rows.find(({ Name }) => Name === name)

/** The log's record of a request; the control path shows how far the server is. */
function recordOf(path: string) {
  return server.emulator!.control.requests().findLast((record) => record.path === path)
}

/** An upload of which the server has read `sent`, and of which more is promised. */
async function begunUpload(
  path: string,
  headers: Readonly<Record<string, string>>,
  promised: number,
  sent: string | Buffer,
): Promise<RawConnection> {
  const connection = await RawConnection.open(server.url)
  const all = { Authorization: basic(server.user, server.password), ...headers }
  connection.send(`PUT ${path}`, { ...all, 'Content-Length': String(promised) }, sent)
  await vi.waitFor(() => expect(recordOf(path)?.requestBytes).toBe(sent.length), {
    interval: 5,
    timeout: 10_000,
  })
  return connection
}

async function broken(connection: RawConnection, path: string): Promise<void> {
  connection.destroy()
  await vi.waitFor(() => expect(recordOf(path)?.durationMs).toBeDefined(), { interval: 5, timeout: 10_000 })
}

// How far the server has read, and what is on its disk, only the embedded XNAT can tell.
describe.runIf(isEmulated)('xnat-wire.md §5: an upload that breaks', () => {
  const disk = (label: string, name: string) =>
    join(state, 'archive', server.project, 'resources', label, name)

  test('in the body, a new file: what came stays on disk, uncataloged, and is in the way of the next', async () => {
    await createResource(server, project, 'BROKEN')
    const path = `${project}/resources/BROKEN/files/new`
    await broken(await begunUpload(path, BYTES, 1000, 'half'), path)
    expect(await readFile(disk('BROKEN', 'new'), 'utf8')).toBe('half')
    expect((await get(path)).status).toBe(404)
    expect(await row(`${project}/resources/BROKEN/files`, 'new')).toBeUndefined()
    expect(JSON.parse((await send('PUT', path, 'whole')).text)).toEqual({ duplicates: ['new'] })
    expect((await get(path)).status).toBe(404)
    expect((await send('PUT', `${path}?overwrite=true`, 'whole')).text).toBe('')
    expect((await get(path)).text).toBe('whole')
  })

  test('whose sender only stops sending is told 500', async () => {
    await createResource(server, project, 'STOPPED')
    const path = `${project}/resources/STOPPED/files/new`
    const connection = await begunUpload(path, BYTES, 1000, 'half')
    connection.endSending()
    expect((await connection.head()).status).toBe(500)
    expect(await readFile(disk('STOPPED', 'new'), 'utf8')).toBe('half')
  })

  test('in the body, over an old file: that is lost, while the list keeps its size and digest', async () => {
    await createResource(server, project, 'BROKEN2', { old: 'the old content' })
    const files = `${project}/resources/BROKEN2/files`
    const before = await row(files, 'old')
    const path = `${files}/old?overwrite=true`
    await broken(await begunUpload(path, BYTES, 1000, 'half'), path)
    expect((await get(`${files}/old`)).text).toBe('half')
    expect(await row(files, 'old')).toEqual(before)
    expect(before).toMatchObject({ Size: '15' })
  })

  test('multipart: neither a new nor an old file is touched', async () => {
    await createResource(server, project, 'BROKEN3', { old: 'the old content' })
    const files = `${project}/resources/BROKEN3/files`
    const { headers, body } = multipart({ x: 'x'.repeat(5000) })
    const before = await row(files, 'old')
    for (const name of ['old', 'new']) {
      const path = `${files}/${name}?overwrite=true`
      await broken(await begunUpload(path, headers, body.length, body.subarray(0, 2000)), path)
    }
    expect((await get(`${files}/old`)).text).toBe('the old content')
    expect(await row(files, 'old')).toEqual(before)
    expect((await get(`${files}/new`)).status).toBe(404)
    // Nothing is in the way either.
    expect((await send('PUT', `${files}/new`, 'whole')).text).toBe('')
    expect((await get(`${files}/new`)).text).toBe('whole')
  })

  test('a new resource exists from then on, empty (from code)', async () => {
    const path = `${project}/resources/BROKEN4/files/new`
    await broken(await begunUpload(path, BYTES, 1000, 'half'), path)
    await vi.waitFor(async () => {
      const { rows } = await table(server, `${project}/resources`)
      expect(rows.map(({ label }) => label)).toContain('BROKEN4')
    })
    expect((await table(server, `${project}/resources/BROKEN4/files`)).rows).toEqual([])
  })
})

describe.runIf(isEmulated)('xnat-wire.md §5: two uploads to one resource at a time', () => {
  test('the one that ends last: 500, its file on disk but not cataloged; a retry needs overwrite', async () => {
    await createResource(server, project, 'RACE')
    const files = `${project}/resources/RACE/files`
    const slow = await begunUpload(`${files}/slow`, BYTES, 8, 'slow')
    expect((await send('PUT', `${files}/quick`, 'quick')).status).toBe(200)
    slow.write('slow')
    expect((await slow.head()).status).toBe(500)
    slow.destroy()
    expect(await readFile(join(state, 'archive', server.project, 'resources/RACE/slow'), 'utf8')).toBe(
      'slowslow',
    )
    expect((await table(server, files)).rows.map(({ Name }) => Name)).toEqual(['quick'])
    expect(JSON.parse((await send('PUT', `${files}/slow`, 'again')).text)).toEqual({ duplicates: ['slow'] })
    await send('PUT', `${files}/slow?overwrite=true`, 'again')
    expect((await get(`${files}/slow`)).text).toBe('again')
  })

  test('the message names the catalog', async () => {
    await createResource(server, project, 'RACE2')
    const files = `${project}/resources/RACE2/files`
    const slow = await begunUpload(`${files}/slow`, { ...BYTES, Connection: 'close' }, 8, 'slow')
    await put(server, `${files}/quick`, 'quick')
    slow.write('slow')
    await slow.head()
    const text = (await slow.rest()).toString('latin1')
    expect(text).toMatch(/Another thread or process modified .*RACE2_catalog\.xml since I last read it/)
  })

  test('different resources do not meet', async () => {
    await createResource(server, project, 'LEFT')
    await createResource(server, project, 'RIGHT')
    const path = `${project}/resources/LEFT/files/slow`
    const slow = await begunUpload(path, BYTES, 8, 'slow')
    expect((await send('PUT', `${project}/resources/RIGHT/files/quick`, 'quick')).status).toBe(200)
    slow.write('slow')
    expect((await slow.head()).status).toBe(200)
    slow.destroy()
    expect((await get(path)).text).toBe('slowslow')
  })

  test('two first uploads at once make two resources of one label (inferred)', async () => {
    const path = `${project}/resources/TWINS/files/slow`
    const slow = await begunUpload(path, BYTES, 8, 'slow')
    await send('PUT', `${project}/resources/TWINS/files/quick`, 'quick')
    slow.write('slow')
    await slow.head()
    slow.destroy()
    const { rows } = await table(server, `${project}/resources`)
    expect(rows.filter(({ label }) => label === 'TWINS')).toHaveLength(2)
  })

  test('read after write: list, catalog and GET know a file at once', async () => {
    await createResource(server, project, 'FRESH')
    const files = `${project}/resources/FRESH/files`
    for (const name of ['a', 'b', 'c']) {
      await put(server, `${files}/${name}`, name)
      expect((await get(`${files}/${name}`)).text).toBe(name)
      expect(await row(files, name)).toBeDefined()
      expect((await get(`${project}/resources/FRESH`)).text).toContain(`URI="${name}"`)
    }
  })
})
