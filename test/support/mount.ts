import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { askControl } from '../../src/cli/control.js'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { run, xnatfs } from './processes.js'
import type { Outcome } from './processes.js'

/** What a mount needs to know of a server, whichever it is. */
export interface MountableServer {
  readonly url: string
  /** May edit. */
  readonly user: string
  readonly password: string
}

export interface MountTestOptions {
  readonly flags?: readonly string[]
  /** Default: the user who may edit. */
  readonly user?: { readonly name: string; readonly password: string }
  readonly env?: Readonly<Record<string, string>>
}

/** A mount of a server, by the program and in a process of its own, with state directories of its own. */
export class Mount {
  readonly directory: string
  readonly path: string
  readonly env: Readonly<Record<string, string>>

  private constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.directory = directory
    this.path = join(directory, 'xnat')
    this.env = env
  }

  static async start(server: MountableServer, options: MountTestOptions = {}): Promise<Mount> {
    const directory = await mkdtemp(join(tmpdir(), 'xnatfs-mount-'))
    const user = options.user ?? { name: server.user, password: server.password }
    const mount = new Mount(directory, {
      XDG_STATE_HOME: join(directory, 'state'),
      XDG_CACHE_HOME: join(directory, 'cache'),
      XDG_CONFIG_HOME: join(directory, 'config'),
      XDG_RUNTIME_DIR: join(directory, 'run'),
      NETRC: '/dev/null',
      XNAT_HOST: server.url,
      XNAT_USER: user.name,
      XNAT_PASS: user.password,
      ...options.env,
    })
    await mkdir(mount.env['XDG_RUNTIME_DIR']!)
    const { code, stderr } = await xnatfs(['mount', mount.path, ...(options.flags ?? [])], { env: mount.env })
    if (code !== 0) {
      await rm(directory, { recursive: true })
      throw new Error(`mount failed with ${code}: ${stderr}`)
    }
    return mount
  }

  /** Clears away what is left of a mount whose process was killed. */
  async clear(): Promise<void> {
    try {
      await unmount(this.path, { lazy: true })
    } catch (error) {
      if (await mountAt(this.path)) throw error // with the driver libfuse3 it is gone with its process
    }
  }

  /** Mounts once more, with the state that there is. */
  async again(flags: readonly string[] = []): Promise<void> {
    const { code, stderr } = await this.xnatfs(['mount', this.path, ...flags])
    if (code !== 0) throw new Error(`mount failed with ${code}: ${stderr}`)
  }

  get stateDirectory(): string {
    return join(this.directory, 'state', 'xnatfs')
  }

  /** The lines of the log that are no information only. */
  async complaints(): Promise<string[]> {
    return (await this.log()).filter((line) => / (warn|error) /.test(line))
  }

  async log(): Promise<string[]> {
    const name = this.path.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^-/, '')
    const text = await readFile(join(this.stateDirectory, 'log', `${name}.log`), 'utf8')
    return text.split('\n').filter((line) => line !== '')
  }

  xnatfs(parameters: readonly string[]): Promise<Outcome> {
    return xnatfs(parameters, { env: this.env })
  }

  /** The mount believes no listing any more. */
  async refresh(): Promise<void> {
    const directory = join(this.env['XDG_RUNTIME_DIR']!, 'xnatfs')
    const [socket] = (await readdir(directory)).filter((name) => name.endsWith('.sock'))
    const answer = await askControl(join(directory, socket!), { command: 'refresh', path: '' })
    expect(answer).toMatchObject({ isDone: true })
  }

  /** The process that serves the mount. */
  async pid(): Promise<number> {
    const { stdout } = await run('pgrep', ['-f', '--', `main.js mount ${this.path}( |$)`])
    const pids = stdout.trim().split('\n').filter(Boolean).map(Number)
    if (pids.length !== 1) throw new Error(`${pids.length} processes serve ${this.path}`)
    return pids[0]!
  }

  /**
   * Unmounts and removes everything; to be called in `finally`.
   * @param expected complaints that the test provoked: each line of the log must match one
   */
  async stop(expected: readonly RegExp[] = []): Promise<void> {
    try {
      if (await mountAt(this.path)) {
        const { code, stderr } = await this.xnatfs(['umount', this.path])
        if (code === 0) {
          const unexpected = (await this.complaints()).filter(
            (line) => !expected.some((pattern) => pattern.test(line)),
          )
          expect(unexpected).toEqual([])
        } else if (expected.length === 0) throw new Error(`umount ended with ${code}: ${stderr}`)
      }
    } finally {
      if (await mountAt(this.path)) await unmount(this.path, { lazy: true })
      await rm(this.directory, { recursive: true, force: true })
    }
  }
}
