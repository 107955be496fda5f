import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
beforeAll(async () => void (server = await startContractServer()))
afterAll(() => server?.close())

const MOZILLA = 'Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0'
const own = () => ({ authorization: basic(server.user, server.password) })
const cookieOf = (headers: Record<string, unknown>, name: string): string | undefined =>
  [headers['set-cookie']].flat().find((text) => String(text).startsWith(`${name}=`)) as string | undefined

describe('xnat-wire.md §7: sessions', () => {
  test('GET and POST /data/JSESSION: the bare 32 hex digits as text', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await server.request(method, '/data/JSESSION', { headers: own() })
      expect(answer.status).toBe(200)
      expect(answer.headers['content-type']).toMatch(/^text\/plain/)
      expect(answer.text).toMatch(/^[0-9A-F]{32}$/)
      expect(cookieOf(answer.headers, 'JSESSIONID')).toContain(answer.text)
    }
  })

  test('?CSRF=true adds the token', async () => {
    const answer = await server.request('GET', '/data/JSESSION?CSRF=true', { headers: own() })
    expect(answer.text).toMatch(/^[0-9A-F]{32}; XNAT_CSRF=[0-9a-f-]{36}$/)
  })

  test('the cookie logs in, is HttpOnly, and a second log-in has another', async () => {
    const first = await server.request('POST', '/data/JSESSION', { headers: own() })
    expect(cookieOf(first.headers, 'JSESSIONID')).toMatch(/;\s*HttpOnly/i)
    if (server.url.startsWith('http:'))
      expect(cookieOf(first.headers, 'JSESSIONID')).not.toMatch(/;\s*Secure/i)
    const cookie = `JSESSIONID=${first.text}`
    const known = await server.request('GET', '/data/auth', { headers: { cookie } })
    expect(known.text).toContain(`User '${server.user}' is logged in`)
    expect(cookieOf(known.headers, 'JSESSIONID')).toBeUndefined()
    const second = await server.request('POST', '/data/JSESSION', { headers: own() })
    expect(second.text).not.toBe(first.text)
  })

  test('a log-in changes the ID of an anonymous session (fixation protection)', async () => {
    const anonymous = await server.request('GET', '/data/auth', { login: false })
    const before = /JSESSIONID=([^;]+)/.exec(cookieOf(anonymous.headers, 'JSESSIONID') ?? '')?.[1]
    const after = await server.request('GET', '/data/JSESSION', {
      headers: { ...own(), ...(before !== undefined && { cookie: `JSESSIONID=${before}` }) },
    })
    expect(after.text).not.toBe(before)
  })

  test('DELETE /data/JSESSION logs out', async () => {
    const { text } = await server.request('POST', '/data/JSESSION', { headers: own() })
    const cookie = `JSESSIONID=${text}`
    const ended = await server.request('DELETE', '/data/JSESSION', { headers: { cookie } })
    expect(ended.status).toBe(200)
    expect(ended.body).toHaveLength(0)
    expect((await server.request('GET', '/data/auth', { headers: { cookie } })).status).toBe(401)
  })

  test('every answer tells when the session ends', async () => {
    for (const path of ['/data/projects?format=json', `/data/projects/${server.project}/nonsense`]) {
      const answer = await server.request('GET', path)
      const text = cookieOf(answer.headers, 'SESSION_EXPIRATION_TIME')
      const [, now, timeout] = /^SESSION_EXPIRATION_TIME="?(\d+),(\d+)"?;.*Path=\//.exec(text ?? '') ?? []
      expect(Number(now), text).toBeGreaterThan(1.7e12)
      expect(Number(timeout)).toBeGreaterThan(0)
      if (isEmulated) expect(timeout).toBe('900000')
    }
  })

  test('PUT and POST /data/services/auth with URL-encoded pairs', async () => {
    const body = new URLSearchParams({ username: server.user, password: server.password }).toString()
    for (const method of ['PUT', 'POST']) {
      const good = await server.request(method, '/data/services/auth', { login: false, body })
      expect(good.status).toBe(200)
      const cookie = `JSESSIONID=${good.text.trim()}`
      expect((await server.request('GET', '/data/auth', { headers: { cookie } })).status).toBe(200)
    }
    const bad = new URLSearchParams({ username: 'nobody-at-all', password: 'x' }).toString()
    const refused = await server.request('POST', '/data/services/auth', { login: false, body: bad })
    expect(refused.status).toBe(401)
  })
})

