import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, put, table } from '../support/contract-fixtures.js'
import { basic, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'
import { RawConnection } from '../support/raw-http.js'

const BYTES = { 'content-type': 'application/octet-stream' }
let server: ContractServer
let files: string
beforeAll(async () => {
  server = await startContractServer()
  const project = `/data/projects/${server.project}`
  await createResource(server, project, 'UP')
  files = `${project}/resources/UP/files`
})
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)
const send = (
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
  method = 'PUT',
) => server.request(method, path, { headers, ...(body !== undefined && { body }) })

function rawHeaders(): Record<string, string> {
  return { Authorization: basic(server.user, server.password), Connection: 'close' }
}

function target(path: string): string {
  return new URL(server.url).pathname.replace(/\/$/, '') + path
}

/** A PUT without Content-Length. */
async function chunked(path: string, headers: Readonly<Record<string, string>>, body: Buffer) {
  const connection = await RawConnection.open(server.url)
  connection.send(`PUT ${target(path)}`, { ...rawHeaders(), ...headers, 'Transfer-Encoding': 'chunked' })
  if (body.length > 0) {
    connection.write(`${body.length.toString(16)}\r\n`)
    connection.write(body)
    connection.write('\r\n')
  }
  connection.write('0\r\n\r\n')
  const { status } = await connection.head()
  return { status, text: (await connection.rest()).toString('latin1') }
}

describe('xnat-wire.md §5: what counts as a file in the body', () => {
  test.each([
    'application/octet-stream',
    'text/plain',
    'text/xml',
    'text/csv',
    'application/pdf',
    'application/zip',
    'image/png',
    'image/jpeg',
    'video/mp4',
    'application/dicom',
    'text/plain;charset=UTF-8',
  ])('%s does, without inbody=true', async (type) => {
    const path = `${files}/type-${type.replace(/\W/g, '_')}`
    expect((await send(path, { 'content-type': type }, 'bytes')).status).toBe(200)
    expect((await get(path)).text).toBe('bytes')
  })

  test.each(['PUT', 'POST'])(
    '%s with neither a known type nor inbody: 400, and it says what to do',
    async (method) => {
      for (const headers of [{}, { 'content-type': 'application/json' }]) {
        const answer = await send(`${files}/none`, headers, 'bytes', method)
        expect(answer.status).toBe(400)
        expect(answer.text).toContain(`You tried to ${method}`)
        expect(answer.text).toContain('inbody=true')
      }
      expect((await get(`${files}/none`)).status).toBe(404)
    },
  )

  test('inbody=true takes any type, and none', async () => {
    expect(
      (await send(`${files}/any?inbody=true`, { 'content-type': 'application/json' }, '{}')).status,
    ).toBe(200)
    expect((await send(`${files}/untyped?inbody=true`, {}, 'x')).status).toBe(200)
    expect((await get(`${files}/any`)).text).toBe('{}')
    expect((await get(`${files}/untyped`)).text).toBe('x')
  })

  test('inbody=true with a multipart type: 400 (from code)', async () => {
    const { headers, body } = multipart({ x: 'x' })
    expect((await send(`${files}/both?inbody=true`, headers, body)).status).toBe(400)
    expect((await get(`${files}/both`)).status).toBe(404)
  })

  test('application/x-www-form-urlencoded: 500, with inbody=true stored', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await send(`${files}/form`, form, 'a=b')).status).toBe(500)
    expect((await get(`${files}/form`)).status).toBe(404)
    expect((await send(`${files}/form?inbody=true`, form, 'a=b')).status).toBe(200)
    expect((await get(`${files}/form`)).text).toBe('a=b')
  })
})

