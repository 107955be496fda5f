import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'
import { endOfZip, zipEntries } from '../support/zip-entries.js'

let server: ContractServer
let session: SessionFixture
let scan: string
const repeating = 'abc'.repeat(1000)
beforeAll(async () => {
  server = await startContractServer()
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1 (axial)')
  scan = `${session.path}/scans/1`
  await createResource(server, scan, 'DATA', { 'a.txt': repeating, 'sub/b.txt': 'bb', 'sub/c.gz': 'ccc' })
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)

interface TarEntry {
  readonly name: string
  readonly content: string
}

async function tarEntries(tar: Buffer): Promise<TarEntry[]> {
  const reader = extract()
  reader.end(tar)
  const entries: TarEntry[] = []
  for await (const entry of reader) {
    const chunks: Uint8Array[] = []
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk)
    entries.push({ name: entry.header.name, content: Buffer.concat(chunks).toString() })
  }
  return entries
}

describe('xnat-wire.md §4: how archives come', () => {
  test.each([
    ['zip', 'application/zip', '.zip'],
    ['tar', 'application/x-tar', '.tar'],
    ['tar.gz', 'application/x-gtar', '.tar.gz'],
  ])('format=%s: %s, chunked, no length, no date, named by the session', async (format, type, suffix) => {
    const { status, headers } = await get(`${scan}/resources/DATA/files?format=${format}`)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe(type)
    expect(headers['transfer-encoding']).toBe('chunked')
    expect(headers['content-length']).toBeUndefined()
    expect(headers['last-modified']).toBeUndefined()
    expect(headers['content-disposition']).toBe(`attachment; filename="MR1${suffix}";`)
  })

  test('named by the subject, by the project', async () => {
    await createResource(server, session.subjectPath, 'FORMS', { 'x.txt': 'x' })
    const project = `/data/projects/${server.project}`
    await createResource(server, project, 'DOCS', { 'x.txt': 'x' })
    const name = async (path: string) =>
      (await get(`${path}/files?format=zip`)).headers['content-disposition']
    expect(await name(`${session.subjectPath}/resources/FORMS`)).toBe('attachment; filename="S1.zip";')
    expect(await name(`${project}/resources/DOCS`)).toBe(`attachment; filename="${server.project}.zip";`)
  })

  test('STORED unless told otherwise, with sizes in the local headers', async () => {
    const answer = await get(`${scan}/resources/DATA/files?format=zip`)
    const entries = zipEntries(answer.body)
    expect(entries.map(({ method }) => method)).toEqual([0, 0, 0])
    expect(entries.every(({ hasDataDescriptor }) => !hasDataDescriptor)).toBe(true)
    expect(entries.map(({ content }) => content.toString()).toSorted()).toEqual([repeating, 'bb', 'ccc'])
    const stored = await get(`${scan}/resources/DATA/files?format=zip&compression=0`)
    expect(zipEntries(stored.body).map(({ method }) => method)).toEqual([0, 0, 0])
  })

  test('compression=8: DEFLATED, sizes behind the data', async () => {
    const answer = await get(`${scan}/resources/DATA/files?format=zip&compression=8`)
    const entries = zipEntries(answer.body)
    expect(entries.map(({ method }) => method)).toEqual([8, 8, 8])
    expect(entries.every(({ hasDataDescriptor }) => hasDataDescriptor)).toBe(true)
    expect(answer.body.length).toBeLessThan(repeating.length)
    expect(entries.map(({ content }) => content.toString()).toSorted()).toEqual([repeating, 'bb', 'ccc'])
  })

  test('compression= that is no number: 4xx', async () => {
    const { status } = await get(`${scan}/resources/DATA/files?format=zip&compression=fast`)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
  })

  test('nothing to pack: 404', async () => {
    await createResource(server, scan, 'EMPTY')
    expect((await get(`${scan}/resources/EMPTY/files?format=zip`)).status).toBe(404)
    expect((await get(`${scan}/resources/NOPE/files?format=zip`)).status).toBe(404)
    expect((await get(`${scan}/resources/DATA/files/none/?format=zip`)).status).toBe(404)
    expect((await get(`${scan}/resources/DATA/files?format=zip&file_format=NONE`)).status).toBe(404)
  })

  test('a folder as a zip has what is below it', async () => {
    const answer = await get(`${scan}/resources/DATA/files/sub/?format=zip`)
    expect(answer.status).toBe(200)
    const entries = zipEntries(answer.body)
    expect(entries.map(({ content }) => content.toString()).toSorted()).toEqual(['bb', 'ccc'])
  })

  test('tar and tar.gz have the same names and bytes; .gz files stay as they are', async () => {
    const tar = await tarEntries((await get(`${scan}/resources/DATA/files?format=tar`)).body)
    const packed = (await get(`${scan}/resources/DATA/files?format=tar.gz`)).body
    expect(await tarEntries(gunzipSync(packed))).toEqual(tar)
    expect(tar.map(({ content }) => content).toSorted()).toEqual([repeating, 'bb', 'ccc'])
    expect(tar.some(({ name }) => name.endsWith('/sub/c.gz'))).toBe(true)
  })

  test('tar: names of more than 100 characters come whole', async () => {
    const long = `${'long/'.repeat(30)}file.txt`
    await createResource(server, scan, 'LONG', { [long]: 'x' })
    const [entry] = await tarEntries((await get(`${scan}/resources/LONG/files?format=tar`)).body)
    expect(entry!.name.endsWith(long)).toBe(true)
  })

  test('two files that get one name: a 200 whose zip has no end (inferred)', async () => {
    await createResource(server, scan, 'TWINS', { 'a/files/x': 'one', 'a/x': 'two' })
    const url = `${scan}/resources/TWINS/files?format=zip`
    expect(zipEntries((await get(url)).body)).toHaveLength(2)
    const outcome = await get(`${url}&structure=simplified`).catch((error: unknown) => error)
    if (outcome instanceof Error) return
    const answer = outcome as Awaited<ReturnType<typeof get>>
    expect(answer.status).toBe(200)
    expect(endOfZip(answer.body)).toBe(-1)
  })
})

describe('xnat-wire.md §4: format=xcat', () => {
  test('the same selection as a catalog with absolute URLs', async () => {
    const answer = await get(`${scan}/resources/DATA/files?format=xcat`)
    expect(answer.status).toBe(200)
    const uris = [...answer.text.matchAll(/URI="([^"]+)"/g)].map(([, uri]) => uri!)
    expect(uris).toHaveLength(3)
    const { rows } = await table(server, `${scan}/resources/DATA/files`)
    const paths = uris.map((uri) => new URL(uri).pathname)
    for (const { URI } of rows) expect(paths.some((path) => path.endsWith(URI!))).toBe(true)
    // Each of them can be fetched.
    for (const uri of uris) expect((await get(uri.slice(server.url.length))).status).toBe(200)
  })
})

describe('xnat-wire.md §4: a selection may be filtered', () => {
  test('file_content= picks the entries of a zip', async () => {
    await createResource(server, scan, 'MIXED', { 'x.txt': 'x' })
    await put(server, `${scan}/resources/MIXED/files/y.txt?inbody=true&content=OTHER`, 'y')
    const url = `${scan}/resources/MIXED/files?format=zip&file_content=OTHER`
    expect(zipEntries((await get(url)).body).map(({ content }) => content.toString())).toEqual(['y'])
  })
})