describe('xnat-wire.md §7: without a valid log-in', () => {
  test('a program gets 401 with a challenge and HTML, below /data, /REST and /xapi', async () => {
    for (const path of ['/data/projects', '/REST/projects', '/xapi/users/username']) {
      for (const agent of [undefined, 'curl/8.5', 'python-requests/2.31', 'node']) {
        const answer = await server.request('GET', path, {
          login: false,
          headers: agent === undefined ? {} : { 'user-agent': agent },
        })
        expect(answer.status, `${path} ${agent}`).toBe(401)
        expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="/)
        expect(answer.headers['content-type']).toMatch(/^text\/html/)
      }
    }
  })

  test('a browser is redirected to the log-in page, which is 200 and HTML', async () => {
    for (const agent of [MOZILLA, 'Opera/9.80', 'x MSIE 9.0', 'AppleWebKit/537']) {
      const answer = await server.request('GET', '/data/projects?format=json', {
        login: false,
        headers: { 'user-agent': agent },
      })
      expect(answer.status).toBe(302)
      expect(answer.headers['location']).toMatch(/\/app\/template\/Login\.vm/)
      expect(answer.headers['www-authenticate']).toBeUndefined()
    }
    const page = await server.request('GET', '/app/template/Login.vm', { login: false })
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(page.text).toContain('<!-- BEGIN xnat-templates/screens/Login.vm -->')
  })

  test('all methods: wrong credentials are 401', async () => {
    const headers = { authorization: basic('nobody-at-all', 'wrong') }
    for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE']) {
      const answer = await server.request(method, `/data/projects/${server.project}`, { headers })
      expect(answer.status, method).toBe(401)
    }
    expect((await server.request('GET', `/data/projects/${server.project}?format=json`)).status).toBe(200)
  })

  test('a dead JSESSIONID is 401 for a program', async () => {
    const headers = { cookie: 'JSESSIONID=00000000000000000000000000000000' }
    const answer = await server.request('GET', '/data/projects', { headers })
    expect(answer.status).toBe(401)
  })
})

describe('xnat-wire.md §7: alias tokens', () => {
  interface Token {
    readonly alias: string
    readonly secret: string
    readonly created: number
    readonly estimatedExpirationTime: number
    readonly singleUse: boolean
    readonly enabled: boolean
    readonly disabled: number
    readonly id: number
    readonly timestamp: number
  }
  const issue = async (): Promise<Token> => {
    const answer = await server.request('GET', '/data/services/tokens/issue')
    expect(answer.status).toBe(200)
    return JSON.parse(answer.text) as Token
  }

  test('issue: alias like a UUID, 64 letters and digits, two days', async () => {
    const token = await issue()
    expect(token.alias).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(token.secret).toMatch(/^[A-Za-z0-9]{64}$/)
    for (const name of ['created', 'estimatedExpirationTime', 'disabled', 'id', 'timestamp'] as const)
      expect(token[name], name).toBeTypeOf('number')
    expect([token.singleUse, token.enabled]).toEqual([false, true])
    if (isEmulated) {
      const days = (token.estimatedExpirationTime - token.created) / 86_400_000
      expect(days).toBeCloseTo(2, 3)
    }
  })

  test('the token logs in as its user, is validated, and ends when invalidated', async () => {
    const { alias, secret } = await issue()
    const headers = { authorization: basic(alias, secret) }
    expect((await server.request('GET', '/data/auth', { headers })).text).toContain(`'${server.user}'`)
    const validate = async (word: string): Promise<unknown> =>
      JSON.parse((await server.request('GET', `/data/services/tokens/validate/${alias}/${word}`)).text)
    expect(await validate(secret)).toEqual({ valid: server.user })
    const wrong = (await validate('wrong')) as { valid?: unknown }
    expect(wrong.valid ?? null).toBeNull()
    const ended = await server.request('GET', `/data/services/tokens/invalidate/${alias}`)
    expect(ended.text).toBe('{"result": "OK"}')
    expect((await server.request('GET', '/data/auth', { headers })).status).toBe(401)
  })

  test('an invented token is 401, and so is asking for one without a log-in', async () => {
    const headers = { authorization: basic('12345678-1234-1234-1234-123456789abc', 'x'.repeat(64)) }
    expect((await server.request('GET', '/data/projects', { headers })).status).toBe(401)
    expect((await server.request('GET', '/data/services/tokens/issue', { login: false })).status).toBe(401)
  })
})

