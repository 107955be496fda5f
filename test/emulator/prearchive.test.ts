import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

/** On the generated sample: REST has no other way to fill a prearchive than an import. */
describe.runIf(isEmulated)('xnat-wire.md §1.3, §2.2: a prearchived session', () => {
  let server: ContractServer
  const session = '/data/prearchive/projects/TEST/20260101_120000123/PRE1'
  const odd = '/data/prearchive/projects/ODD/20260101_120000123/PRE2'
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
  })
  afterAll(() => server?.close())

  const get = (path: string) => server.request('GET', path)
  const rows = async (path: string) => (await table(server, path)).rows

  test('is in the lists of its project and of the site; one of nobody is Unassigned', async () => {
    const of = (list: readonly Readonly<Record<string, string>>[]) =>
      list.map(({ project, timestamp, folderName }) => `${project}/${timestamp}/${folderName}`)
    expect(of(await rows('/data/prearchive/projects/TEST'))).toEqual(['TEST/20260101_120000123/PRE1'])
    expect(of(await rows('/data/prearchive'))).toContain('Unassigned/20260101_120000123/PRE4')
  })

  test('lists its scans, their resources and files', async () => {
    expect((await rows(`${session}/scans`)).map(({ ID }) => ID)).toEqual(['1'])
    expect(await rows(`${session}/resources`)).toMatchObject([
      { category: 'scans', cat_id: '1', label: 'DICOM', file_count: '2' },
    ])
    expect(await rows(`${session}/scans/1/resources`)).toMatchObject([{ label: 'DICOM', file_count: '2' }])
    const files = await rows(`${session}/scans/1/resources/DICOM/files`)
    expect(files.map(({ Name, URI }) => [Name, URI])).toEqual([
      ['1.dcm', `${session}/scans/1/resources/DICOM/files/1.dcm`],
      ['2.dcm', `${session}/scans/1/resources/DICOM/files/2.dcm`],
    ])
    expect(Object.keys(files[0]!).toSorted()).toEqual(['Name', 'Size', 'URI'])
  })

  test('its scan is a zip, and nothing else', async () => {
    for (const format of ['', '?format=json', '?format=xml'])
      expect((await get(`${session}/scans/1${format}`)).status).toBe(400)
    const zip = await get(`${session}/scans/1?format=zip`)
    expect(zip.status).toBe(200)
    expect(zip.body.subarray(0, 2).toString()).toBe('PK')
    expect((await get(`${session}/scans/7?format=zip`)).status).toBe(404)
  })

  test('has resources of its own too: in the list of all by no number, with files, each a zip', async () => {
    const path = '/data/prearchive/projects/Unassigned/20260101_120000123/PRE4'
    expect(await rows(`${path}/resources`)).toEqual([
      expect.objectContaining({ category: 'scans', cat_id: '1', label: 'NOTES' }) as unknown,
      { category: 'resources', cat_id: '', label: 'PROTOCOL', file_count: '2', file_size: '27' },
    ])
    const files = `${path}/resources/PROTOCOL/files`
    expect((await rows(files)).map(({ URI }) => URI)).toEqual([
      `${files}/protocol.txt`,
      `${files}/in/deep file.txt`,
    ])
    expect((await get(`${files}/in/deep%20file.txt`)).text).toBe('in a folder\n')
    expect((await get(`${files}/none.txt`)).status).toBe(404)
    expect((await get(`${path}/resources/NONE/files`)).status).toBe(404)
    for (const format of ['', '?format=json'])
      expect((await get(`${path}/resources/PROTOCOL${format}`)).status).toBe(400)
    const zip = await get(`${path}/resources/PROTOCOL?format=zip`)
    expect(zip.body.subarray(0, 2).toString()).toBe('PK')
  })

  test('gives a file by its path, found as it is sent and then decoded', async () => {
    const names = `${odd}/scans/1-MR1/resources/NAMES/files`
    const uris = (await rows(names)).map(({ URI }) => URI!)
    expect(uris).toContain(`${names}/in/files/same.txt`)
    expect(uris).toContain(`${names}/with blank.txt`)
    for (const [path, text] of [
      ['in/same.txt', 'in a folder\n'],
      ['in/files/same.txt', 'in a folder called files\n'],
      ['with%20blank.txt', 'blank\n'],
      ['a%23b.txt', 'hash\n'],
      ['a+b.txt', 'plus\n'],
      ['%23.txt', 'an escape\n'],
      ['it%27s%20%3Ca%3E%20%26%20b.txt', 'entities\n'],
    ])
      expect([path, (await get(`${names}/${path}`)).text]).toEqual([path, text])
  })

  test('what is not there: no such session 500, scan and resource 404, file 400', async () => {
    const statusOf = async (path: string) => (await get(path)).status
    expect(await statusOf('/data/prearchive/projects/TEST/20260101_120000123/NONE/scans')).toBe(500)
    expect(await statusOf(`${session}/scans/2/resources`)).toBe(404)
    expect(await statusOf(`${session}/scans/1/resources/NONE/files`)).toBe(404)
    expect(await statusOf(`${session}/scans/1/resources/DICOM/files/3.dcm`)).toBe(400)
  })

  test('a part of a file by its range', async () => {
    const file = `${session}/scans/1/resources/DICOM/files/1.dcm`
    const whole = await get(file)
    const part = await server.request('GET', file, { headers: { range: 'bytes=100-199' } })
    expect(part.status).toBe(206)
    const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')
    expect(md5(part.body)).toBe(md5(whole.body.subarray(100, 200)))
  })

  test('is for those who may edit: 403 for others, and not in their list', async () => {
    const headers = { authorization: basic('outsider', 'outsider-pass') }
    const theirs = await server.request('GET', '/data/prearchive?format=json', { headers })
    expect(theirs.text).not.toContain('PRE1')
    expect((await server.request('GET', `${session}/scans`, { headers })).status).toBe(403)
  })

  test('§9: it is committed by a POST, 200 and its place; nothing comes of another action', async () => {
    const post = (path: string, headers: Record<string, string> = {}) =>
      server.request('POST', path, { headers })
    const committed = await post(`${session}?action=commit`)
    expect([committed.status, committed.text]).toEqual([200, session])
    expect(committed.headers['content-type']).toMatch(/^text\/uri-list/)
    expect((await rows(`${session}/scans`)).map(({ ID }) => ID)).toEqual(['1'])
    expect((await post(session)).status).toBe(400)
    expect((await post(`${session}?action=none`)).status).toBe(400)
    expect((await post(`${session}0?action=commit`)).status).toBe(500)
    const authorization = basic('outsider', 'outsider-pass')
    expect((await post(`${session}?action=commit`, { authorization })).status).toBe(403)
  })

  test('a scan and a session are deleted with their files', async () => {
    expect((await server.request('DELETE', `${odd}/scans/2`)).status).toBe(200)
    expect((await rows(`${odd}/scans`)).map(({ ID }) => ID)).toEqual(['1-MR1'])
    const path = '/data/prearchive/projects/ODD/20260101_120000123/PRE3'
    expect((await server.request('DELETE', path)).status).toBe(200)
    expect((await get(`${path}?format=xml`)).status).toBe(500)
  })
})
