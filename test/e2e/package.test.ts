import { mkdtemp, readFile, readdir, rm, stat, symlink, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { repository, run, shell } from '../support/processes.js'
import { Server } from '../support/server.js'

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

describe('the package', () => {
  let folder: string
  let packed: Packed
  let server: Server
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-package-'))
    server = await Server.start()
    const command = `scripts/build-native --prebuilt && npm pack --ignore-scripts --json --pack-destination ${folder}`
    const said = await shell(command, { cwd: repository, timeoutMs: 300_000 })
    packed = (JSON.parse(said.slice(said.indexOf('['))) as Packed[])[0]!
  }, 300_000)
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  it('has what is needed, and nothing else', async () => {
    const own = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('node_modules/'))
    const kinds = own.map((path) =>
      path.replace(/^(dist)\/.*\.js$/, '$1').replace(/^native\/[^/]*\.(cc|h)$/, 'native'),
    )
    expect([...new Set(kinds)].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'docs/emulator.md',
      'docs/semantics.md',
      'native',
      'native/binding.gyp',
      `native/prebuilds/linux-${process.arch}/xnatfs_fuse.glibc.node`,
      'package.json',
      'scripts/build-native',
      'share/man/xnatfs.1',
      'share/systemd/xnatfs@.service',
    ])
    const text = await readFile(join(repository, 'package.json'), 'utf8')
    const about = JSON.parse(text) as { dependencies: object; bundleDependencies: string[] }
    expect(about.bundleDependencies).toEqual(Object.keys(about.dependencies))
  })

  it('installs without network and compiler, and mounts by the driver libfuse3', async () => {
    const [prefix, bin, path] = ['installed', 'bin', 'xnat'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    await mkdir(bin)
    // A PATH with what a machine has that compiles nothing.
    for (const program of ['node', 'npm', 'sh', 'env', 'fusermount3', 'dirname', 'uname'])
      await symlink((await shell(`command -v ${program}`)).trim(), join(bin, program))
    const env = {
      PATH: bin,
      HOME: folder,
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_RUNTIME_DIR: folder,
      npm_config_cache: join(folder, 'npm'),
      npm_config_registry: 'http://127.0.0.1:9',
      XNAT_HOST: server.url,
      XNAT_USER: server.user,
      XNAT_PASS: server.password,
    }
    const parameters = ['install', '--global', '--prefix', prefix, '--offline', '--no-audit', '--no-fund']
    const tgz = join(folder, packed.filename)
    const installed = await run('npm', [...parameters, tgz], { env, cwd: folder, timeoutMs: 300_000 })
    expect([installed.code, installed.stderr]).toEqual([0, expect.any(String)])
    const program = join(prefix, 'bin', 'xnatfs')
    expect((await stat(join(prefix, 'bin', 'mount.xnatfs'))).mode & 0o111).not.toBe(0)
    expect((await stat(join(prefix, 'share/man/man1/xnatfs.1'))).isFile()).toBe(true)
    try {
      const mounted = await run(program, ['mount', path], { env })
      expect([mounted.code, mounted.stderr]).toEqual([0, ''])
      expect(await readdir(path)).toContain('TEST')
      const { stdout } = await run(program, ['status', path], { env })
      expect(stdout).toMatch(/driver +libfuse3/)
      expect((await run(program, ['umount', path], { env })).code).toBe(0)
    } finally {
      if (await mountAt(path)) await unmount(path, { lazy: true })
    }
  }, 400_000)
})
