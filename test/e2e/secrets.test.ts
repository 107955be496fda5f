import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import type { MountableServer } from '../support/mount.js'
import type { StoredToken } from '../../src/cli/token-store.js'
import { end, program, run, xnatfs } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { Server } from '../support/server.js'
import { WireTap } from '../support/wire-tap.js'

/** docs/semantics.md, 9.6: what is secret is nowhere but where it has to be. */
describe('secrets', () => {
  const wordOfProxy = 'word-of-the-proxy'
  let server: Server
  /** Mounts go to the server by this. */
  let tap: WireTap
  let jsession: string
  let bin: string
  beforeAll(async () => {
    server = await Server.start()
    tap = await WireTap.start(server.port)
    bin = await mkdtemp(join(tmpdir(), 'xnatfs-secrets-'))
    const answer = await fetch(`${server.url}/data/JSESSION`, { headers: { authorization: basic() } })
    jsession = await answer.text()
  })
  afterAll(async () => {
    tap.stop()
    await server.stop()
    await rm(bin, { recursive: true })
  })
  const account = (): MountableServer => ({ url: tap.url, user: server.user, password: server.password })
  const basic = (): string => `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`
  const secrets = (): string[] => [server.password, basic(), jsession, wordOfProxy, ...tap.sessions]
  /** A program that writes its environment into a file, and then is what it is called. */
  const spy = async (name: string): Promise<string> => {
    const [path, seen] = [join(bin, name), join(bin, `${name}.seen`)]
    const { stdout } = await run('sh', ['-c', `command -v ${name}`])
    await writeFile(path, `#!/bin/sh\nenv >> ${seen}; exec ${stdout.trim()} "$@"\n`)
    await chmod(path, 0o755)
    return seen
  }
  const environment = (): Record<string, string> => ({
    XNAT_JSESSION: jsession,
    HTTPS_PROXY: `http://who:${wordOfProxy}@127.0.0.1:9`,
  })

  /** Uses a mount so that it logs, fails and keeps things; gives what its commands said. */
  const use = async (mount: Mount): Promise<string> => {
    const said: Outcome[] = []
    const call = async (...parameters: string[]): Promise<void> => {
      said.push(await xnatfs(parameters, { env: { ...mount.env, ...environment() } }))
    }
    const qc = join(mount.path, 'TEST/1/MR1/resources/QC')
    await readFile(join(mount.path, 'TEST/1/MR1/scans/1/DICOM/1.dcm'))
    await server.setFaults([
      { method: 'PUT', path: '**/files/**', times: 1, fault: { kind: 'status', status: 500 } },
      { path: '**/scans/2/**', fault: { kind: 'drop', afterBytes: 0 } },
    ])
    await writeFile(join(qc, 'kept.txt'), 'kept').catch(() => {})
    await readdir(join(mount.path, 'TEST/1/MR1/scans/2/DICOM')).catch(() => {})
    await server.setFaults([{ path: '/data/JSESSION', fault: { kind: 'status', status: 401 } }])
    await server.expireSessions()
    await readdir(join(mount.path, 'TEST/1/MR1/scans/3/DICOM')).catch(() => {})
    await call('status', mount.path, '--json')
    await call('status', mount.path)
    await call('mounts')
    await call('pending', 'list', '--json')
    await call('config', 'show')
    await call('doctor')
    await call('mount', join(mount.directory, 'other'))
    await server.setFaults([])
    await call('refresh', mount.path)
    return said.map(({ stdout, stderr }) => stdout + stderr).join('\n')
  }
  const expectNoSecret = (what: string, text: string, also: readonly string[] = []): void => {
    for (const secret of [...secrets(), ...also])
      expect(text.includes(secret), `${what} has '${secret}'`).toBe(false)
  }
  /** Of all processes: their arguments; of those that serve the mount: what they began with. */
  const expectNoneInProcesses = async (pid: number, also: readonly string[] = []): Promise<void> => {
    expectNoSecret('ps', (await run('ps', ['axww', '-o', 'args'])).stdout, also)
    expect(await readFile(`/proc/${pid}/environ`, 'utf8')).toContain('XNATFS_DAEMON=1')
    for (const process of await familyOf(pid))
      expectNoSecret(`/proc/${process}/environ`, await readFile(`/proc/${process}/environ`, 'utf8'), also)
  }
  const expectNoneInFiles = async (
    mount: Mount,
    kept: RegExp | undefined,
    also: readonly string[] = [],
  ): Promise<void> => {
    for (const path of await filesBelow(mount.directory, mount.path)) {
      if (kept?.test(path)) expect([path, (await stat(path)).mode & 0o077]).toEqual([path, 0])
      else expectNoSecret(path, await readFile(path, 'latin1'), also)
    }
    for (const directory of [
      'state/xnatfs',
      'state/xnatfs/log',
      'state/xnatfs/journal',
      'run/xnatfs',
      'cache/xnatfs/v1',
    ]) {
      const { mode } = await stat(join(mount.directory, directory))
      expect([directory, (mode & 0o077).toString(8)]).toEqual([directory, '0'])
    }
  }

  it('of a password: not in processes, logs, traces, messages and files', async () => {
    const seen = await spy('fusermount3')
    const mount = await Mount.start(account(), {
      flags: ['--trace-http', '--log-level', 'debug'],
      env: { ...environment(), PATH: `${bin}:${process.env['PATH']}` },
    })
    try {
      const said = await use(mount)
      expect(tap.heard).toContain(basic())
      expect(tap.sessions.filter((session) => session !== jsession)).not.toEqual([])
      expectNoSecret('what commands said', said)
      await expectNoneInProcesses(await mount.pid())
      const log = (await mount.log()).join('\n')
      expect(log).toMatch(/authorization: <redacted>|Authorization.*<redacted>/i)
      await expectNoneInFiles(mount, undefined)
      expect((await mount.xnatfs(['umount', mount.path])).code).toBe(0)
      const environments = await readFile(seen, 'utf8')
      expect(environments.match(/^XNATFS_DAEMON=1$/gm)?.length).toBeGreaterThan(1) // to mount and to unmount
      expectNoSecret('the environment of fusermount3', environments)
    } finally {
      await mount.stop([/./])
    }
  })

  it('with --foreground: not in what is seen of the process, nor with the programs that it starts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-secrets-'))
    const [bin, path, seen] = [join(folder, 'bin'), join(folder, 'xnat'), join(folder, 'seen')]
    await mkdir(bin)
    await writeFile(join(bin, 'systemd-notify'), `#!/bin/sh\nenv > ${seen}.new; mv ${seen}.new ${seen}\n`)
    await chmod(join(bin, 'systemd-notify'), 0o755)
    const child = spawn(process.execPath, [program, 'mount', '--foreground', path], {
      env: {
        ...process.env,
        ...environment(),
        HOME: folder,
        PATH: `${bin}:${process.env['PATH']}`,
        NOTIFY_SOCKET: '/run/x',
        XDG_RUNTIME_DIR: folder,
        NETRC: '/dev/null',
        XNAT_HOST: server.url,
        XNAT_USER: server.user,
        XNAT_PASS: server.password,
      },
      stdio: 'ignore',
    })
    try {
      await expect.poll(() => readFile(seen, 'utf8').catch(() => ''), { timeout: 20_000 }).toContain('HOME=')
      expectNoSecret('the environment of a program that it starts', await readFile(seen, 'utf8'))
      const own = await readFile(`/proc/${child.pid}/environ`, 'utf8')
      expect(own).toMatch(/XNAT_PASS=\*+\0/)
      expectNoSecret('/proc/PID/environ', own)
      expect(await readdir(path)).toContain('TEST')
    } finally {
      await end(child)
      await rm(folder, { recursive: true })
    }
  })

  it('in a report of Node.js about a mount: none, and in a core dump no memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-secrets-'))
    const mount = await Mount.start(account(), {
      env: { ...environment(), NODE_OPTIONS: `--report-on-signal --report-directory=${folder}` },
    })
    try {
      await readdir(join(mount.path, 'TEST'))
      const pid = await mount.pid()
      process.kill(pid, 'SIGUSR2')
      const reportOf = async (): Promise<string> => {
        const [name] = await readdir(folder)
        return name === undefined ? '' : readFile(join(folder, name), 'utf8')
      }
      await expect.poll(reportOf, { timeout: 20_000 }).toMatch(/"environmentVariables"[^]*"sharedObjects"/)
      expectNoSecret('the report', await reportOf())
      for (const process of await familyOf(pid))
        expect((await readFile(`/proc/${process}/coredump_filter`, 'utf8')).trim()).toBe('00000000')
    } finally {
      await mount.stop()
      await rm(folder, { recursive: true })
    }
  })

  it('in the core dump of a log-in that is killed: none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-secrets-'))
    const secret = 'typed-at-the-terminal'
    await server.setFaults([{ path: '/data/JSESSION', fault: { kind: 'delay', ms: 3600_000 } }])
    await server.resetRequests()
    const line = `ulimit -c unlimited; exec ${process.execPath} ${program} login ${tap.url} --user me --password-stdin`
    const child = spawn('sh', ['-c', line], { cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] })
    try {
      child.stdin.end(`${secret}\n`)
      const sent = Buffer.from(`me:${secret}`).toString('base64')
      await expect.poll(() => tap.heard.includes(sent), { timeout: 20_000 }).toBe(true)
      child.kill('SIGSEGV')
      await expect.poll(() => child.signalCode, { timeout: 20_000 }).toBe('SIGSEGV')
      // Where the kernel gives them to a program, there are none here: what is left out is the same.
      for (const name of await readdir(folder))
        expectNoSecret(name, await readFile(join(folder, name), 'latin1'), [secret, sent])
    } finally {
      await end(child)
      await server.setFaults([])
      await rm(folder, { recursive: true })
    }
  })

  it('of a token: in its own file only, for its owner only', async () => {
    const mount = await Mount.start(account(), { flags: ['--trace-http', '--log-level', 'debug'] })
    try {
      expect((await mount.xnatfs(['umount', mount.path])).code).toBe(0)
      const { XNAT_PASS, ...env } = mount.env
      expect((await mount.xnatfs(['login', tap.url])).code).toBe(0)
      const tokens = join(mount.stateDirectory, 'tokens')
      const [name] = await readdir(tokens)
      const { alias, secret } = JSON.parse(await readFile(join(tokens, name!), 'utf8')) as StoredToken
      expect(secret.length).toBeGreaterThan(20)
      const ofToken = [secret, Buffer.from(`${alias}:${secret}`).toString('base64')]
      expect(XNAT_PASS).toBe(server.password)
      const flags = ['mount', mount.path, '--trace-http', '--log-level', 'debug']
      expect((await xnatfs(flags, { env })).code).toBe(0)
      await readdir(join(mount.path, 'TEST'))
      const { stdout } = await xnatfs(['status', mount.path], { env })
      expect(tap.heard).toContain(ofToken[1])
      expectNoSecret('status', stdout, ofToken)
      await expectNoneInProcesses(await mount.pid(), ofToken)
      await expectNoneInFiles(mount, /\/tokens\//, ofToken)
    } finally {
      await mount.stop([/./])
    }
  })
})

/** A process and all that come from it. */
async function familyOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['ax', '-o', 'pid=,ppid='])
  const parents = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const family = [pid]
  for (const member of family)
    family.push(...parents.filter(([, parent]) => parent === member).map(([child]) => child!))
  return family
}

async function filesBelow(directory: string, except: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name)
      if (path === except) return []
      if (entry.isDirectory()) return filesBelow(path, except)
      return entry.isFile() ? [path] : []
    }),
  )
  return found.flat()
}
