import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { installForAnybody } from '../support/installation.js'
import { ownDirectories } from '../support/own-directories.js'
import { program, run, xnatfs } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What somebody does who does not know it yet, or on a machine that is not as it should be. docs/semantics.md, 9.3. */
describe('somebody new', () => {
  let server: Server
  let folder: string
  let path: string
  let env: Record<string, string>
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-new-'))
    path = join(folder, 'xnat')
    env = { ...ownDirectories(folder), XNAT_USER: server.user, XNAT_PASS: server.password }
    await server.resetRequests()
  })
  afterEach(async () => {
    // In order, where it can be: a mount that is detached may still write into its folder.
    if (await mountAt(path)) await run(process.execPath, [program, 'umount', path], { env })
    if (await mountAt(path)) await unmount(path, { lazy: true })
    await rm(folder, { recursive: true })
  })
  const call = (...parameters: string[]): Promise<Outcome> => xnatfs(parameters, { env, timeoutMs: 20_000 })

  it('is told what is the matter with a place where nothing can be made', async () => {
    env['XDG_STATE_HOME'] = '/proc'
    const wanted = /^xnatfs: \/proc\/xnatfs\S*: cannot be made a directory: ENOENT.*; set XDG_STATE_HOME to/
    for (const parameters of [
      ['mount', path, '--url', server.url],
      ['login', server.url],
      ['pending', 'list'],
    ])
      expect(await call(...parameters)).toMatchObject({ code: 1, stderr: expect.stringMatching(wanted) })
    expect((await call('doctor')).stdout).toMatch(
      /^fail +state directory +\/proc\/xnatfs cannot be written: /m,
    )
    expect(await call('serve', '--state', '/proc/xnatfs')).toMatchObject({ code: 1 })
  })

  it('mounts without a cache where that cannot be made', async () => {
    const mounted = await call('mount', path, '--url', server.url, '--cache-dir', '/proc/xnatfs')
    expect([mounted.code, mounted.stderr]).toEqual([0, ''])
    expect(await readdir(path)).toContain('TEST')
  })

  it('writes the URL behind the directory, or no directory', async () => {
    const wanted = /^xnatfs: http:\/\/\S+: is a URL and no directory; write the URL first/
    for (const parameters of [[path, server.url], [server.url]])
      expect(await call('mount', ...parameters)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(wanted),
      })
  })

  it('asks for help with what is no command', async () => {
    expect(await call('help', 'umuont')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^xnatfs: umuont: there is no such command; `xnatfs --help` lists/),
    })
    expect((await call('help', 'umount')).stdout).toMatch(/send what is unsent/)
  })

  it('has a configuration and a password of his own, which the demonstration leaves alone', async () => {
    const config = join(env['XDG_CONFIG_HOME']!, 'xnatfs')
    await mkdir(config, { recursive: true })
    await writeFile(join(config, 'config.toml'), 'read-only = true\nurl = "https://xnat.example.org"\n')
    const { code, stdout } = await xnatfs(['demo'], {
      env: { ...env, XNAT_HOST: 'https://xnat.example.org', XNAT_PASS: 'of-another-server' },
    })
    expect([code, stdout]).toEqual([0, expect.stringContaining('the server has the same bytes')])
    expect((await readdir(folder)).toSorted()).toEqual(['config', 'xnatfs'])
  })

  it('serves on a port that another has', async () => {
    const { port } = new URL(server.url)
    expect(await call('serve', '--port', port)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^xnatfs: --port \d+: another program has this port; give another --port/,
      ),
    })
  })

  it('reads the beginning of what is said only, or has no room for it', async () => {
    await call('mount', path, '--url', server.url)
    const line = `"$NODE" "$PROGRAM" status --watch "$PLACE" | head -1; echo "\${PIPESTATUS[0]}"`
    const shellEnv = { ...env, NODE: process.execPath, PROGRAM: program, PLACE: path }
    expect(await run('bash', ['-c', line], { env: shellEnv })).toMatchObject({
      stdout: expect.stringMatching(/xnat\n1\n$/),
      stderr: '',
    })
    const full = await run('bash', ['-c', '"$NODE" "$PROGRAM" status > /dev/full'], { env: shellEnv })
    expect([full.code, full.stderr]).toEqual([
      1,
      expect.stringMatching(/^xnatfs: the standard output: ENOSPC.*; write it elsewhere\n$/),
    ])
  })

  it('has a journal that a full disk has damaged, and sees the others', async () => {
    const journal = join(folder, 'state/xnatfs/journal/0123456789abcdef')
    await mkdir(journal, { recursive: true })
    await writeFile(join(journal, 'server.json'), '')
    expect(await call('pending', 'list')).toMatchObject({
      code: 0,
      stdout: 'nothing is pending\n',
      stderr: expect.stringMatching(
        /server\.json: does not say whose the files beside it are; mount that server/,
      ),
    })
  })

  it('exports where nothing is pending', async () => {
    expect(await call('pending', 'export', join(folder, 'out'))).toMatchObject({
      code: 0,
      stdout: 'nothing is pending\n',
    })
  })

  it('is told once where a mount is that is in use', async () => {
    await call('mount', path, '--url', server.url)
    const user = spawn('sleep', ['60'], { cwd: join(path, 'TEST') })
    try {
      const { stderr } = await call('umount', path)
      expect(stderr.split(path)).toHaveLength(2)
      expect(stderr).toMatch(/: is not unmounted: .*Device or resource busy; close what uses it/)
    } finally {
      const ended = new Promise((resolve) => user.once('exit', resolve))
      user.kill()
      await ended
    }
  })

  it('has no room for the log, and the mount works as ever', async () => {
    const mounted = await call('mount', path, '--url', server.url, '--log-file', '/dev/full')
    expect([mounted.code, mounted.stderr]).toEqual([0, ''])
    expect(await readdir(path)).toContain('TEST')
    await call('umount', path)
    const other = join(folder, 'foreground')
    const child = spawn(
      process.execPath,
      [program, 'mount', '--foreground', '--log-file', '/dev/full', other, '--url', server.url],
      { env: { ...process.env, ...env } },
    )
    try {
      await expect.poll(() => mountAt(other), { timeout: 20_000 }).toBeDefined()
      expect(await readdir(other)).toContain('TEST')
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      expect(await ended).toBe(0)
    } finally {
      child.kill('SIGKILL')
      if (await mountAt(other)) await unmount(other, { lazy: true })
    }
  })

  it('has no name on this machine, as in a container', async () => {
    const nameless = 4_242_424
    const installed = await installForAnybody('prebuilt')
    try {
      const main = join(installed, 'dist/cli/main.js')
      const places = { XDG_RUNTIME_DIR: '/tmp/xnatfs-nameless', XDG_STATE_HOME: '/tmp/xnatfs-nameless' }
      const listed = await run(process.execPath, [main, 'pending', 'list'], {
        uid: nameless,
        cwd: '/',
        env: { ...places, HOME: '' },
      })
      expect([listed.code, listed.stdout]).toEqual([0, 'nothing is pending\n'])
      const { code, stderr } = await run(process.execPath, [main, 'cache', 'status'], {
        uid: nameless,
        cwd: '/',
        env: { ...places, HOME: '', XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '' },
      })
      expect([code, stderr]).toEqual([
        2,
        'xnatfs: HOME: is not set, and the system knows no user of this number; set it to a directory of your own\n',
      ])
    } finally {
      await rm('/tmp/xnatfs-nameless', { recursive: true, force: true })
      await rm(installed, { recursive: true })
    }
  })

  it('mounts twice at the same moment, and one is refused', async () => {
    const parameters = ['mount', path, '--url', server.url]
    const outcomes = await Promise.all([call(...parameters), call(...parameters)])
    expect(outcomes.map(({ code }) => code)).toEqual(expect.arrayContaining([0, 1]))
    expect(outcomes.find(({ code }) => code === 1)!.stderr).toMatch(
      /just being mounted there|is mounted on .* already/,
    )
    expect(await call('umount', path)).toMatchObject({ code: 0 })
    expect(await mountAt(path)).toBeUndefined()
  })

  it('ends the command by Ctrl-C before the server has answered, and has no mount a little later', async () => {
    await server.setFaults([{ method: 'POST', path: '/data/JSESSION', fault: { kind: 'delay', ms: 1000 } }])
    const child = spawn(process.execPath, [program, 'mount', path, '--url', server.url], {
      env: { ...process.env, ...env },
    })
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    try {
      // The mountpoint is made by the process in the background, which has all it needs then.
      await expect.poll(() => readdir(folder), { timeout: 20_000 }).toContain('xnat')
      child.kill('SIGINT')
      expect(await ended).toBe('SIGINT')
      await expect.poll(() => readdir(folder), { timeout: 20_000 }).not.toContain('xnat')
      expect(await mountAt(path)).toBeUndefined()
      const log = join(folder, 'state/xnatfs/log')
      expect(await readFile(join(log, (await readdir(log))[0]!), 'utf8')).toMatch(
        /is not mounted: mount: the command that starts it was ended/,
      )
    } finally {
      await server.setFaults([])
    }
  })

  it('says where to look when the start takes long', async () => {
    await server.setFaults([{ method: 'POST', path: '/data/JSESSION', fault: { kind: 'delay', ms: 5000 } }])
    const child = spawn(process.execPath, [program, 'mount', path, '--url', server.url], {
      env: { ...process.env, ...env },
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    try {
      await expect.poll(() => said, { timeout: 20_000 }).toMatch(/^xnatfs: still starting; see \/.*\.log\n$/)
    } finally {
      child.kill('SIGINT')
      await ended
      await server.setFaults([])
    }
    await expect.poll(() => readdir(folder), { timeout: 20_000 }).not.toContain('xnat')
  })

  /** On a terminal of its own; what is typed goes to `stdin`. */
  const onTerminal = (parameters: string, given: Record<string, string> = {}) => {
    const child = spawn('script', ['-qec', `${process.execPath} ${program} ${parameters}`, '/dev/null'], {
      env: { ...process.env, ...ownDirectories(folder), XNAT_USER: '', XNAT_PASS: '', ...given },
    })
    const said = { text: '' }
    child.stdout.on('data', (chunk: Buffer) => (said.text += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const sees = (words: RegExp): Promise<unknown> =>
      expect.poll(() => said.text, { timeout: 20_000 }).toMatch(words)
    return { child, said, ended, sees }
  }

  it.each([
    ['no name', `User at`, '\r', /User at \S+: none was given; type it and press Enter, or give --user/, 3],
    ['Ctrl-C for a name', `User at`, '\x03', /^(?!.*none was given|.*no terminal)/s, 130],
    ['no password', 'Password of', '\r', /none was given; type it and press Enter, or pipe it/, 3],
    ['Ctrl-C for a password', 'Password of', '\x03', /^(?!.*none was given|.*no terminal)/s, 130],
  ])('gives %s', async (_, question, typed, words, code) => {
    const user = question.startsWith('User') ? '' : '--user admin'
    const { child, said, ended, sees } = onTerminal(`login ${server.url} ${user}`)
    await sees(new RegExp(question))
    child.stdin.write(typed)
    expect(await ended).toBe(code)
    expect(said.text).toMatch(words)
    expect((await server.requests()).filter(({ path: to }) => to.includes('JSESSION'))).toEqual([])
  })

  it('loses the terminal of a mount in the foreground, which ends then, and not by SIGHUP alone', async () => {
    const outcome = join(folder, 'outcome')
    // A shell that tells its jobs of the hang-up, as those at a prompt do, and waits for them.
    const line = `mount --foreground ${path} --url ${server.url} & trap 'kill -HUP $!' HUP; wait $!; wait $!; echo $? > ${outcome}`
    const { child, said, ended, sees } = onTerminal(line, env)
    await sees(/is mounted on/)
    const { stdout } = await call('status', path, '--json')
    const { pid } = JSON.parse(stdout) as { pid: number }
    process.kill(pid, 'SIGHUP')
    await sees(/listings are forgotten/)
    expect(await readdir(path)).toContain('TEST')
    child.kill('SIGKILL') // the terminal goes with it
    await ended
    await expect.poll(() => mountAt(path), { timeout: 20_000 }).toBeUndefined()
    await expect.poll(() => readFile(outcome, 'utf8').catch(() => '')).toBe('0\n')
    expect(said.text).not.toMatch(/unexpected error/)
  })
})
