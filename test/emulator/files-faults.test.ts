import { Client } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { FaultRule } from '../../src/emulator/emulator.js'
import { createResource, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { RawConnection } from '../support/raw-http.js'

const CONTENT = '0123456789'
let server: ContractServer
let project: string
let files: string
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  await createResource(server, project, 'R', { 'a.txt': CONTENT, 'b.txt': CONTENT })
  files = `${project}/resources/R/files`
})
afterEach(() => server.emulator?.control.setFaults([]))
afterAll(() => server?.close())

const get = (path: string) => server.request('GET', path)

/** The control path, on a connection of its own and without a log-in. */
async function control(
  method: 'GET' | 'PUT' | 'DELETE' | 'POST',
  what: string,
  body?: unknown,
  url = server.url,
) {
  const client = new Client(url)
  try {
    const response = await client.request({
      method,
      path: `/__emulator/${what}`,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.statusCode, json: await response.body.json() }
  } finally {
    await client.close()
  }
}

const setFaults = async (...rules: readonly FaultRule[]) => {
  expect((await control('PUT', 'faults', rules)).status).toBe(200)
}

/** A GET on a raw connection: head, body as far as it came, and whether the other side closed. */
async function rawGet(path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawConnection> {
  const connection = await RawConnection.open(server.url)
  connection.send(`GET ${path}`, {
    Authorization: basic(server.user, server.password),
    Accept: '*/*',
    ...headers,
  })
  return connection
}

describe.runIf(isEmulated)('the control path (the embedded XNAT only)', () => {
  test('shows and replaces the table; an unknown action is 404', async () => {
    const rule: FaultRule = { path: '/data/**', times: 2, fault: { kind: 'status', status: 503 } }
    await setFaults(rule)
    expect((await control('GET', 'faults')).json).toEqual([rule])
    await setFaults()
    expect((await control('GET', 'faults')).json).toEqual([])
    expect((await control('POST', 'nonsense')).status).toBe(404)
  })

  test.each([
    ['no JSON', 'nonsense', /JSON|token/i],
    ['no array', '{}', /array/],
    ['an unknown kind', [{ path: '/**', fault: { kind: 'flood' } }], /flood/],
    ['a missing path', [{ fault: { kind: 'login-page' } }], /path/],
    ['a delay that is no number', [{ path: '/**', fault: { kind: 'delay', ms: 'long' } }], /ms/],
    ['a bad expression', [{ path: '/(/', fault: { kind: 'login-page' } }], /regular expression/],
    ['times of 0', [{ path: '/**', times: 0, fault: { kind: 'login-page' } }], /times/],
  ])('%s: 400 with the reason, and the table stays', async (_what, body, reason) => {
    const rule: FaultRule = { path: '/nowhere', fault: { kind: 'login-page' } }
    await setFaults(rule)
    const answer = await control('PUT', 'faults', body)
    expect(answer.status).toBe(400)
    expect((answer.json as { error: string }).error).toMatch(reason)
    expect((await control('GET', 'faults')).json).toEqual([rule])
  })

  test('the log: method, path as sent, status, bytes, user, range; DELETE empties it', async () => {
    await control('DELETE', 'requests')
    await server.request('GET', `${files}/a.txt`, { headers: { range: 'bytes=2-4' } })
    await server.request('PUT', `${files}/log.txt?overwrite=true&inbody=true`, { body: 'four' })
    await get(`${files}/nope`)
    const { json } = await control('GET', 'requests')
    expect(json).toMatchObject([
      {
        method: 'GET',
        path: `${files}/a.txt`,
        status: 206,
        responseBytes: 3,
        user: 'admin',
        range: 'bytes=2-4',
      },
      { method: 'PUT', path: `${files}/log.txt?overwrite=true&inbody=true`, status: 200, requestBytes: 4 },
      { method: 'GET', path: `${files}/nope`, status: 404 },
    ])
    await control('DELETE', 'requests')
    expect((await control('GET', 'requests')).json).toEqual([])
  })
})

describe.runIf(isEmulated)('which requests a fault strikes', () => {
  const status = async (path: string, method = 'GET') => (await server.request(method, path)).status
  const fault = { kind: 'status', status: 502 } as const

  test('* stays within a segment, ** does not; /…/ is an expression; the query may be part', async () => {
    for (const [path, expected] of [
      [`${files}/*`, [502, 502, 200]],
      [`${project}/**`, [502, 502, 502]],
      [`/a\\.txt$/`, [502, 200, 200]],
      [`${files}/b.txt`, [200, 502, 200]],
    ] as const) {
      await setFaults({ path, fault })
      const deep = `${project}/resources?format=json`
      expect([await status(`${files}/a.txt`), await status(`${files}/b.txt`), await status(deep)]).toEqual(
        expected,
      )
    }
    await setFaults({ path: '/format=json/', fault })
    expect(await status(`${project}/resources?format=json`)).toBe(502)
    expect(await status(`${project}/resources?format=xml`)).toBe(200)
  })

  test('paths are compared as sent and decoded', async () => {
    await setFaults({ path: `${files}/a b.txt`, fault })
    expect(await status(`${files}/a%20b.txt`)).toBe(502)
    await setFaults({ path: `${files}/a%20b.txt`, fault })
    expect(await status(`${files}/a%20b.txt`)).toBe(502)
  })

  test('method, skip and times', async () => {
    await setFaults({ method: 'get', path: `${files}/*`, skip: 1, times: 2, fault })
    expect(await status(`${files}/a.txt`, 'HEAD')).toBe(200)
    const seen: number[] = []
    for (let count = 0; count < 5; count++) seen.push(await status(`${files}/a.txt`))
    expect(seen).toEqual([200, 502, 502, 200, 200])
  })

  test('without times: always', async () => {
    await setFaults({ path: `${files}/*`, fault })
    for (let count = 0; count < 10; count++) expect(await status(`${files}/a.txt`)).toBe(502)
  })

  test('rules that match together strike together', async () => {
    await setFaults(
      { path: `${files}/*`, fault: { kind: 'ignore-range' } },
      { path: '/data/**', fault: { kind: 'corrupt', atByte: 0 } },
    )
    const headers = { range: 'bytes=2-4' }
    const answer = await server.request('GET', `${files}/a.txt`, { headers })
    expect(answer.status).toBe(200)
    expect(answer.body.subarray(1).toString()).toBe('123456789')
    expect(answer.body[0]).toBe(0x30 ^ 0xff)
  })
})

describe.runIf(isEmulated)('what a fault does', () => {
  const strike = (fault: FaultRule['fault']) => setFaults({ path: `${files}/a.txt`, times: 1, fault })

  test.each([
    [401, 'text/html'],
    [404, 'text/html'],
    [413, 'text/html'],
    [500, 'text/html'],
    [503, 'text/html'],
  ])('status %d with a page of HTML', async (status, type) => {
    await strike({ kind: 'status', status })
    const answer = await get(`${files}/a.txt`)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toContain(type)
    if (status === 413 || status === 503) expect(answer.headers.server).toBe('nginx')
  })

  test('status 200 with HTML of the test’s own', async () => {
    await strike({ kind: 'status', status: 200, html: '<p>maintenance</p>' })
    const answer = await get(`${files}/a.txt`)
    expect([answer.status, answer.text]).toEqual([200, '<p>maintenance</p>'])
  })

  test('login-page: 200 and XNAT’s own mark', async () => {
    await strike({ kind: 'login-page' })
    const answer = await get(`${files}/a.txt`)
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('<!-- BEGIN xnat-templates/screens/Login.vm -->')
  })

  test('delay: the answer comes, no earlier than that', async () => {
    await strike({ kind: 'delay', ms: 60 })
    const started = performance.now()
    expect((await get(`${files}/a.txt`)).text).toBe(CONTENT)
    expect(performance.now() - started).toBeGreaterThanOrEqual(59)
  })

  test('drop after 0: the connection goes before the head', async () => {
    await strike({ kind: 'drop', afterBytes: 0 })
    const connection = await rawGet(`${files}/a.txt`)
    expect(await connection.rest()).toHaveLength(0)
  })

  test.each(['drop', 'truncate'] as const)(
    '%s after 4: the head promises 10, 4 come, then the end',
    async (kind) => {
      await strike({ kind, afterBytes: 4 })
      const connection = await rawGet(`${files}/a.txt`)
      const head = await connection.head()
      expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
      expect((await connection.rest()).toString()).toBe('0123')
    },
  )

  test('truncate of a list: it ends as if it were whole', async () => {
    await setFaults({ path: `${files}?format=json`, fault: { kind: 'truncate', afterBytes: 20 } })
    const answer = await get(`${files}?format=json`)
    expect(answer.status).toBe(200)
    expect(answer.text).toHaveLength(20)
  })

  test('stall after 4: nothing more, nobody closes', async () => {
    await strike({ kind: 'stall', afterBytes: 4 })
    const connection = await rawGet(`${files}/a.txt`)
    try {
      await connection.head()
      expect((await connection.body(4)).toString()).toBe('0123')
      for (let round = 0; round < 5; round++) await get(`${files}/b.txt`)
      expect(connection.isClosed).toBe(false)
      expect(await connection.body(4)).toHaveLength(4)
    } finally {
      connection.destroy()
    }
  })

  test.each([
    [-3, '7', '0123456'],
    [5, '15', CONTENT],
  ])('length %d: Content-Length says %s', async (delta, length, body) => {
    await strike({ kind: 'length', delta })
    const connection = await rawGet(`${files}/a.txt`, { Connection: 'close' })
    const head = await connection.head()
    expect(head.headers.get('content-length')).toBe(length)
    expect((await connection.rest()).toString()).toBe(body)
  })

  test('length: the total in Content-Range is wrong, the part is right', async () => {
    await strike({ kind: 'length', delta: 5 })
    const connection = await rawGet(`${files}/a.txt`, { Range: 'bytes=2-4', Connection: 'close' })
    const head = await connection.head()
    expect(head.headers.get('content-range')).toBe('bytes 2-4/15')
    expect((await connection.rest()).toString()).toBe('234')
  })

  test('listing-size: lists and catalogs lie, the file does not', async () => {
    await setFaults({ path: '/data/**', fault: { kind: 'listing-size', delta: 7 } })
    const rows = (await get(`${files}?format=json`)).text
    expect(rows).toContain('"Size":"17"')
    const catalog = (await get(`${project}/resources/R`)).text
    expect(catalog).toContain('<cat:metaField name="SIZE">17</cat:metaField>')
    expect((await server.request('HEAD', `${files}/a.txt`)).headers['content-length']).toBe('10')
  })

  test('corrupt: one byte is another, the length is right', async () => {
    await strike({ kind: 'corrupt', atByte: 3 })
    const { body } = await get(`${files}/a.txt`)
    expect([...body].filter((byte, at) => byte !== CONTENT.charCodeAt(at))).toEqual([
      CONTENT.charCodeAt(3) ^ 0xff,
    ])
    expect(body).toHaveLength(10)
  })

  test('ignore-range: 200 and the whole file, no Accept-Ranges', async () => {
    await strike({ kind: 'ignore-range' })
    const answer = await server.request('GET', `${files}/a.txt`, {
      headers: { range: 'bytes=2-4' },
    })
    expect([answer.status, answer.text]).toEqual([200, CONTENT])
    expect(answer.headers['accept-ranges']).toBeUndefined()
  })

  test('cut-upload: the connection goes while the body is read; what came stays in the way', async () => {
    await setFaults({
      method: 'PUT',
      path: `${files}/**`,
      times: 1,
      fault: { kind: 'cut-upload', afterBytes: 4 },
    })
    const path = `${files}/cut.txt`
    const headers = { 'content-type': 'application/octet-stream' }
    await expect(server.request('PUT', path, { headers, body: CONTENT })).rejects.toThrow()
    const { rows } = await table(server, files)
    expect(rows.map(({ Name }) => Name)).not.toContain('cut.txt')
    expect((await get(path)).status).toBe(404)
    const again = await server.request('PUT', path, { headers, body: CONTENT })
    expect(again.text).toBe('{"duplicates":["cut.txt"]}')
  })
})

describe.runIf(isEmulated)('settings of the embedded XNAT', () => {
  async function withServer(
    options: Parameters<typeof startContractServer>[0],
    use: (other: ContractServer, file: string) => Promise<void>,
  ): Promise<void> {
    const other = await startContractServer(options)
    try {
      const path = `/data/projects/${other.project}`
      await createResource(other, path, 'R', { 'x.bin': 'x'.repeat(50_000) })
      await use(other, `${path}/resources/R/files/x.bin`)
    } finally {
      await other.close()
    }
  }

  test('latencyMs: each of a row of answers takes that long at least', async () => {
    await withServer({ latencyMs: 20 }, async (other, file) => {
      const started = performance.now()
      for (let count = 0; count < 4; count++) await other.request('HEAD', file)
      // setTimeout may be early by less than a millisecond.
      expect(performance.now() - started).toBeGreaterThanOrEqual(4 * 19)
    })
  })

  test('bandwidthMbit: 50 kB twice over one connection of 8 Mbit/s take 100 ms at least', async () => {
    await withServer({ bandwidthMbit: 8 }, async (other, file) => {
      const started = performance.now()
      for (let count = 0; count < 2; count++)
        expect((await other.request('GET', file)).body).toHaveLength(50_000)
      expect(performance.now() - started).toBeGreaterThanOrEqual(98)
    })
  })

  test('range: false: ranges are ignored, and not offered', async () => {
    await withServer({ range: false }, async (other, file) => {
      const answer = await other.request('GET', file, { headers: { range: 'bytes=0-9' } })
      expect(answer.status).toBe(200)
      expect(answer.headers['accept-ranges']).toBeUndefined()
      expect(answer.body).toHaveLength(50_000)
    })
  })

  test('expire-sessions: a cookie is worth nothing any more', async () => {
    await withServer({}, async (other, file) => {
      const authorization = basic(other.user, other.password)
      const login = await other.request('POST', '/data/JSESSION', { headers: { authorization } })
      const headers = { cookie: `JSESSIONID=${login.text.trim()}` }
      expect((await other.request('GET', file, { headers })).status).toBe(200)
      expect((await control('POST', 'expire-sessions', undefined, other.url)).status).toBe(200)
      expect((await other.request('GET', file, { headers })).status).toBe(401)
    })
  })
})
