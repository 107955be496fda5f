import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { XnatClient } from '../../src/xnat/client.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

let emulator: RunningEmulator
let http: Http
beforeEach(async () => {
  emulator = await startEmulator()
  http = new Http({ baseUrl: emulator.url, userAgent: 'xnatfs/test' })
})
afterEach(async () => {
  await http.close()
  await emulator.close()
})

const logIns = (): number =>
  emulator.control.requests().filter(({ path }) => path === '/data/JSESSION').length

describe('Session', () => {
  it('logs in once for any number of requests, and again once when the server has forgotten it', async () => {
    const client = new XnatClient(new Session(http, { user: emulator.user, password: emulator.password }))
    await Promise.all(Array.from({ length: 20 }, () => client.projects()))
    expect(logIns()).toBe(1)
    emulator.control.expireSessions()
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.projects()))
    expect(answers.every((projects) => projects.some(({ id }) => id === 'TEST'))).toBe(true)
    expect(logIns()).toBe(2)
  })

  it('tries a wrong password once, whoever asks', async () => {
    const session = new Session(http, { user: emulator.user, password: 'wrong' })
    const client = new XnatClient(session)
    const answers = await Promise.allSettled([client.projects(), client.projects(), client.whoAmI()])
    expect(answers.every((answer) => answer.status === 'rejected')).toBe(true)
    await expect(client.projects()).rejects.toMatchObject({ code: 'unauthorized' })
    expect(emulator.control.requests()).toHaveLength(1)
  })

  it.each([404, 405, 501])('says that no XNAT answers where a log-in is status %i', async (status) => {
    emulator.control.setFaults([{ path: '/data/JSESSION', fault: { kind: 'status', status } }])
    const session = new Session(http, { user: emulator.user, password: emulator.password })
    await expect(new XnatClient(session).projects()).rejects.toMatchObject({
      code: 'bad-response',
      message: expect.stringMatching(/no XNAT answers here \(status \d+\); check the URL/),
    })
    expect(logIns()).toBe(1)
  })

  it('tells of a refused password once, and tries it again only when it is asked to', async () => {
    const refusals: string[] = []
    const session = new Session(
      http,
      { user: emulator.user, password: emulator.password },
      { onRefused: ({ message }) => refusals.push(message) },
    )
    const client = new XnatClient(session)
    await client.projects()
    expect(session.refusal).toBeUndefined()
    emulator.control.expireSessions()
    emulator.control.resetRequests()
    emulator.control.setFaults([{ path: '/data/JSESSION', fault: { kind: 'status', status: 401 } }])
    for (let i = 0; i < 3; i++) {
      await expect(client.projects()).rejects.toMatchObject({ code: 'unauthorized' })
      expect([logIns(), refusals.length]).toEqual([1, 1])
    }
    expect(emulator.control.requests().length).toBe(2) // with the session that has ended, and the log-in
    expect(session.refusal).toMatchObject({ code: 'unauthorized' })
    session.retryLogIn()
    await expect(client.projects()).rejects.toMatchObject({ code: 'unauthorized' })
    await expect(client.projects()).rejects.toMatchObject({ code: 'unauthorized' })
    expect([logIns(), refusals.length]).toEqual([2, 2])
    emulator.control.setFaults([])
    session.retryLogIn()
    expect((await client.projects()).length).toBeGreaterThan(0)
    expect(session.refusal).toBeUndefined()
  })

  it('is a guest without credentials, and says what to do where guests are not let in', async () => {
    const client = new XnatClient(new Session(http, undefined))
    await expect(client.projects()).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('give --user'),
    })
    expect(logIns()).toBe(0)
  })

  it('knows who it is', async () => {
    const session = new Session(http, { user: emulator.readOnlyUser, password: emulator.readOnlyPassword })
    expect(await new XnatClient(session).whoAmI()).toBe(emulator.readOnlyUser)
  })

  it('gives up a session of somebody else that a site open to guests has forgotten', async () => {
    const open = await startEmulator({ requireLogin: false })
    try {
      const given = { user: open.user, jsession: '0123456789ABCDEF0123456789ABCDEF' }
      const reach = new Http({ baseUrl: open.url, userAgent: 'xnatfs/test' })
      await expect(new XnatClient(new Session(reach, given)).projects()).rejects.toMatchObject({
        code: 'unauthorized',
        message: expect.stringContaining('XNAT_JSESSION'),
      })
      await reach.close()
    } finally {
      await open.close()
    }
  })

  it('ends the session of the server', async () => {
    const session = new Session(http, { user: emulator.user, password: emulator.password })
    await new XnatClient(session).projects()
    await session.end()
    expect(emulator.control.requests().at(-1)).toMatchObject({
      method: 'DELETE',
      path: '/data/JSESSION',
      status: 200,
    })
  })

  it.each([
    ['a listing', '**/projects?**', 'login-page'],
    ['a catalog', '**/resources/*', 'login-page'],
  ] as const)(
    'takes a log-in page in place of %s for an expired session, and says so when it stays',
    async (_, path, kind) => {
      const client = new XnatClient(new Session(http, { user: emulator.user, password: emulator.password }))
      emulator.control.setFaults([{ path, times: 1, fault: { kind } }])
      expect((await client.projects()).length).toBeGreaterThan(0)
      emulator.control.setFaults([{ path: '**', fault: { kind } }])
      await expect(client.projects()).rejects.toMatchObject({
        code: expect.stringMatching(/unauthorized|bad-response/),
      })
    },
  )
})

it.each([
  ['a list', 'GET', '/data/projects/TEST/subjects?format=json', 200],
  ['a change', 'PUT', '/data/projects/TEST/subjects/1/experiments/MR1/resources/NEW', 200],
] as const)(
  'a site open to guests takes nobody who has logged in for one (%s)',
  async (_, method, path, status) => {
    const open = await startEmulator({ requireLogin: false })
    const reach = new Http({ baseUrl: open.url, userAgent: 'xnatfs/test' })
    try {
      const session = new Session(reach, { user: open.user, password: open.password })
      const projects = async (): Promise<string[]> =>
        (await new XnatClient(session).projects()).map(({ id }) => id)
      expect(await projects()).toContain('TEST')
      open.control.expireSessions()
      const response = await session.send({ method, path, html: 'allowed' })
      await response.bytes()
      expect(response.status).toBe(status)
      open.control.expireSessions()
      expect(await projects()).toContain('TEST')
      const logIns = open.control.requests().filter((request) => request.path === '/data/JSESSION')
      expect(logIns).toHaveLength(3)
    } finally {
      await reach.close()
      await open.close()
    }
  },
)

it('a server that gives a new session with each answer is asked to log in twice, and believed then', async () => {
  const id = (count: number): string => String(count).padStart(32, '0')
  let logInCount = 0
  let count = 0
  const server = createServer((request, response) => {
    const isLogIn = request.url === '/data/JSESSION'
    if (isLogIn) logInCount++
    response.setHeader('set-cookie', `JSESSIONID=${id(++count)}; Path=/`)
    response.setHeader('content-type', isLogIn ? 'text/plain' : 'application/json')
    response.end(isLogIn ? id(count) : '{"ResultSet":{"Result":[{"ID":"P"}]}}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const reach = new Http({ baseUrl: `http://127.0.0.1:${port}`, userAgent: 'xnatfs/test' })
  try {
    const client = new XnatClient(new Session(reach, { user: 'u', password: 'p' }))
    for (let i = 0; i < 3; i++) expect((await client.projects()).map((project) => project.id)).toEqual(['P'])
    expect(logInCount).toBe(2)
  } finally {
    await reach.close()
    server.close()
  }
})
