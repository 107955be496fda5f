import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { latestLogIns } from '../../src/cli/find-log-in.js'
import { renewToken } from '../../src/cli/token-renewal.js'
import { TokenStore } from '../../src/cli/token-store.js'
import type { StoredToken } from '../../src/cli/token-store.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { issueToken } from '../../src/xnat/alias-token.js'
import { XnatClient } from '../../src/xnat/client.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

const hourMs = 3600_000

describe('the token of xnatfs login', () => {
  let emulator: RunningEmulator
  let directory: string
  let http: Http
  let session: Session
  let store: TokenStore
  let nowMs = Date.now()
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xnatfs-token-'))
    vi.stubEnv('XDG_STATE_HOME', directory)
    emulator = await startEmulator({ empty: true, now: () => nowMs })
    http = new Http({ baseUrl: emulator.url, userAgent: 'xnatfs/test' })
    store = await TokenStore.open()
    const withPassword = new Session(http, { user: emulator.user, password: emulator.password })
    const token = {
      url: emulator.url,
      user: emulator.user,
      issuedMs: nowMs,
      ...(await issueToken(withPassword, nowMs)),
    }
    await store.put(token)
    session = sessionOf(token)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await http.close()
    await emulator.close()
    await rm(directory, { recursive: true })
  })
  const sessionOf = ({ user, alias, secret }: StoredToken): Session => {
    const credentials = { user, password: secret, alias }
    return new Session(http, credentials, {
      latest: () => latestLogIns(emulator.url, { credentials, source: 'xnatfs login' }),
    })
  }
  const stored = async (): Promise<StoredToken> => (await store.find(emulator.url, emulator.user))!
  const renew = (): Promise<void> => renewToken(emulator.url, emulator.user, session, nowMs)

  it('lets in who it was issued to', async () => {
    expect(await new XnatClient(session).whoAmI()).toBe(emulator.user)
  })

  it('lies where only its owner can read it', async () => {
    const folder = join(directory, 'xnatfs', 'tokens')
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    const [name, ...others] = await readdir(folder)
    expect(others).toEqual([])
    expect((await stat(join(folder, name!))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, name!), 'utf8')).not.toContain(emulator.password)
  })

  it('is replaced when half of its time is over, so that it never ends while it is used', async () => {
    const first = await stored()
    nowMs += 23 * hourMs
    await renew()
    expect(await stored()).toEqual(first)
    for (let day = 0; day < 5; day++) {
      nowMs += 25 * hourMs
      await renew()
      expect((await stored()).expiresMs).toBe(nowMs + 48 * hourMs)
      emulator.control.expireSessions()
      expect(await new XnatClient(session).whoAmI()).toBe(emulator.user)
    }
  })

  it('is not brought back by a mount after a log-out', async () => {
    nowMs += 25 * hourMs
    await new XnatClient(session).whoAmI()
    await store.remove(await stored())
    await renew()
    expect(await store.all()).toEqual([])
  })

  it('that has ended is tried once, and a newer one is taken when there is one', async () => {
    const ended = await stored()
    nowMs += 49 * hourMs
    emulator.control.resetRequests()
    for (let i = 0; i < 3; i++)
      await expect(new XnatClient(session).whoAmI()).rejects.toThrow(/not valid any more.*xnatfs login/)
    expect(emulator.control.requests().map(({ path }) => path)).toEqual(['/data/JSESSION'])
    const again = new Session(http, { user: emulator.user, password: emulator.password })
    await store.put({ ...ended, issuedMs: nowMs, ...(await issueToken(again, nowMs)) })
    expect(await new XnatClient(session).whoAmI()).toBe(emulator.user)
  })
})
