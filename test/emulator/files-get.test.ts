import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, createScan, createSession, put } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'
import { zipEntries } from '../support/zip-entries.js'

let server: ContractServer
let project: string
let files: string
let session: string
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  await createResource(server, project, 'DATA')
  files = `${project}/resources/DATA/files`
  await put(server, `${files}/f.bin`, 'some bytes')
  const created = await createSession(server, 'S1', 'MR1')
  session = created.path
  await createScan(server, created, '1', 'T1')
  await createScan(server, created, '2', 'T1')
  await createResource(server, `${session}/scans/1`, 'DATA', { 'one.txt': 'one' })
  await createResource(server, `${session}/scans/2`, 'DATA', { 'two.txt': 'two' })
})
afterAll(() => server?.close())

const send = (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
  server.request(method, path, { headers })

describe('xnat-wire.md §3.1: headers of a plain download', () => {
  test('the whole set', async () => {
    const { status, headers, text } = await send('GET', `${files}/f.bin`)
    expect(status).toBe(200)
    expect(text).toBe('some bytes')
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '10',
      'accept-ranges': 'bytes',
      'cache-control': 'must-revalidate',
      'content-disposition': 'attachment; filename="f.bin";',
      vary: 'Accept-Charset, Accept-Encoding, Accept-Language, Accept',
      server: 'Noelios-Restlet-Engine/1.1.10',
    })
    expect(headers['last-modified']).toMatch(/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/)
    expect([headers['set-cookie']].flat().join()).toMatch(/SESSION_EXPIRATION_TIME="?\d+,\d+/)
  })

  test.each(['etag', 'content-md5', 'content-encoding', 'transfer-encoding'])('no %s', async (name) => {
    expect((await send('GET', `${files}/f.bin`)).headers[name]).toBeUndefined()
  })

  test('the name in Content-Disposition is the last part, raw', async () => {
    await put(server, `${files}/sub/a%20b.txt`, 'x')
    const { headers } = await send('GET', `${files}/sub/a%20b.txt`)
    expect(headers['content-disposition']).toBe('attachment; filename="a b.txt";')
  })

  test.each([
    ['x.bmp', 'image/bmp'],
    ['x.gif', 'image/gif'],
    ['x.html', 'text/html'],
    ['x.jpg', 'image/jpeg'],
    ['x.jpeg', 'image/jpeg'],
    ['x.pdf', 'application/pdf'],
    ['x.png', 'image/png'],
    ['x.svg', 'image/svg+xml'],
    ['x.tiff', 'image/tiff'],
    ['x.txt', 'text/plain'],
    ['x.xml', 'text/xml'],
    ['x.TXT', 'application/octet-stream'],
    ['x.dcm', 'application/octet-stream'],
    ['x.json', 'application/octet-stream'],
    ['x.nii.gz', 'application/octet-stream'],
    ['txt', 'application/octet-stream'],
  ])('Content-Type of %s is %s', async (name, type) => {
    await put(server, `${files}/types/${name}`, 'x')
    const { headers } = await send('GET', `${files}/types/${name}`)
    expect(headers['content-type']?.split(';')[0]).toBe(type)
  })
})

describe('xnat-wire.md §3.3: HEAD', () => {
  test('of a file: the same headers and no body', async () => {
    const got = await send('GET', `${files}/f.bin`)
    const head = await send('HEAD', `${files}/f.bin`)
    expect(head.status).toBe(200)
    expect(head.body).toHaveLength(0)
    for (const name of ['content-length', 'last-modified', 'content-type', 'content-disposition']) {
      expect(head.headers[name], name).toBe(got.headers[name])
    }
  })

  test('with a Range: 206 and its headers', async () => {
    const head = await send('HEAD', `${files}/f.bin`, { range: 'bytes=2-4' })
    expect(head.status).toBe(206)
    expect(head.headers).toMatchObject({ 'content-length': '3', 'content-range': 'bytes 2-4/10' })
  })

  test('of a list: 200, chunked, without a length', async () => {
    const head = await send('HEAD', files)
    expect(head.status).toBe(200)
    expect(head.headers['content-length']).toBeUndefined()
    expect(head.headers['transfer-encoding']).toBe('chunked')
  })

  test.each(['ALL', '1,2', '*', 'T1'])('of scans/%s: 404, where GET is 200', async (scans) => {
    const path = `${session}/scans/${scans}/resources/DATA/files`
    expect((await send('GET', path)).status).toBe(200)
    expect((await send('HEAD', path)).status).toBe(404)
  })

  test('of a missing file: 404', async () => {
    expect((await send('HEAD', `${files}/nope`)).status).toBe(404)
  })
})

