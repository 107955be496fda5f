import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { readSettings } from '../../src/cli/config-file.js'
import { findCredentials } from '../../src/cli/credentials.js'
import { reachOf } from '../../src/cli/server-access.js'
import { parseServerUrl, pathInArchive } from '../../src/cli/server-url.js'
import { TokenStore } from '../../src/cli/token-store.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { Fault, RunningEmulator } from '../../src/emulator/emulator.js'
import { causeChain } from '../../src/util/log.js'
import { invalidateToken } from '../../src/xnat/alias-token.js'
import { XnatClient } from '../../src/xnat/client.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'
import type { Credentials } from '../../src/xnat/session.js'

/** docs/semantics.md, 9.6: what an error says, and what a crash would print of it, with all of its causes. */
describe('an error has no secret', () => {
  const word = 'the-word-nobody-may-see'
  const secrets = [
    word,
    Buffer.from(`admin:${word}`).toString('base64'),
    Buffer.from(`who:${word}`).toString('base64'),
  ]
  let emulator: RunningEmulator
  let proxy: Server
  let folder: string
  beforeAll(async () => {
    emulator = await startEmulator({ empty: true })
    proxy = createServer().on('connect', (_, socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'))
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-secrets-'))
  })
  afterAll(async () => {
    proxy.close()
    await emulator.close()
    await rm(folder, { recursive: true })
  })
  afterEach(() => {
    emulator.control.setFaults([])
    vi.unstubAllEnvs()
  })
  const withSession = async (
    use: (session: Session) => Promise<unknown>,
    options: { url?: string; credentials?: Credentials; env?: Record<string, string> } = {},
  ): Promise<unknown> => {
    const { url = emulator.url, credentials = { user: 'admin', password: word }, env = {} } = options
    const http = new Http({ baseUrl: url, userAgent: 'xnatfs/test', reach: reachOf(url, {}, env) })
    try {
      return await use(new Session(http, credentials))
    } finally {
      await http.close()
    }
  }
  const whoAmI = (session: Session): Promise<string> => new XnatClient(session).whoAmI()
  const fault = (path: string, what: Fault): void => emulator.control.setFaults([{ path, fault: what }])
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  const portOfProxy = (): number => (proxy.address() as AddressInfo).port
  it.each<[string, () => Promise<unknown>]>([
    ['of a wrong password', () => withSession(whoAmI)],
    [
      'of a log-in whose connection breaks',
      () => (fault('/data/JSESSION', { kind: 'drop', afterBytes: 0 }), withSession(whoAmI)),
    ],
    [
      'of a log-in that is answered by a page',
      () => (fault('/data/JSESSION', { kind: 'login-page' }), withSession(whoAmI)),
    ],
    [
      'of a log-in to a server that fails',
      () => (fault('/data/JSESSION', { kind: 'status', status: 500 }), withSession(whoAmI)),
    ],
    [
      'of a session that has ended',
      () => withSession(whoAmI, { credentials: { user: 'admin', jsession: word } }),
    ],
    [
      'of a proxy that refuses',
      () =>
        withSession(whoAmI, {
          url: 'https://xnat.test',
          env: { HTTPS_PROXY: `http://who:${word}@127.0.0.1:${portOfProxy()}` },
        }),
    ],
    [
      'of a proxy that is not there',
      () =>
        withSession(whoAmI, {
          url: 'http://xnat.test',
          env: { HTTP_PROXY: `http://who:${word}@127.0.0.1:9` },
        }),
    ],
    [
      'of a token that cannot be made worthless',
      () =>
        withSession(
          async (session) => {
            await whoAmI(session)
            fault('/data/services/**', { kind: 'drop', afterBytes: 0 })
            await invalidateToken(session, word)
          },
          { credentials: { user: 'admin', password: emulator.password } },
        ),
    ],
    [
      'of a damaged file of a token',
      async () => {
        vi.stubEnv('XDG_STATE_HOME', folder)
        const store = await TokenStore.open()
        await file('xnatfs/tokens/a.json', `{"secret":"${word}"x`)
        await store.all()
      },
    ],
    [
      'of a configuration file that is no TOML',
      async () => readSettings(await file('a.toml', `password = "${word}`), undefined),
    ],
    [
      'of a configuration file with a password',
      async () => readSettings(await file('b.toml', `password = "${word}"`), undefined),
    ],
    [
      'of a URL that has a password',
      () => Promise.resolve().then(() => parseServerUrl(`https://me:${word}@h`)),
    ],
    [
      'of a URL that is none, and has a password',
      () => Promise.resolve().then(() => parseServerUrl(`https://me:${word}@h:port`)),
    ],
    [
      'of a path that is none, behind a password',
      () => Promise.resolve().then(() => pathInArchive(`https://me:${word}@h/data/projects/%zz`)),
    ],
    [
      'of a ~/.netrc that others can read',
      async () => {
        const path = await file('netrc', `machine h login me password ${word}`)
        await chmod(path, 0o644)
        await findCredentials('https://h', {
          flags: { user: 'me' },
          env: { NETRC: path },
        } as unknown as Parameters<typeof findCredentials>[1])
      },
    ],
  ])('%s', async (_, task) => {
    const error: unknown = await task().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(Error)
    const shown = `${causeChain(error)}\n${inspect(error, { depth: Infinity, showHidden: true })}\n${JSON.stringify(error)}`
    for (const secret of secrets) expect(shown).not.toContain(secret)
  })
})
