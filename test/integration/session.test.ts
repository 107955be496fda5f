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
