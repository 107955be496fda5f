import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { ownDirectories } from '../support/own-directories.js'
import { program, xnatfs } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { Server } from '../support/server.js'

/** docs/semantics.md, 9. */
describe('xnatfs login', () => {
  let server: Server
  let folder: string
  let path: string
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-login-'))
    path = join(folder, 'xnat')
    await server.resetRequests()
  })
  afterEach(async () => {
    if (await mountAt(path)) await unmount(path, { lazy: true })
    await rm(folder, { recursive: true })
  })
  const call = (parameters: readonly string[], input?: string, env = {}): Promise<Outcome> =>
    xnatfs(parameters, {
      ...(input !== undefined && { input }),
      env: {
        ...ownDirectories(folder),
        ...env,
      },
    })
  const logIn = (): Promise<Outcome> =>
    call(['login', server.url, '--user', server.user, '--password-stdin'], `${server.password}\n`)
  const storedToken = async (): Promise<{ alias: string; secret: string }> => {
    const tokens = join(folder, 'state', 'xnatfs', 'tokens')
    const [name] = await readdir(tokens)
    return JSON.parse(await readFile(join(tokens, name!), 'utf8')) as { alias: string; secret: string }
  }

  it('takes the password once; mounts need none; logout makes the token worthless', async () => {
    expect(await logIn()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/as admin; .* good until \d{4}-\d\d-\d\d \d\d:\d\d UTC/),
    })
    const { alias, secret } = await storedToken()
    const mounted = await call(['mount', path, '--url', server.url, '--insecure'])
    expect([mounted.code, mounted.stderr]).toEqual([
      0,
      expect.stringMatching(/--insecure: .* is NOT checked/),
    ])
    expect((await call(['status', path])).stdout).toMatch(/warn --insecure: .* is NOT checked/)
    expect(await readdir(path)).toContain('TEST')
    expect((await call(['umount', path])).code).toBe(0)
    const loggedOut = await call(['logout', server.url])
    expect([loggedOut.code, loggedOut.stdout]).toEqual([0, `logged out at ${server.url} (admin)\n`])
    expect(await readdir(join(folder, 'state', 'xnatfs', 'tokens'))).toEqual([])
    const { stderr } = await call(['mount', path, '--url', server.url, '--user', alias], '', {
      XNAT_PASS: secret,
    })
    expect(stderr).toMatch(/refused user/)
    expect(await call(['logout', server.url])).toMatchObject({ code: 5 })
  })

  it('asks on a terminal, and does not show what is typed', async () => {
    const line = `${process.execPath} ${program} login ${server.url} --user admin`
    const script = spawn('script', ['-qec', line, '/dev/null'], {
      env: { ...process.env, XDG_STATE_HOME: join(folder, 'state'), XDG_CONFIG_HOME: folder },
    })
    let text = ''
    script.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const ended = new Promise((resolve) => script.once('exit', resolve))
    await expect.poll(() => text, { timeout: 20_000 }).toMatch(/Password of admin at/)
    script.stdin.write(`${server.password}\n`)
    expect(await ended).toBe(0)
    expect(text).toMatch(/logged in at/)
    expect(text).not.toContain(server.password)
  })

  it('sends a wrong password once, and keeps nothing', async () => {
    const { code, stderr } = await call(
      ['login', server.url, '--user', 'admin', '--password-stdin'],
      'not-the-password\n',
    )
    expect([code, stderr]).toEqual([3, expect.stringMatching(/refused user 'admin'/)])
    expect(stderr).not.toContain('not-the-password')
    expect((await server.requests()).map(({ status }) => status)).toEqual([401])
    expect(await readdir(join(folder, 'state', 'xnatfs', 'tokens'))).toEqual([])
  })

  it('gives a mount whose password was refused new credentials', async () => {
    await call(['mount', path, '--url', server.url, '--user', 'admin'], '', { XNAT_PASS: server.password })
    await server.setFaults([{ path: '/data/JSESSION', times: 1, fault: { kind: 'status', status: 401 } }])
    await server.expireSessions()
    await expect(readdir(join(path, 'TEST'))).rejects.toMatchObject({ code: 'EACCES' })
    await expect(readdir(join(path, 'TEST'))).rejects.toMatchObject({ code: 'EACCES' })
    await logIn()
    expect(await readdir(join(path, 'TEST'))).toContain('1')
    expect((await call(['umount', path])).code).toBe(0)
  })

  it('is not needed with XNAT_JSESSION, which is left as it was', async () => {
    const basic = Buffer.from(`${server.user}:${server.password}`).toString('base64')
    const answer = await fetch(`${server.url}/data/JSESSION`, {
      headers: { authorization: `Basic ${basic}` },
    })
    const jsession = await answer.text()
    const env = { XNAT_JSESSION: jsession, XNAT_HOST: server.url }
    expect(await call(['mount', path], '', env)).toMatchObject({ code: 0, stderr: '' })
    expect(await readdir(path)).toContain('TEST')
    expect((await call(['umount', path])).code).toBe(0)
    expect((await server.requests()).filter(({ method }) => method === 'DELETE')).toEqual([])
    await server.expireSessions()
    expect(await call(['mount', path], '', env)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /the session of XNAT_JSESSION at .* has ended; set XNAT_JSESSION to another one/,
      ),
    })
  })

  it('mount takes what a profile says, and config show tells where it is from', async () => {
    await mkdir(join(folder, 'config', 'xnatfs'), { recursive: true })
    const file = join(folder, 'config', 'xnatfs', 'config.toml')
    await writeFile(file, `memory = 64\n[profile.lab]\nurl = "${server.url}"\nread-only = true\n`)
    const shown = await call(['config', 'show', '--profile', 'lab', '--listing-ttl', '9'])
    expect(shown.stdout).toMatch(new RegExp(`^url +${server.url} +\\[profile.lab\\] of ${file}$`, 'm'))
    expect(shown.stdout).toMatch(new RegExp(`^memory +64 +${file}$`, 'm'))
    expect(shown.stdout).toMatch(/^listing-ttl +9 +--listing-ttl$/m)
    expect(shown.stdout).toMatch(/^connections +16 +default$/m)
    await logIn()
    expect(await call(['mount', path, '--profile', 'lab'])).toMatchObject({ code: 0, stderr: '' })
    await expect(writeFile(join(path, 'TEST/1/MR1/resources/QC/x'), 'x')).rejects.toMatchObject({
      code: 'EROFS',
    })
    expect((await call(['umount', path])).code).toBe(0)
  })
})
