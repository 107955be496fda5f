import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { createResource, createScan, createSession, put, table } from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'

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

const get = (path: string) => server.request('GET', path)
const send = (method: string, path: string, body?: string | Buffer, headers = BYTES) =>
  server.request(method, path, { headers, ...(body !== undefined && { body }) })
const resourceRow = async (parent: string, label: string) =>
  (await table(server, `${parent}/resources`)).rows.find((row) => row['label'] === label)
async function storedNames(files: string): Promise<string[]> {
  const { rows } = await table(server, files)
  return rows.map(({ URI }) => URI!.replace(/^.*?\/resources\/\d+\/files\//, '')).toSorted()
}

describe('xnat-wire.md §5: where a file goes', () => {
  test('an unknown resource label is made on the way', async () => {
    for (const parent of [project, session.subjectPath, session.path, `${session.path}/scans/1`]) {
      expect((await send('PUT', `${parent}/resources/AUTO/files/x`, 'x')).status).toBe(200)
      expect(await resourceRow(parent, 'AUTO')).toMatchObject({ label: 'AUTO', file_count: '1' })
    }
  })

  test.each([
    ['project', () => `/data/projects/nope_${server.project}/resources/R/files/x`],
    ['subject', () => `${project}/subjects/NOPE/resources/R/files/x`],
    ['experiment', () => `${session.subjectPath}/experiments/NOPE/resources/R/files/x`],
    ['scan', () => `${session.path}/scans/NOPE/resources/R/files/x`],
    ['assessor', () => `${session.path}/assessors/NOPE/resources/R/files/x`],
  ])('an unknown %s is 404', async (_what, path) => {
    expect((await send('PUT', path(), 'x')).status).toBe(404)
  })

  test('a name of digits is a number of a resource: unknown 404, known stored there', async () => {
    expect((await send('PUT', `${project}/resources/99999999/files/x`, 'x')).status).toBe(404)
    expect(await resourceRow(project, '99999999')).toBeUndefined()
    const number = await createResource(server, project, 'NUMBERED')
    expect((await send('PUT', `${project}/resources/${number}/files/x`, 'x')).status).toBe(200)
    expect((await get(`${project}/resources/NUMBERED/files/x`)).text).toBe('x')
  })

  test('without /resources/…: the first resource, or a new one without a label', async () => {
    const subject = (await createSession(server, 'S2', 'MR2')).subjectPath
    expect((await send('PUT', `${subject}/files/x`, 'x')).status).toBe(200)
    const { rows } = await table(server, `${subject}/resources`)
    expect(rows.map(({ label }) => label)).toEqual([''])
    expect((await get(`${subject}/files/x`)).text).toBe('x')
    expect((await send('PUT', `${subject}/files/y`, 'y')).status).toBe(200)
    expect((await table(server, `${subject}/resources`)).rows).toHaveLength(1)
  })
})

describe('xnat-wire.md §5: parameters', () => {
  test('format, content, description and tags of the entry; format and content of the resource too', async () => {
    await createResource(server, project, 'PARAMS')
    const files = `${project}/resources/PARAMS/files`
    await put(server, `${files}/x?format=NIFTI&content=MASK&tags=a,b&description=words`, 'x')
    const catalog = (await server.request('GET', files.replace(/\/files$/, ''))).text
    expect(catalog.match(/<cat:tag>[^<]*/g)).toEqual(['<cat:tag>a', '<cat:tag>b'])
    const { rows } = await table(server, files)
    expect(rows[0]).toMatchObject({ file_format: 'NIFTI', file_content: 'MASK' })
    expect(rows[0]!['file_tags']!.split(',').toSorted()).toEqual(expect.arrayContaining(['a', 'b']))
    expect(await resourceRow(project, 'PARAMS')).toMatchObject({ format: 'NIFTI', content: 'MASK' })
    expect((await get(`${project}/resources/PARAMS`)).text).toContain('words')
  })

  test('update-stats: counts in the list of resources are immediate, or left until a refresh', async () => {
    await put(server, `${project}/resources/STATS/files/x`, 'xx')
    expect(await resourceRow(project, 'STATS')).toMatchObject({ file_count: '1', file_size: '2' })
    await put(server, `${project}/resources/STATS/files/y?update-stats=false`, 'yyy')
    // The entry is there all the same.
    expect(await storedNames(`${project}/resources/STATS/files`)).toEqual(['x', 'y'])
    expect(await resourceRow(project, 'STATS')).toMatchObject({ file_count: '1', file_size: '2' })
    const refresh = `resource=/archive/projects/${server.project}/resources/STATS&options=populateStats`
    expect((await send('POST', `/data/services/refresh/catalog?${refresh}`)).status).toBe(200)
    expect(await resourceRow(project, 'STATS')).toMatchObject({ file_count: '2', file_size: '5' })
  })
})

async function zipped(members: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [name, content] of Object.entries(members)) zip.addBuffer(Buffer.from(content), name)
  zip.end()
  return gathered(zip.outputStream as AsyncIterable<Buffer>)
}

async function tarred(members: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(members)) tar.entry({ name }, content)
  tar.finalize()
  return gathered(tar as unknown as AsyncIterable<Buffer>)
}

