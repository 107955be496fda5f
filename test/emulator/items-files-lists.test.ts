import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let session: SessionFixture
let scan: string
let number: string
const files = {
  'top.txt': 'top',
  'sub/one.txt': 'one',
  'sub/deep/two.txt': 'two',
  'with%20blank.txt': 'blank',
}
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  await createScan(server, session, '1', 'T1')
  scan = `${session.path}/scans/1`
  number = await createResource(server, scan, 'DATA', files)
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)
const names = async (path: string): Promise<string[]> =>
  (await table(server, path)).rows.map(({ Name }) => Name!).toSorted()

describe('xnat-wire.md §2.4: list of files', () => {
  test('one flat list; Name is the last part, the folder shows in URI', async () => {
    expect(await names(`${scan}/resources/DATA/files`)).toEqual([
      'one.txt',
      'top.txt',
      'two.txt',
      'with blank.txt',
    ])
  })

  test('URI: IDs, number of the resource, path as it is (not encoded)', async () => {
    const uris = async (base: string) =>
      (await table(server, `${base}/resources/DATA/files`)).rows.map(({ URI }) => URI!)
    const tail = ['top.txt', 'sub/one.txt', 'sub/deep/two.txt', 'with blank.txt']
    const start = `${session.path}/scans/1/resources/${number}/files/`
    expect((await uris(scan)).toSorted()).toEqual(tail.map((name) => start + name).toSorted())
    // Asked for by labels, the answer has IDs all the same.
    const byLabel = `${project}/subjects/S1/experiments/MR1/scans/1`
    expect((await uris(byLabel)).toSorted()).toEqual(tail.map((name) => start + name).toSorted())
    const short = `/data/experiments/${session.id}/scans/1`
    expect(await uris(short)).toContain(`${short}/resources/${number}/files/sub/deep/two.txt`)
  })

  test('URIs of assessors and reconstructions hold /out', async () => {
    const recon = `${session.path}/reconstructions/R1`
    await server.request('PUT', `${recon}?type=mean`)
    await createResource(server, recon, 'OUT', { 'x.txt': 'x' })
    const [row] = (await table(server, `${recon}/resources/OUT/files`)).rows
    expect(row!['URI']).toMatch(/\/reconstructions\/R1\/out\/resources\/\d+\/files\/x\.txt$/)
  })

  test('Size, collection, cat_ID, file_format, digest (MD5 in lower case)', async () => {
    const { rows } = await table(server, `${scan}/resources/DATA/files`)
    const row = rows.find(({ Name }) => Name === 'top.txt')
    expect(row).toMatchObject({ Size: '3', collection: 'DATA', cat_ID: number, file_format: 'DICOM' })
    expect(row!['digest']).toBe(createHash('md5').update('top').digest('hex'))
  })

  test('Size is "0" in all rows with index=', async () => {
    const { rows } = await table(server, `${scan}/resources/DATA/files/sub/?index=99`)
    expect(rows.map(({ Size }) => Size)).toEqual(['0', '0'])
  })

  test('index= is the Nth; beyond the last 404; accept-not-found makes it 204', async () => {
    expect((await get(`${scan}/resources/DATA/files?index=99`)).status).toBe(404)
    expect((await get(`${scan}/resources/DATA/files/nope.txt`)).status).toBe(404)
    expect((await get(`${scan}/resources/DATA/files/nope.txt?accept-not-found=true`)).status).toBe(204)
  })

  test('locator= replaces the URI column by paths on the server', async () => {
    for (const locator of ['absolutePath', 'projectPath']) {
      const [row] = (await table(server, `${scan}/resources/DATA/files?locator=${locator}`)).rows
      expect(row).not.toHaveProperty('URI')
      expect(row![locator]).toMatch(locator === 'absolutePath' ? /^\/.*\/SCANS\/1\// : /^[^/].*SCANS\/1\//)
    }
  })

  test('file_content= and file_format= filter, repeated and NULL for none', async () => {
    const parent = `${session.path}/scans/1`
    const base = `${parent}/resources/KINDS/files`
    await createResource(server, parent, 'KINDS')
    for (const [name, query] of [
      ['a', 'content=X'],
      ['b', 'content=Y'],
      ['c', 'content=Y&format=F'],
      ['d', ''],
    ] as const)
      await server.request('PUT', `${base}/${name}?inbody=true&${query}`, { body: name })
    expect(await names(`${base}?file_content=X`)).toEqual(['a'])
    expect(await names(`${base}?file_content=X&file_content=Y`)).toEqual(['a', 'b', 'c'])
    expect(await names(`${base}?file_content=Y&file_format=F`)).toEqual(['c'])
    const second = await get(`${base}?file_content=Y&index=1`)
    expect(['b', 'c']).toContain(second.text)
  })

  test('a folder needs its slash; an empty one is 200 and no rows', async () => {
    const base = `${scan}/resources/DATA/files`
    expect(await names(`${base}/sub/`)).toEqual(['one.txt', 'two.txt'])
    expect((await get(`${base}/sub`)).status).toBe(404)
    const none = await table(server, `${base}/no-such-folder/`)
    expect([none.rows.length, none.totalRecords]).toEqual([0, '0'])
  })

  test('recursive=false keeps the deeper one of two', async () => {
    const { rows } = await table(server, `${scan}/resources/DATA/files/sub/?recursive=false`)
    expect(rows.map(({ Name }) => Name)).toEqual(['two.txt'])
  })

  test('a label that no resource has: 200 and no rows; a file in it 404', async () => {
    const { rows } = await table(server, `${scan}/resources/NOPE/files`)
    expect(rows).toEqual([])
    expect((await get(`${scan}/resources/NOPE/files/x`)).status).toBe(404)
  })

  test('an unknown scan without a project is 500', async () => {
    const path = `/data/experiments/${session.id}/scans/NOPE/files?format=json`
    expect((await get(path)).status).toBe(500)
  })

  test('several resources: files/a* is a pattern', async () => {
    const base = `${session.path}/scans/1/files`
    const answer = await get(`${base}/to*`)
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('top')
    expect((await get(`${base}/zz*`)).status).toBe(404)
  })
})

describe('xnat-wire.md §2.5: catalog and times', () => {
  const catalog = `/resources/`

  test('GET of a resource is its catalog as text/xml, one entry for each file', async () => {
    const answer = await get(`${scan}${catalog}DATA?format=json`)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^text\/xml/)
    expect(answer.text).toMatch(/<cat:Catalog [^>]*ID="DATA"/)
    expect(answer.text).toContain('xmlns:cat="http://nrg.wustl.edu/catalog"')
    expect(answer.text).toMatch(/<cat:metaField name="PROJECT">[^<]+</)
    expect(answer.text.match(/<cat:entry /g)).toHaveLength(4)
    const entry = /<cat:entry [^>]*URI="sub\/deep\/two\.txt"[^>]*>[\s\S]*?<\/cat:entry>/.exec(
      answer.text,
    )?.[0]
    for (const attribute of [
      'ID="sub/deep/two.txt"',
      'cachePath="sub/deep/two.txt"',
      'name="two.txt"',
      `digest="${createHash('md5').update('two').digest('hex')}"`,
      'format="DICOM"',
      `createdBy="${server.user}"`,
    ])
      expect(entry, attribute).toContain(attribute)
    expect(entry).toMatch(/createdTime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"/)
    expect(entry).toMatch(/createdEventId="\d+"/)
    expect(entry).toMatch(/<cat:metaField name="SIZE">3<\/cat:metaField>/)
  })

  test('the number does as well as the label; Accept: application/json is 406', async () => {
    expect((await get(`${scan}${catalog}${number}`)).status).toBe(200)
    const headers = { accept: 'application/json' }
    expect((await server.request('GET', `${scan}${catalog}DATA`, { headers })).status).toBe(406)
  })

  test('an unknown label is 404 with its message', async () => {
    const answer = await get(`${scan}${catalog}NOPE`)
    expect(answer.status).toBe(404)
    expect(answer.text).toContain('Unable to find the specified catalog.')
  })

  test('an overwritten file has modifiedTime in the catalog, and Last-Modified in whole seconds', async () => {
    const file = `${scan}/resources/DATA/files/top.txt`
    await server.request('PUT', `${file}?inbody=true&overwrite=true`, { body: 'top2' })
    const { text } = await get(`${scan}${catalog}DATA`)
    expect(text).toMatch(/URI="top\.txt"[^>]*/)
    expect(/<cat:entry [^>]*URI="top\.txt"[^>]*>/.exec(text)?.[0]).toMatch(/modifiedTime="\d{4}-/)
    const time = Date.parse(String((await get(file)).headers['last-modified']))
    expect(time % 1000).toBe(0)
  })
})
