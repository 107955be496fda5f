import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { run, xnatfs } from './processes.js'
import type { Outcome } from './processes.js'
import type { Server } from './server.js'

export interface MountTestOptions {
  readonly flags?: readonly string[]
  /** Default: the user who may edit. */
  readonly user?: { readonly name: string; readonly password: string }
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

  static async start(server: Server, options: MountTestOptions = {}): Promise<Mount> {
    const directory = await mkdtemp(join(tmpdir(), 'xnatfs-mount-'))
    const user = options.user ?? { name: server.user, password: server.password }
    const mount = new Mount(directory, {
      XDG_STATE_HOME: join(directory, 'state'),
      XDG_CACHE_HOME: join(directory, 'cache'),
      XDG_RUNTIME_DIR: join(directory, 'run'),
      NETRC: '/dev/null',
      XNAT_HOST: server.url,
      XNAT_USER: user.name,
      XNAT_PASS: user.password,
    })
    await mkdir(mount.env['XDG_RUNTIME_DIR']!)
    const { code, stderr } = await xnatfs(['mount', mount.path, ...(options.flags ?? [])], { env: mount.env })
    if (code !== 0) {
      await rm(directory, { recursive: true })
      throw new Error(`mount failed with ${code}: ${stderr}`)
    }
    return mount
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
    process.kill(await this.pid(), 'SIGHUP')
    await expect
      .poll(async () => (await this.log()).some((line) => line.includes('listings are forgotten')))
      .toBe(true)
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
