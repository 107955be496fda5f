import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import type { Server as TlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reachOf } from '../../src/cli/server-access.js'
import type { ConnectionFlags } from '../../src/cli/flags.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { XnatClient } from '../../src/xnat/client.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

describe('how a server is reached', () => {
  let emulator: RunningEmulator
  let folder: string
  let tls: TlsServer
  let proxy: Server
  /** Where the proxy was asked to connect to. */
  const targets: string[] = []
  let portOfTls: number
  let portOfProxy: number
  beforeAll(async () => {
    emulator = await startEmulator({ empty: true })
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-reach-'))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'ca.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,DNS:xnat.test']
    const form = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    await promisify(execFile)('openssl', ['req', '-x509', ...form, ...subject, '-keyout', key, '-out', cert])
    const portOfEmulator = Number(new URL(emulator.url).port)
    tls = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
      const inner = connect(portOfEmulator, '127.0.0.1')
      for (const end of [socket, inner]) end.on('error', () => {})
      socket.pipe(inner).pipe(socket)
    })
    portOfTls = await listening(tls)
    proxy = createServer().on('connect', (request, socket) => {
      targets.push(`${request.headers['proxy-authorization'] ?? 'nobody'} ${request.url}`)
      const port = request.url!.endsWith(':443') ? portOfTls : portOfEmulator
      const inner = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
      for (const end of [socket, inner]) end.on('error', () => {})
      socket.pipe(inner).pipe(socket)
    })
    portOfProxy = await listening(proxy)
  })
  afterAll(async () => {
    tls.close()
    proxy.close()
    await emulator.close()
    await rm(folder, { recursive: true })
  })
  const whoAmI = async (
    url: string,
    flags: ConnectionFlags = {},
    env: Record<string, string> = {},
  ): Promise<string> => {
    const http = new Http({ baseUrl: url, userAgent: 'xnatfs/test', reach: reachOf(url, flags, env) })
    try {
      const session = new Session(http, { user: emulator.user, password: emulator.password })
      return await new XnatClient(session).whoAmI()
    } finally {
      await http.close()
    }
  }

  it('a certificate that nobody knows is refused, and --ca-file and --insecure are the ways out', async () => {
    const url = `https://localhost:${portOfTls}`
    await expect(whoAmI(url)).rejects.toThrow(/certificate is not trusted .*--ca-file/)
    expect(await whoAmI(url, { caFile: join(folder, 'ca.pem') })).toBe(emulator.user)
    expect(await whoAmI(url, { insecure: true })).toBe(emulator.user)
  })

  it('a server without TLS is told from one that nobody trusts', async () => {
    const url = emulator.url.replace('http:', 'https:')
    await expect(whoAmI(url)).rejects.toThrow(/does not speak TLS .*; check the URL/)
  })

  it('a CA file that is none is told by its name', async () => {
    const url = `https://localhost:${portOfTls}`
    await expect(whoAmI(url, { caFile: join(folder, 'absent.pem') })).rejects.toThrow(
      /absent\.pem: cannot be read/,
    )
    await expect(whoAmI(url, { caFile: join(folder, 'key.pem') })).rejects.toThrow(/no certificate in PEM/)
  })

  it('by the proxy of the environment, not for this machine and not for NO_PROXY', async () => {
    const env = { http_proxy: `http://127.0.0.1:${portOfProxy}` }
    targets.length = 0
    expect(await whoAmI(emulator.url, {}, env)).toBe(emulator.user)
    expect(targets).toEqual([])
    expect(await whoAmI('http://xnat.test', {}, env)).toBe(emulator.user)
    expect(new Set(targets)).toEqual(new Set(['nobody xnat.test:80']))
    await expect(whoAmI('http://xnat.test', {}, { ...env, NO_PROXY: '.test' })).rejects.toThrow(/xnat\.test/)
  })

  it('by HTTPS_PROXY, with its password, for https', async () => {
    const env = {
      HTTPS_PROXY: `http://who:word@127.0.0.1:${portOfProxy}`,
      HTTP_PROXY: 'http://127.0.0.1:9',
    }
    targets.length = 0
    expect(await whoAmI('https://xnat.test', { caFile: join(folder, 'ca.pem') }, env)).toBe(emulator.user)
    expect(targets[0]).toBe(`Basic ${Buffer.from('who:word').toString('base64')} xnat.test:443`)
  })
})

async function listening(server: Server | TlsServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