describe('xnat-wire.md §7: CSRF is asked of browsers only', () => {
  const path = (): string => `/data/projects/${server.project}/subjects/csrf`

  test('a browser without the token gets 500, and nothing happens', async () => {
    const { text } = await server.request('GET', '/data/JSESSION?CSRF=true', { headers: own() })
    const [id, token] = text.split('; XNAT_CSRF=')
    const headers = { cookie: `JSESSIONID=${id}`, 'user-agent': MOZILLA }
    expect((await server.request('PUT', path(), { headers })).status).toBe(500)
    expect((await server.request('GET', `${path()}?format=json`)).status).toBe(404)
    const good = await server.request('PUT', `${path()}?XNAT_CSRF=${token}`, { headers })
    expect(good.status).toBe(201)
    expect((await server.request('DELETE', path(), { headers })).status).toBe(500)
    expect((await server.request('GET', `${path()}?format=json`, { headers })).status).toBe(200)
  })

  test('programs, no User-Agent and XNATDesktopClient need none', async () => {
    for (const agent of ['python-requests/2.31', `${MOZILLA} XNATDesktopClient`, 'curl/8.5'])
      expect([200, 201], agent).toContain(
        (await server.request('PUT', path(), { headers: { ...own(), 'user-agent': agent } })).status,
      )
  })
})

describe('xnat-wire.md §7: error bodies and methods', () => {
  test('a status without entity: Restlet’s status page with the message', async () => {
    const answer = await server.request('GET', `/data/projects/${server.project}/resources/NOPE`)
    expect(answer.status).toBe(404)
    expect(answer.headers['content-type']).toBe('text/html;charset=ISO-8859-1')
    expect(answer.text).toMatch(/^<html>\n<head>\n {3}<title>Status page<\/title>/)
    expect(answer.text).toContain('<h3>Unable to find the specified catalog.</h3>')
  })

  test('405 with Allow; OPTIONS lists the methods of files', async () => {
    const list = await server.request('DELETE', '/data/projects')
    expect(list.status).toBe(405)
    expect(list.headers['allow']).toContain('GET')
    const files = `/data/projects/${server.project}/files`
    const options = await server.request('OPTIONS', files)
    expect(options.status).toBe(200)
    expect(String(options.headers['allow']).split(/, */).sort()).toEqual(
      ['POST', 'DELETE', 'PUT', 'GET', 'HEAD', 'OPTIONS'].sort(),
    )
  })

  test('what is not there is 404, and lists that are empty are 200', async () => {
    expect((await server.request('GET', '/data/projects/no_such_project?format=json')).status).toBe(404)
    expect((await server.request('GET', '/data/projects/no_such_project/subjects')).status).toBe(404)
    expect((await server.request('GET', '/data/experiments/NOPE_E00001?format=json')).status).toBe(404)
    const empty = await server.request('GET', `/data/projects/${server.project}/experiments?format=json`)
    expect(empty.status).toBe(200)
    expect(empty.text).toContain('"Result":[]')
  })

  test('§10: DELETE /data/JSESSION has the recorded headers', async () => {
    const answer = await server.request('DELETE', '/data/JSESSION', { headers: own() })
    expect(answer.headers).toMatchObject({
      'content-length': '0',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      server: 'Noelios-Restlet-Engine/1.1.10',
      'accept-ranges': 'bytes',
    })
    expect(answer.headers['content-type']).toBeUndefined()
  })
})