describe('xnat-wire.md §5: no bytes, or no length', () => {
  test.each(['0 bytes', 'chunked'])('in the body, %s: 500 and a reason', async (kind) => {
    const path = `${files}/in-body-${kind.replace(' ', '-')}`
    const answer =
      kind === 'chunked'
        ? await chunked(path, BYTES, Buffer.from('x'))
        : await send(path, BYTES, Buffer.alloc(0))
    expect(answer.status).toBe(500)
    expect(answer.text).toContain(`request entity size is ${kind === 'chunked' ? -1 : 0}`)
    expect(answer.text).toContain('application/zip')
    expect((await get(path)).status).toBe(404)
  })

  test('in the body, chunked and without Content-Type: 500', async () => {
    const answer = await chunked(`${files}/nothing?inbody=true`, {}, Buffer.from('x'))
    expect(answer.status).toBe(500)
  })

  test('application/zip lets both through', async () => {
    const zip = { 'content-type': 'application/zip' }
    expect((await send(`${files}/empty.zip`, zip, Buffer.alloc(0))).status).toBe(200)
    expect((await get(`${files}/empty.zip`)).headers['content-length']).toBe('0')
    expect((await chunked(`${files}/chunked.zip`, zip, Buffer.from('not really'))).status).toBe(200)
    expect((await get(`${files}/chunked.zip`)).text).toBe('not really')
  })

  test('multipart: a part of 0 bytes is a file of 0 bytes', async () => {
    const { headers, body } = multipart({ any: '' })
    expect((await send(`${files}/empty-part`, headers, body)).status).toBe(200)
    const got = await get(`${files}/empty-part`)
    expect(got.status).toBe(200)
    expect(got.headers['content-length']).toBe('0')
  })

  test('multipart: may be chunked', async () => {
    const { headers, body } = multipart({ any: 'bytes' })
    expect((await chunked(`${files}/chunked-part`, headers, body)).status).toBe(200)
    expect((await get(`${files}/chunked-part`)).text).toBe('bytes')
  })
})

describe('xnat-wire.md §5: success and duplicates', () => {
  test.each(['PUT', 'POST'])('%s: 200, empty, text/plain, never 201', async (method) => {
    const answer = await send(`${files}/ok-${method}`, BYTES, 'x', method)
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('')
    expect(answer.headers['content-length']).toBe('0')
    expect(answer.headers['content-type']).toBe('text/plain;charset=ISO-8859-1')
  })

  test('a file that is there: 200, its path among duplicates as text/html, its bytes as they were', async () => {
    await put(server, `${files}/sub/twice`, 'first')
    const again = await send(`${files}/sub/twice`, BYTES, 'second')
    expect(again.status).toBe(200)
    expect(again.headers['content-type']).toMatch(/^text\/html/)
    expect(JSON.parse(again.text)).toEqual({ duplicates: ['sub/twice'] })
    expect((await get(`${files}/sub/twice`)).text).toBe('first')
  })

  test.each([
    ['true', 'second'],
    ['1', 'second'],
    ['yes', 'second'],
    ['false', 'first'],
    ['0', 'first'],
    ['FALSE', 'first'],
  ])('overwrite=%s leaves the %s', async (value, left) => {
    const path = `${files}/overwrite-${value}`
    await put(server, path, 'first')
    const answer = await send(`${path}?overwrite=${value}`, BYTES, 'second')
    expect(answer.status).toBe(200)
    expect(answer.text === '').toBe(left === 'second')
    expect((await get(path)).text).toBe(left)
  })

  test('overwrite brings size and digest in the list up to date', async () => {
    await put(server, `${files}/replaced`, 'first')
    await put(server, `${files}/replaced?overwrite=true`, 'longer than that')
    const { rows } = await table(server, files)
    const found = rows.filter(({ Name }) => Name === 'replaced')
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ Size: '16', digest: '2210c994aeac0f4de644ff560fc2b6d8' })
  })

  test('multipart with several files to a list: each under its own name', async () => {
    const { headers, body } = multipart({ 'm1.txt': 'one', 'm2.txt': 'two' })
    expect((await send(files, headers, body, 'POST')).status).toBe(200)
    expect((await get(`${files}/m1.txt`)).text).toBe('one')
    expect((await get(`${files}/m2.txt`)).text).toBe('two')
    const again = await send(files, headers, body, 'POST')
    expect(JSON.parse(again.text)).toEqual({ duplicates: ['m1.txt', 'm2.txt'] })
  })
})

describe('xnat-wire.md §5: there is no partial PUT', () => {
  test('Content-Range is ignored: the body replaces the file', async () => {
    await put(server, `${files}/partial`, '0123456789')
    const answer = await send(
      `${files}/partial?overwrite=true`,
      { ...BYTES, 'content-range': 'bytes 2-3/10' },
      'ab',
    )
    expect(answer.status).toBe(200)
    expect((await get(`${files}/partial`)).text).toBe('ab')
  })
})

describe('xnat-wire.md §5: Expect: 100-continue', () => {
  test('100, then the body is read, then 200', async () => {
    const connection = await RawConnection.open(server.url)
    connection.send(`PUT ${target(`${files}/expected`)}`, {
      ...rawHeaders(),
      'Content-Type': 'application/octet-stream',
      'Content-Length': '5',
      Expect: '100-continue',
    })
    expect((await connection.head()).status).toBe(100)
    connection.write('bytes')
    expect((await connection.head()).status).toBe(200)
    connection.destroy()
    expect((await get(`${files}/expected`)).text).toBe('bytes')
  })
})
