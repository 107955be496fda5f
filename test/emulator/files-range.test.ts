import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, put } from '../support/contract-fixtures.js'
import { basic, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'
import { RawConnection } from '../support/raw-http.js'

const SIZE = 100_000
const content = randomBytes(SIZE)
let server: ContractServer
let files: string
beforeAll(async () => {
  server = await startContractServer()
  const project = `/data/projects/${server.project}`
  await createResource(server, project, 'DATA')
  files = `${project}/resources/DATA/files`
  await put(server, `${files}/f.bin`, content)
  const empty = multipart({ 'empty.bin': '' })
  await server.request('POST', files, empty)
})
afterAll(() => server?.close())

const get = (range: string, path = `${files}/f.bin`, headers: Readonly<Record<string, string>> = {}) =>
  server.request('GET', path, { headers: { range, ...headers } })

async function raw(range: string, method = 'GET'): Promise<RawConnection> {
  const connection = await RawConnection.open(server.url)
  const { pathname } = new URL(server.url)
  connection.send(`${method} ${pathname.replace(/\/$/, '')}${files}/f.bin`, {
    Authorization: basic(server.user, server.password),
    Accept: '*/*',
    Range: range,
  })
  return connection
}

describe('xnat-wire.md §3.2: ranges within the file', () => {
  test.each([
    ['bytes=0-99', 0, 100],
    ['bytes=99990-', 99_990, SIZE],
    ['bytes=-10', 99_990, SIZE],
    ['bytes=0-99999', 0, SIZE],
    ['bytes=5-5', 5, 6],
  ])('%s is 206 with just those bytes', async (range, start, end) => {
    const answer = await get(range)
    expect(answer.status).toBe(206)
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${SIZE}`)
    expect(answer.headers['content-length']).toBe(String(end - start))
    expect(answer.body.equals(content.subarray(start, end))).toBe(true)
  })

  test('a part has all other headers of the whole file', async () => {
    const whole = await server.request('GET', `${files}/f.bin`)
    const part = await get('bytes=0-99')
    const varying = ['content-length', 'content-range', 'set-cookie', 'date']
    const others = (headers: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !varying.includes(name)))
    expect(others(part.headers)).toEqual(others(whole.headers))
  })
})

describe('xnat-wire.md §3.2: more promised than there is, then silence', () => {
  test.each([
    ['end beyond EOF', 'bytes=99990-100050', 'bytes 99990-100050/100000', 61, 10],
    ['start at EOF with an end', 'bytes=100000-100010', 'bytes 100000-100010/100000', 11, 0],
    ['suffix longer than the file', 'bytes=-200000', undefined, 200_000, SIZE],
  ])('%s', async (_what, range, contentRange, promised, sent) => {
    const connection = await raw(range)
    try {
      const head = await connection.head()
      expect(head.status).toBe(206)
      if (contentRange !== undefined) expect(head.headers.get('content-range')).toBe(contentRange)
      expect(head.headers.get('content-length')).toBe(String(promised))
      expect((await connection.body(sent)).equals(content.subarray(SIZE - sent))).toBe(true)
      // Other requests come and go meanwhile: here nothing more arrives, and nobody closes.
      for (let round = 0; round < 5; round++) expect((await get('bytes=0-0')).status).toBe(206)
      expect(connection.isClosed).toBe(false)
      expect(await connection.body(sent)).toHaveLength(sent)
    } finally {
      connection.destroy()
    }
  })
})

describe('xnat-wire.md §3.2: ranges that make no sense', () => {
  test('start at EOF, open: 206 with length 0', async () => {
    const answer = await get('bytes=100000-')
    expect(answer.status).toBe(206)
    expect(answer.headers['content-length']).toBe('0')
    expect(answer.headers['content-range']).toBe('bytes 100000-99999/100000')
    expect(answer.body).toHaveLength(0)
  })

  test.each(['bytes=200000-', 'bytes=50-10'])('%s: 206 with a length that is none', async (range) => {
    const connection = await raw(range)
    try {
      const head = await connection.head()
      expect(head.status).toBe(206)
      const length = head.headers.get('content-length')
      expect(length === undefined || Number(length) < 0, `Content-Length ${length}`).toBe(true)
    } finally {
      connection.destroy()
    }
  })

  test('two ranges: 501 with the Status page, and the connection closes', async () => {
    const connection = await raw('bytes=0-9,20-29')
    const head = await connection.head()
    expect(head.status).toBe(501)
    expect(head.headers.get('content-type')).toBe('text/html;charset=ISO-8859-1')
    expect((await connection.rest()).toString('latin1')).toContain('<title>Status page</title>')
    expect(connection.isClosed).toBe(true)
  })

  test('bytes=abc: 206, Content-Range "bytes 0--1/100000", nothing', async () => {
    const answer = await get('bytes=abc')
    expect(answer.status).toBe(206)
    expect(answer.headers['content-range']).toBe('bytes 0--1/100000')
    expect(answer.body).toHaveLength(0)
  })

  test('another unit than bytes: 200 and everything', async () => {
    const answer = await get('items=0-9')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-range']).toBeUndefined()
    expect(answer.body.equals(content)).toBe(true)
  })

  test.each(['"nonsense"', 'Thu, 01 Jan 1970 00:00:00 GMT'])('If-Range %s is ignored', async (condition) => {
    const answer = await get('bytes=0-9', `${files}/f.bin`, { 'if-range': condition })
    expect(answer.status).toBe(206)
    expect(answer.body.equals(content.subarray(0, 10))).toBe(true)
  })
})

describe('xnat-wire.md §3.2: what has no size, or none to speak of', () => {
  test.each(['bytes=0-9', 'bytes=0-', 'bytes=-1'])('%s of a file of 0 bytes: 200', async (range) => {
    const answer = await get(range, `${files}/empty.bin`)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-length']).toBe('0')
  })

  test.each([
    ['zip', '?format=zip'],
    ['tar', '?format=tar'],
    ['tar.gz', '?format=tar.gz'],
    ['JSON', '?format=json'],
  ])('of a %s: a-b gives all of it with 200, a- and -n are 500', async (_kind, query) => {
    const whole = await server.request('GET', files + query)
    const closed = await get('bytes=0-9', files + query)
    expect(closed.status).toBe(200)
    expect(closed.body).toHaveLength(whole.body.length)
    expect((await get('bytes=0-', files + query)).status).toBe(500)
    expect((await get('bytes=-10', files + query)).status).toBe(500)
  })

  test.each(['bytes=0-9', 'bytes=100000-', 'bytes=100000-100010', 'bytes=300000-300001'])(
    'never 416: HEAD with %s is 206',
    async (range) => {
      const connection = await raw(range, 'HEAD')
      try {
        const head = await connection.head()
        expect(head.status).toBe(206)
        expect(head.headers.get('content-range')).toMatch(/^bytes \d+-\d+\/100000$/)
      } finally {
        connection.destroy()
      }
    },
  )
})
