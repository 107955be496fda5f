import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AccountStates } from '../../src/emulator/emulator.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

describe.runIf(isEmulated)('xnat-wire.md §7: who is not let in', () => {
  let server: ContractServer
  beforeAll(async () => {
    server = await startContractServer()
  })
  afterAll(() => server?.close())
  beforeEach(() => server.emulator!.control.setAccounts({}))
  const states = (value: AccountStates): void => server.emulator!.control.setAccounts(value)
  const logIn = (user: string, password = `${user}-pass`): ReturnType<ContractServer['request']> =>
    server.request('POST', '/data/JSESSION', { headers: { authorization: basic(user, password) } })
  const byCookie = (id: string): ReturnType<ContractServer['request']> =>
    server.request('GET', '/data/projects?format=json', { headers: { cookie: `JSESSIONID=${id}` } })

  test('an expired password is 403 and says so; with a cookie one is sent to the page for changing it', async () => {
    const { text } = await logIn('member')
    states({ expired: ['member'] })
    expect(await logIn('member')).toMatchObject({
      status: 403,
      text: expect.stringContaining('Your password has expired'),
    })
    const redirected = await byCookie(text)
    expect([redirected.status, redirected.headers.location]).toEqual([
      302,
      `${server.url}/app/template/ChangePassword.vm`,
    ])
    expect((await logIn('member', 'wrong')).status).toBe(401)
    expect((await logIn('reader')).status).toBe(200)
  })

  test('a locked account is answered like a wrong password, with the right one too', async () => {
    states({ locked: ['member'] })
    const [right, wrong] = [await logIn('member'), await logIn('member', 'wrong')]
    expect([right.status, wrong.status]).toEqual([401, 401])
    expect(right.text).toBe(wrong.text)
    states({})
    expect((await logIn('member')).status).toBe(200)
  })

  test('a disabled account is redirected', async () => {
    states({ disabled: ['member'] })
    const { status, headers } = await logIn('member')
    expect([status, headers.location]).toEqual([302, expect.stringContaining('/app/')])
  })

  test('a site that is not set up lets administrators in only', async () => {
    states({ isSetUp: false })
    expect(await logIn('member')).toMatchObject({
      status: 403,
      text: expect.stringContaining('Site has not yet been configured.'),
    })
    expect((await logIn('admin')).status).toBe(200)
  })

  test('the control path refuses what is no state', async () => {
    const put = (body: unknown): Promise<Response> =>
      fetch(`${server.url}/__emulator/accounts`, { method: 'PUT', body: JSON.stringify(body) })
    for (const body of [[], { late: [] }, { expired: 'member' }, { expired: ['nobody'] }, { isSetUp: 'no' }])
      expect((await put(body)).status).toBe(400)
    const taken = await put({ locked: ['member'] })
    expect([taken.status, await taken.json()]).toEqual([200, { locked: ['member'] }])
  })
})