async function gathered(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('xnat-wire.md §5: extract=true', () => {
  const members = {
    'mr_1/1.dcm': 'one',
    'mr_1/2.dcm': 'two',
    'top.txt': 'top',
    'old_catalog.xml': '<x/>',
    '.~lock-x': 'lock',
  }
  const expected = ['mr_1/1.dcm', 'mr_1/2.dcm', 'top.txt']

  test.each([
    ['a.zip', () => zipped(members)],
    ['a.tar', () => tarred(members)],
    ['a.tar.gz', async () => gzipSync(await tarred(members))],
    ['a.tgz', async () => gzipSync(await tarred(members))],
  ])(
    '%s: by its name, below the root of the resource; catalogs and locks are not cataloged',
    async (name, make) => {
      const content = await make()
      const label = name.replaceAll('.', '_')
      const inBody = `${project}/resources/IN_${label}/files`
      expect((await send('PUT', `${inBody}/${name}?extract=true`, content)).status).toBe(200)
      expect(await storedNames(inBody)).toEqual(expected)
      expect((await get(`${inBody}/mr_1/2.dcm`)).text).toBe('two')
      const byPart = `${project}/resources/PART_${label}/files`
      const { headers, body } = multipart({ [name]: content })
      expect((await server.request('POST', `${byPart}?extract=true`, { headers, body })).status).toBe(200)
      expect(await storedNames(byPart)).toEqual(expected)
    },
  )

  test('another name: stored as it is', async () => {
    const files = `${project}/resources/NOT_EXTRACTED/files`
    await send('PUT', `${files}/a.data?extract=true`, await zipped(members))
    expect(await storedNames(files)).toEqual(['a.data'])
  })

  test('extract=false: stored as it is', async () => {
    const files = `${project}/resources/KEPT/files`
    await send('PUT', `${files}/a.zip?extract=false`, await zipped(members))
    expect(await storedNames(files)).toEqual(['a.zip'])
  })

  test('files that are there are duplicates unless overwrite', async () => {
    const files = `${project}/resources/AGAIN/files`
    await put(server, `${files}/top.txt`, 'old')
    const first = await send('PUT', `${files}/a.zip?extract=true`, await zipped({ 'top.txt': 'new', x: 'x' }))
    expect(JSON.parse(first.text)).toEqual({ duplicates: ['top.txt'] })
    expect((await get(`${files}/top.txt`)).text).toBe('old')
    expect((await get(`${files}/x`)).text).toBe('x')
    await send('PUT', `${files}/a.zip?extract=true&overwrite=true`, await zipped({ 'top.txt': 'new' }))
    expect((await get(`${files}/top.txt`)).text).toBe('new')
  })
})

describe('xnat-wire.md §5: conflicts', () => {
  test('a file where a folder is: 500 with overwrite', async () => {
    const files = `${project}/resources/CONFLICTS/files`
    await put(server, `${files}/dir/x`, 'x')
    expect((await send('PUT', `${files}/dir?overwrite=true`, 'y')).status).toBe(500)
    expect((await get(`${files}/dir/x`)).text).toBe('x')
    expect((await get(`${files}/dir`)).status).toBe(404)
  })

  test('a file where the parent is a file: 500', async () => {
    const files = `${project}/resources/CONFLICTS/files`
    await put(server, `${files}/plain`, 'plain')
    const answer = await send('PUT', `${files}/plain/below`, 'y')
    expect(answer.status).toBe(500)
    expect(answer.text).toContain('Failed to create required directory')
    expect((await get(`${files}/plain`)).text).toBe('plain')
  })

  test('the resource’s own catalog as a file: 500', async () => {
    const files = `${project}/resources/CONFLICTS/files`
    const answer = await send('PUT', `${files}/CONFLICTS_catalog.xml?overwrite=true`, '<x/>')
    expect(answer.status).toBe(500)
    expect(answer.text).toContain('XNAT cannot catalog')
    expect((await get(`${files}/plain`)).text).toBe('plain')
  })
})

describe.runIf(isEmulated)('xnat-wire.md §5: without the right to edit (needs a second user)', () => {
  test('200, empty, without Content-Type, and nothing stored', async () => {
    const { readOnlyUser, readOnlyPassword } = server.emulator!
    const authorization = basic(readOnlyUser, readOnlyPassword)
    await createResource(server, project, 'LOCKED', { there: 'old' })
    const files = `${project}/resources/LOCKED/files`
    for (const path of [
      `${files}/new`,
      `${files}/there?overwrite=true`,
      `${project}/resources/NEW/files/x`,
    ]) {
      for (const method of ['PUT', 'POST']) {
        const answer = await server.request(method, path, {
          headers: { ...BYTES, authorization },
          body: 'new',
        })
        expect(answer.status).toBe(200)
        expect(answer.headers['content-length']).toBe('0')
        expect(answer.headers['content-type']).toBeUndefined()
      }
    }
    expect(await storedNames(files)).toEqual(['there'])
    expect((await get(`${files}/there`)).text).toBe('old')
    expect(await resourceRow(project, 'NEW')).toBeUndefined()
  })
})