describe('xnat-wire.md §3.3: conditions', () => {
  const moved = (date: string, seconds: number) => new Date(Date.parse(date) + seconds * 1000).toUTCString()

  test('If-Modified-Since: 304 when not newer, by the second', async () => {
    const modified = (await send('GET', `${files}/f.bin`)).headers['last-modified']!
    const since = (date: string) => send('GET', `${files}/f.bin`, { 'if-modified-since': date })
    expect((await since(modified)).status).toBe(304)
    expect((await since(moved(modified, -1))).status).toBe(200)
  })

  test('If-Unmodified-Since: 412 when newer', async () => {
    const modified = (await send('GET', `${files}/f.bin`)).headers['last-modified']!
    const since = (date: string) => send('GET', `${files}/f.bin`, { 'if-unmodified-since': date })
    expect((await since(moved(modified, -1))).status).toBe(412)
    expect((await since(modified)).status).toBe(200)
  })

  test.each(['"tag"', '*'])('If-None-Match %s is ignored: there is no tag', async (tag) => {
    expect((await send('GET', `${files}/f.bin`, { 'if-none-match': tag })).status).toBe(200)
  })

  test.each([
    ['if-match', '"tag"'],
    ['if-none-match', '*'],
    ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ])('a PUT does not look at %s', async (name, value) => {
    const path = `${files}/conditional-${name}`
    await put(server, path, 'old')
    const answer = await server.request('PUT', `${path}?overwrite=true`, {
      headers: { 'content-type': 'application/octet-stream', [name]: value },
      body: 'new',
    })
    expect(answer.status).toBe(200)
    expect((await send('GET', path)).text).toBe('new')
  })
})

describe('xnat-wire.md §3.4: content negotiation', () => {
  test.each(['application/octet-stream', 'application/dicom', 'text/plain'])(
    'Accept: %s: 406',
    async (accept) => {
      expect((await send('GET', `${files}/f.bin`, { accept })).status).toBe(406)
      expect((await send('GET', files, { accept })).status).toBe(406)
    },
  )

  test.each(['*/*', 'application/json', 'text/html', 'text/xml', 'image/jpeg', 'application/*'])(
    'Accept: %s gives the file',
    async (accept) => {
      const answer = await send('GET', `${files}/f.bin`, { accept })
      expect(answer.status).toBe(200)
      expect(answer.text).toBe('some bytes')
      expect(answer.headers['content-type']).toBe('application/octet-stream')
    },
  )

  test('Accept: image/jpeg on DICOM converts, or is 400 where it cannot', async () => {
    const notReallyDicom = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(64)])
    await put(server, `${files}/x.dcm`, notReallyDicom)
    expect((await send('GET', `${files}/x.dcm`, { accept: 'image/jpeg' })).status).toBe(400)
    expect((await send('GET', `${files}/x.dcm`, { accept: '*/*' })).body.equals(notReallyDicom)).toBe(true)
  })

  test('format=zip wraps a single file', async () => {
    const answer = await send('GET', `${files}/f.bin?format=zip`)
    expect(answer.headers['content-type']).toBe('application/zip')
    const [entry, ...others] = zipEntries(answer.body)
    expect(others).toEqual([])
    expect(entry!.name).toMatch(/(?:^|\/)f\.bin$/)
    expect(entry!.content.toString()).toBe('some bytes')
  })

  test('POST is another method by ?method=', async () => {
    await put(server, `${files}/tunnel`, 'x')
    expect((await send('POST', `${files}/tunnel?method=GET`)).text).toBe('x')
    expect((await send('POST', `${files}/tunnel?method=DELETE`)).status).toBe(200)
    expect((await send('GET', `${files}/tunnel`)).status).toBe(404)
    const stored = await server.request('POST', `${files}/tunnel?method=PUT`, {
      headers: { 'content-type': 'application/octet-stream' },
      body: 'y',
    })
    expect(stored.status).toBe(200)
    expect((await send('GET', `${files}/tunnel`)).text).toBe('y')
    // Only POST is rewritten.
    expect((await send('GET', `${files}/tunnel?method=DELETE`)).text).toBe('y')
  })

  test('media= goes before Accept', async () => {
    const answer = await send('GET', `${files}?media=xml`, { accept: 'application/json' })
    expect(answer.headers['content-type']).toMatch(/^text\/xml/)
    expect((await send('GET', `${files}?media=json`, { accept: 'image/png' })).status).toBe(200)
  })
})

describe('xnat-wire.md §3.5: compression', () => {
  test('none in answers', async () => {
    for (const path of [`${files}/f.bin`, files]) {
      const answer = await send('GET', path, { 'accept-encoding': 'gzip, deflate' })
      expect(answer.headers['content-encoding']).toBeUndefined()
    }
    expect((await send('GET', `${files}/f.bin`, { 'accept-encoding': 'gzip' })).text).toBe('some bytes')
  })

  test('a request body with Content-Encoding: gzip is stored decoded', async () => {
    const content = Buffer.alloc(100_000, 'x')
    const answer = await server.request('PUT', `${files}/coded.gz`, {
      headers: { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' },
      body: gzipSync(content),
    })
    expect(answer.status).toBe(200)
    const got = await send('GET', `${files}/coded.gz`)
    expect(got.headers['content-length']).toBe('100000')
    expect(got.body.equals(content)).toBe(true)
  })
})
