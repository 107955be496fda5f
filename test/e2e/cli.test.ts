import { spawn } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { installForAnybody } from '../support/installation.js'
import { Mount } from '../support/mount.js'
import { program, run, xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

describe('the command line', () => {
  it('explains itself', async () => {
    const { code, stdout } = await xnatfs(['--help'])
    expect(code).toBe(0)
    for (const word of ['mount', 'umount', 'serve', 'demo', 'Examples', 'Exit codes'])
      expect(stdout).toContain(word)
    expect(stdout.split('\n').length).toBeLessThan(40)
    const { stdout: mountHelp } = await xnatfs(['mount', '--help'])
    for (const word of ['--read-only', 'XNAT_HOST', 'XNAT_PASS', '.netrc']) expect(mountHelp).toContain(word)
  })

  it.each([
    [['frobnicate']],
    [['mount']],
    [['mount', '/tmp/x', '--no-such-flag']],
    [['mount', '/tmp/x', '--listing-ttl', 'soon']],
    [['mount', '/no/such/parent/x', '--url', 'http://127.0.0.1:1']],
    [['serve', '--faults', 'not json']],
  ])('answers %j with the exit code for usage and a reason', async (parameters) => {
    const { code, stderr } = await xnatfs(parameters, { env: { NETRC: '/dev/null' } })
    expect([code, stderr.length > 10]).toEqual([2, true])
    expect(stderr).not.toMatch(/^\s+at /m) // no stack
  })

  it('says that nothing is mounted where nothing is', async () => {
    expect(await xnatfs(['umount', tmpdir()])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('nothing is mounted'),
    })
  })
})

