import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { put, tableOf } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

/** Second users, site settings and the clock are at hand only where the server is ours. */
describe.runIf(isEmulated)('xnat-wire.md §7: other users', () => {
  let server: ContractServer
  let project: string
  beforeAll(async () => {
    server = await startContractServer()
    project = `/data/projects/${server.project}`
    await put(server, `${project}/subjects/S1`)
    await put(server, `${project}/resources/R`)
    await put(server, `${project}/resources/R/files/f?inbody=true`, 'f')
  })
  afterAll(() => server?.close())

  const as = (user: string, method: string, path: string) =>
    server.request(method, path, { headers: { authorization: basic(user, `${user}-pass`) } })

  test('not readable is 404, for GET and for DELETE, the project too', async () => {
    for (const path of [project, `${project}/subjects/S1`, `${project}/subjects`]) {
      expect((await as('outsider', 'GET', `${path}?format=json`)).status, path).toBe(404)
    }
    expect((await as('outsider', 'DELETE', `${project}/subjects/S1`)).status).toBe(404)
    const { rows } = tableOf(await as('outsider', 'GET', '/data/projects?format=json'))
    expect(rows).toEqual([])
  })

  test('readable and not writable is 403', async () => {
    expect((await as('reader', 'GET', `${project}?format=json`)).status).toBe(200)
    for (const [method, path] of [
      ['PUT', `${project}/subjects/NEW`],
      ['DELETE', `${project}/subjects/S1`],
      ['PUT', `${project}/resources/NEW`],
      ['DELETE', `${project}/resources/R`],
    ] as const)
      expect((await as('reader', method, path)).status, `${method} ${path}`).toBe(403)
  })

  test('members edit and may not delete; removed from the project they see nothing', async () => {
    await put(server, `${project}/users/Members/member`)
    expect((await as('member', 'PUT', `${project}/subjects/BY_MEMBER`)).status).toBe(201)
    expect((await as('member', 'DELETE', `${project}/subjects/BY_MEMBER`)).status).toBe(403)
    await server.request('DELETE', `${project}/users/Members/member`)
    expect((await as('member', 'GET', `${project}?format=json`)).status).toBe(404)
  })

  test('a protected project: seen by all who log in, changed by none of them', async () => {
    await put(server, `${project}/accessibility/protected`)
    expect((await as('outsider', 'GET', `${project}/accessibility`)).text).toBe('protected')
    for (const method of ['PUT', 'DELETE'])
      expect((await as('outsider', method, project)).status, method).toBe(403)
    await put(server, `${project}/accessibility/private`)
  })

  test('an alias token for somebody else needs an administrator', async () => {
    const path = '/data/services/tokens/issue/user'
    expect((await as('reader', 'GET', `${path}/admin`)).status).toBe(403)
    const { alias, secret } = JSON.parse((await server.request('GET', `${path}/outsider`)).text) as {
      alias: string
      secret: string
    }
    const headers = { authorization: basic(alias, secret) }
    expect((await server.request('GET', `${project}?format=json`, { headers })).status).toBe(404)
  })

  test('DELETE /xapi/users/active/{u} ends sessions and answers their IDs (§9)', async () => {
    const { text: id } = await as('reader', 'POST', '/data/JSESSION')
    const ended = await server.request('DELETE', '/xapi/users/active/reader')
    expect(ended.status).toBe(200)
    expect(JSON.parse(ended.text)).toContain(id)
    const headers = { cookie: `JSESSIONID=${id}` }
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(401)
  })

  test('provider/user is a name, too', async () => {
    const headers = { authorization: basic(`localdb/${server.user}`, server.password) }
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(200)
  })
})

describe.runIf(isEmulated)('xnat-wire.md §7: an open site', () => {
  let server: ContractServer
  beforeAll(async () => void (server = await startContractServer({ requireLogin: false })))
  afterAll(() => server?.close())

  const guest = (path: string, headers = {}) => server.request('GET', path, { login: false, headers })

  test('guests see public projects and get 404 for others', async () => {
    const project = `/data/projects/${server.project}`
    expect((await guest(`${project}?format=json`)).status).toBe(404)
    await put(server, `${project}/accessibility/public`)
    expect((await guest(`${project}?format=json`)).status).toBe(200)
    expect((await guest('/data/projects?format=json')).text).toContain(server.project)
  })

  test('/data/JSESSION is 200 for guests; tokens are 403', async () => {
    expect((await guest('/data/JSESSION')).status).toBe(200)
    expect((await guest('/data/services/tokens/issue')).status).toBe(403)
  })

  test('/data/auth tells guest and user apart', async () => {
    expect((await guest('/data/auth')).text).not.toContain(server.user)
    expect((await server.request('GET', '/data/auth')).text).toContain(server.user)
  })

  test('wrong credentials are 401 all the same', async () => {
    const headers = { authorization: basic(server.user, 'wrong') }
    expect((await guest('/data/projects', headers)).status).toBe(401)
  })
})

describe.runIf(isEmulated)('xnat-wire.md §7: time', () => {
  let nowMs = Date.parse('2026-01-05T10:00:00Z')
  let server: ContractServer
  beforeAll(async () => void (server = await startContractServer({ now: () => nowMs })))
  afterAll(() => server?.close())
  const MINUTE_MS = 60_000

  test('a session ends after 15 minutes without a request, not before', async () => {
    const authorization = basic(server.user, server.password)
    const { text } = await server.request('POST', '/data/JSESSION', { headers: { authorization } })
    const headers = { cookie: `JSESSIONID=${text}` }
    for (let round = 0; round < 3; round++) {
      nowMs += 14 * MINUTE_MS
      expect((await server.request('GET', '/data/auth', { headers })).status).toBe(200)
    }
    nowMs += 16 * MINUTE_MS
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(401)
  })

  test('an alias token ends after two days', async () => {
    const authorization = basic(server.user, server.password)
    const issued = await server.request('GET', '/data/services/tokens/issue', { headers: { authorization } })
    const { alias, secret } = JSON.parse(issued.text) as { alias: string; secret: string }
    const headers = { authorization: basic(alias, secret) }
    nowMs += 47 * 60 * MINUTE_MS
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(200)
    nowMs += 2 * 60 * MINUTE_MS
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(401)
  })

  test('20 failures lock the account for an hour', async () => {
    const check = async (password: string): Promise<number> => {
      const headers = { authorization: basic('reader', password) }
      return (await server.request('GET', '/data/auth', { headers })).status
    }
    for (let attempt = 0; attempt < 20; attempt++) expect(await check('wrong')).toBe(401)
    expect(await check('reader-pass')).toBe(401)
    nowMs += 61 * MINUTE_MS
    expect(await check('reader-pass')).toBe(200)
  })

  test('the 1001st session of a user is refused with 401', async () => {
    const headers = { authorization: basic('outsider', 'outsider-pass') }
    const open = async (): Promise<number> => (await server.request('GET', '/data/auth', { headers })).status
    for (let session = 0; session < 1000; session++) expect(await open()).toBe(200)
    expect(await open()).toBe(401)
  })
})

describe.runIf(isEmulated)('xnat-wire.md §7: sessions that end early', () => {
  test('expireSessions ends all', async () => {
    const server = await startContractServer()
    try {
      expect((await server.request('GET', '/data/auth')).status).toBe(200)
      server.emulator!.control.expireSessions()
      expect((await server.request('GET', '/data/auth')).status).toBe(401)
    } finally {
      await server.close()
    }
  })
})