describe('the life of a mount', () => {
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    mount = await Mount.start(server)
  })
  afterEach(() => mount.stop([/ended|died|busy|SIG/]))

  const filesOfQc = '/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files'
  const qc = 'TEST/1/MR1/resources/QC'
  const isGone = async (): Promise<boolean> => (await mountAt(mount.path)) === undefined

  it('answers when the command returns, and is gone without a trace when umount returns', async () => {
    expect(await readdir(mount.path)).toContain('TEST')
    const pid = await mount.pid()
    const { code, stdout } = await mount.xnatfs(['umount', mount.path])
    expect([code, stdout]).toEqual([0, expect.stringContaining('everything is on the server')])
    expect(await isGone()).toBe(true)
    await expect.poll(() => isRunning(pid)).toBe(false)
    expect(await readdir(mount.path)).toEqual([])
    const [journal] = await readdir(join(mount.stateDirectory, 'journal'))
    expect(await readdir(join(mount.stateDirectory, 'journal', journal!))).toEqual(['server.json'])
    expect(await readdir(join(mount.directory, 'run', 'xnatfs'))).toEqual([])
  })

  it('shows no password in its arguments, its environment or its log', async () => {
    const pid = await mount.pid()
    for (const file of ['cmdline', 'environ']) {
      expect(await readFile(`/proc/${pid}/${file}`, 'utf8')).not.toContain(server.password)
    }
    expect((await mount.log()).join('\n')).not.toContain(server.password)
    expect((await stat(join(mount.stateDirectory, 'log'))).mode & 0o077).toBe(0)
  })

  it('finds doctor content, also with what is mounted', async () => {
    const { code, stdout } = await mount.xnatfs(['doctor', '--json'])
    const findings = JSON.parse(stdout) as { name: string; verdict: string }[]
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
    expect([code, findings.map(({ name }) => name).slice(-3)]).toEqual([0, ['log-in', 'version', 'ranges']])
    const failed = await xnatfs(['doctor'], { env: { ...mount.env, XNAT_PASS: 'not-the-password' } })
    expect([failed.code, failed.stdout]).toEqual([
      1,
      expect.stringMatching(/^fail +log-in .*\n +→ run `xnatfs login/m),
    ])
    expect(failed.stdout).not.toContain('not-the-password')
  })

  it('is shown by mount and df with its server', async () => {
    expect(await mountAt(mount.path)).toMatchObject({ fsType: 'fuse.xnatfs', source: server.url })
    expect((await run('df', [mount.path])).stdout).toContain(server.url)
  })

  it('is refused where something is mounted or lies already', async () => {
    expect(await mount.xnatfs(['mount', mount.path])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/mounted on .* already; run/),
    })
    const full = join(mount.directory, 'full')
    await mkdir(full)
    await writeFile(join(full, 'file'), '')
    expect(await mount.xnatfs(['mount', full])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/not empty \(such as 'file'\)/),
    })
  })

  it('stands beside others', async () => {
    const other = await Mount.start(server, { flags: ['--read-only'] })
    try {
      await writeFile(join(mount.path, qc, 'both.txt'), 'one')
      expect(await readFile(join(other.path, qc, 'both.txt'), 'utf8')).toBe('one')
      await expect(writeFile(join(other.path, qc, 'no.txt'), 'x')).rejects.toMatchObject({ code: 'EROFS' })
    } finally {
      await other.stop()
    }
    expect(await readdir(mount.path)).toContain('TEST')
  })

  it('is taken away when its program dies by kill -9', async () => {
    process.kill(await mount.pid(), 'SIGKILL')
    await expect.poll(isGone).toBe(true)
    expect(await readdir(mount.path)).toEqual([])
    expect((await mount.xnatfs(['mount', mount.path])).code).toBe(0)
    expect(await readdir(mount.path)).toContain('TEST')
  })

  it('in use is not unmounted, and goes on; --lazy detaches it', async () => {
    const user = spawn('sleep', ['60'], { cwd: join(mount.path, 'TEST') })
    try {
      const { code, stderr } = await mount.xnatfs(['umount', mount.path])
      expect([code, stderr]).toEqual([1, expect.stringMatching(/busy; close what uses it .* or use --lazy/)])
      expect(await readdir(mount.path)).toContain('TEST')
      expect((await mount.xnatfs(['umount', '--lazy', mount.path])).code).toBe(0)
      expect(await isGone()).toBe(true)
    } finally {
      user.kill()
    }
  })

  it('unmounted by fusermount sends what is unsent and ends', async () => {
    const pid = await mount.pid()
    await writeFile(join(mount.path, qc, 'empty-by-fusermount'), '')
    expect((await run('fusermount3', ['-u', mount.path])).code).toBe(0)
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false)
    expect((await server.rest('GET', `${filesOfQc}/empty-by-fusermount`)).status).toBe(200)
  })

  it('ends by SIGTERM in order', async () => {
    const pid = await mount.pid()
    await writeFile(join(mount.path, qc, 'empty-by-sigterm'), '')
    process.kill(pid, 'SIGTERM')
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false)
    expect(await isGone()).toBe(true)
    expect((await server.rest('GET', `${filesOfQc}/empty-by-sigterm`)).status).toBe(200)
  })

  it('sees what others do after SIGHUP', async () => {
    expect(await readdir(join(mount.path, qc))).not.toContain('by-another.txt')
    await server.rest('PUT', `${filesOfQc}/by-another.txt`, 'x')
    expect(await readdir(join(mount.path, qc))).not.toContain('by-another.txt')
    process.kill(await mount.pid(), 'SIGHUP')
    await expect.poll(() => readdir(join(mount.path, qc))).toContain('by-another.txt')
  })

  it('makes the kernel too forget what it knows at SIGHUP, and leaves those alone who are in the mount', async () => {
    await server.rest('PUT', `${filesOfQc}/grows.txt`, 'x')
    const path = join(mount.path, qc, 'grows.txt')
    expect((await stat(path)).size).toBe(1)
    await server.rest('PUT', `${filesOfQc}/grows.txt?overwrite=true`, 'longer')
    expect((await stat(path)).size).toBe(1)
    const inside = spawn('bash', ['-c', 'read; ls grows.txt; /bin/pwd'], {
      cwd: join(mount.path, qc),
    })
    let said = ''
    inside.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const ended = new Promise((resolve) => inside.once('exit', resolve))
    await mount.refresh()
    await expect.poll(async () => (await stat(path)).size).toBe(6)
    inside.stdin.write('\n')
    await ended
    expect(said).toBe(`grows.txt\n${join(mount.path, qc)}\n`)
  })

  it('in the foreground logs to the terminal and ends by Ctrl-C', async () => {
    const path = join(mount.directory, 'foreground')
    const child = spawn(process.execPath, [program, 'mount', '--foreground', path], {
      env: { ...process.env, ...mount.env },
    })
    try {
      let text = ''
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
      await expect.poll(() => text, { timeout: 10_000 }).toMatch(/is mounted on/)
      expect(await readdir(path)).toContain('TEST')
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      expect(await ended).toBe(0)
      expect(text).toMatch(/everything is on the server/)
      expect(await mountAt(path)).toBeUndefined()
    } finally {
      child.kill('SIGKILL')
      if (await mountAt(path)) await unmount(path, { lazy: true })
    }
  })
})

describe('an ordinary user', () => {
  const nobody = 65534
  let server: Server
  let folder: string
  let installed: string
  let deviceMode: number
  beforeAll(async () => {
    server = await Server.start()
    installed = await installForAnybody('prebuilt')
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-nobody-'))
    await chown(folder, nobody, nobody)
    // udev gives the device to everybody; a bare machine may not have done so.
    deviceMode = (await stat('/dev/fuse')).mode & 0o777
    await chmod('/dev/fuse', 0o666)
  })
  afterAll(async () => {
    await chmod('/dev/fuse', deviceMode)
    await server.stop()
    await rm(folder, { recursive: true })
    await rm(installed, { recursive: true })
  })
  const main = (): string => join(installed, 'dist/cli/main.js')
  const asNobody = (
    command: string,
    parameters: readonly string[],
    env: Record<string, string> = {},
  ): ReturnType<typeof run> =>
    run(command, parameters, {
      uid: nobody,
      cwd: folder,
      env: {
        HOME: folder,
        XDG_STATE_HOME: join(folder, 'state'),
        XDG_CACHE_HOME: join(folder, 'cache'),
        XDG_RUNTIME_DIR: folder,
        XNAT_HOST: server.url,
        XNAT_USER: server.user,
        XNAT_PASS: server.password,
        ...env,
      },
    })

  it.each<[string, Record<string, string>, string[], RegExp]>([
    [
      '--allow-other, which /etc/fuse.conf does not allow',
      {},
      ['--allow-other'],
      /xnat: cannot be mounted on: fusermount3: option allow_other .*; have root add the line user_allow_other/,
    ],
    [
      'a place without fusermount3',
      { PATH: '/absent' },
      [],
      /FUSE: does not work here: the program fusermount is not there; install it: `apt-get install fuse3`/,
    ],
    [
      'a path that no socket can have',
      { XDG_RUNTIME_DIR: `/tmp/${'x'.repeat(120)}` },
      [],
      /\.turn: is too long for a socket, .*; set XDG_RUNTIME_DIR to a shorter path/,
    ],
    [
      'a state directory of somebody else',
      { XDG_STATE_HOME: '/root' },
      [],
      /^xnatfs: \/root\/xnatfs\S*: cannot be made a directory: .*; set XDG_STATE_HOME to a directory of your own/,
    ],
  ])('is told what %s wants, and nothing is left behind', async (_, env, flags, words) => {
    const path = join(folder, 'xnat')
    try {
      const { code, stderr } = await asNobody(process.execPath, [main(), 'mount', path, ...flags], env)
      expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(words)])
      expect(await mountAt(path)).toBeUndefined()
    } finally {
      await rm(`/tmp/${'x'.repeat(120)}`, { recursive: true, force: true })
    }
  })

  it('mounts, reads, writes and unmounts with fusermount3', async () => {
    const path = join(folder, 'xnat')
    const mounted = await asNobody(process.execPath, [main(), 'mount', path])
    expect([mounted.code, mounted.stderr]).toEqual([0, ''])
    expect(await readFile(mounted.stdout.trim().replace(/.*log: /, ''), 'utf8')).toContain('driver libfuse3')
    try {
      const resource = `${path}/TEST/1/MR1/resources/BY_NOBODY`
      const work = `mkdir ${resource} && cp -r ${path}/TEST/1/MR1/scans/1/DICOM ${resource}/ && diff -r ${path}/TEST/1/MR1/scans/1/DICOM ${resource}/DICOM && stat -c %u ${resource}`
      const worked = await asNobody('bash', ['-c', work])
      expect([worked.code, worked.stdout, worked.stderr]).toEqual([0, `${nobody}\n`, ''])
      expect(await codeOf(readdir(path))).toBe('EACCES') // not even root, without --allow-other
      const unmounted = await asNobody(process.execPath, [main(), 'umount', path])
      expect([unmounted.code, unmounted.stderr]).toEqual([0, ''])
    } finally {
      if (await mountAt(path)) await unmount(path, { lazy: true })
    }
  })
})

/** A process that has ended may wait for long to be reaped where the machine's first process is no init. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX')
  return !/^State:\t[XZ]/m.test(status)
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action
    return 'none'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}
