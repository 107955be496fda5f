import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FoundCredentials } from '../../src/cli/credentials.js'
import { checkDirectories } from '../../src/cli/doctor/local-checks.js'
import { checkMachine, thisMachine } from '../../src/cli/doctor/machine-checks.js'
import type { Machine } from '../../src/cli/doctor/machine-checks.js'
import { checkServer } from '../../src/cli/doctor/server-checks.js'
import type { Finding } from '../../src/cli/doctor/finding.js'
import type { MountFlags } from '../../src/cli/flags.js'
import { defaultMountFlags } from '../../src/cli/options.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { Libfuse3Driver } from '../../src/fuse/libfuse3-driver.js'
import { FuseNativeDriver } from '../../src/fuse/fuse-native-driver.js'

describe('xnatfs doctor', () => {
  let emulator: RunningEmulator
  let withoutRanges: RunningEmulator
  let noXnat: Server
  let folder: string
  beforeAll(async () => {
    emulator = await startEmulator()
    withoutRanges = await startEmulator({ range: false })
    noXnat = createServer((_, response) => response.end('<html><title>Hello</title></html>'))
    await new Promise<void>((resolve) => noXnat.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    await emulator.close()
    await withoutRanges.close()
    noXnat.close()
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-doctor-'))
    await mkdir(join(folder, 'bin'))
    await writeFile(join(folder, 'bin', 'fusermount3'), '', { mode: 0o755 })
    await writeFile(join(folder, 'fuse.conf'), '# user_allow_other\n')
    await writeFile(join(folder, 'fuse'), '')
    for (const name of ['STATE', 'CACHE', 'RUNTIME']) {
      const directory = join(folder, name.toLowerCase())
      await mkdir(directory)
      vi.stubEnv(name === 'RUNTIME' ? 'XDG_RUNTIME_DIR' : `XDG_${name}_HOME`, directory)
    }
    vi.stubEnv('PATH', join(folder, 'bin'))
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })

  /** A set-up in which everything is well, but for what a test breaks. */
  interface SetUp {
    readonly machine?: Partial<Machine>
    readonly flags?: Partial<MountFlags>
    readonly url?: string
    readonly logIn?: FoundCredentials
    readonly nowMs?: number
    readonly disk?: { readonly freeBytes: number; readonly totalBytes: number }
  }
  const examine = async (broken: SetUp = {}): Promise<Finding[]> => {
    const machine: Machine = {
      ...thisMachine(),
      fuseDevice: join(folder, 'fuse'),
      fuseConf: join(folder, 'fuse.conf'),
      kernel: '6.12.0-1-amd64',
      isRoot: false,
      choose: () => Promise.resolve({ driver: new Libfuse3Driver(), why: 'the faster one' }),
      ...broken.machine,
    }
    const flags = { ...defaultMountFlags(), ...broken.flags }
    const { user, password } = emulator
    const disk = broken.disk ?? { freeBytes: 50e9, totalBytes: 100e9 }
    return [
      ...(await checkMachine(machine, flags)),
      ...(await checkDirectories(flags, () => Promise.resolve(disk))),
      ...(await checkServer({
        url: broken.url ?? emulator.url,
        flags,
        now: () => broken.nowMs ?? Date.now(),
        findLogIn: () =>
          Promise.resolve(broken.logIn ?? { credentials: { user, password }, source: 'XNAT_PASS' }),
      })),
    ]
  }
  const complaints = async (broken: SetUp): Promise<string[]> =>
    (await examine(broken))
      .filter(({ verdict }) => verdict !== 'ok')
      .map(({ verdict, name, text, remedy }) => `${verdict} ${name}: ${text} → ${remedy}`)

  it('finds nothing where everything is well', async () => {
    const findings = await examine()
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
    expect(findings.map(({ name }) => name)).toEqual([
      '/dev/fuse',
      'fusermount3',
      'user_allow_other',
      'driver',
      'kernel features',
      'state directory',
      'control socket',
      'cache',
      'server',
      'clock',
      'log-in',
      'version',
      'ranges',
    ])
    expect(findings.find(({ name }) => name === 'log-in')?.text).toBe('as admin, by XNAT_PASS')
  })

  it('says what reads cached files', async () => {
    const kernel = async (flags: Partial<MountFlags>): Promise<string | undefined> => {
      const machine = { kernel: '6.18.0', isRoot: true }
      return (await examine({ machine, flags })).find(({ name }) => name === 'kernel features')?.text
    }
    expect(await kernel({ readOnly: true })).toMatch(/, passthrough of cached files$/)
    expect(await kernel({ readOnly: true, kernelOpen: true })).toMatch(
      /no passthrough \(because of --kernel-open\)/,
    )
    expect(await kernel({})).toMatch(/because the mount is not --read-only/)
  })

  const isPortable: Machine['choose'] = () =>
    Promise.resolve({ driver: new FuseNativeDriver(), why: 'the driver libfuse3 cannot be loaded' })
  const isNone: Machine['choose'] = () =>
    Promise.resolve({ driver: undefined, reason: 'libfuse.so.2 is not there', remedy: 'install it' })
  const port = (): number => (noXnat.address() as AddressInfo).port

  it.each<[string, () => SetUp, RegExp[]]>([
    [
      'no /dev/fuse',
      () => ({ machine: { fuseDevice: join(folder, 'absent') } }),
      [/^fail \/dev\/fuse: .*modprobe fuse/],
    ],
    [
      'no fusermount3',
      () => (vi.stubEnv('PATH', folder), {}),
      [/^fail fusermount3: .*apt-get install fuse3/],
    ],
    [
      '--allow-other that fuse.conf refuses',
      () => ({ flags: { allowOther: true } }),
      [/^fail user_allow_other: .* → have root add the line user_allow_other to .*fuse\.conf/],
    ],
    ['no driver', () => ({ machine: { choose: isNone } }), [/^fail driver: libfuse\.so\.2 .* → install it/]],
    [
      'the slow driver only',
      () => ({ machine: { choose: isPortable } }),
      [/^warn driver: fuse-native: .* cannot be loaded → build/, /^warn kernel features: .*uses neither/],
    ],
    [
      'an old kernel',
      () => ({ machine: { kernel: '4.19.0' } }),
      [/^warn kernel features: .*128 KiB only → use a newer kernel/],
    ],
    [
      'a state directory that is a file',
      () => (vi.stubEnv('XDG_STATE_HOME', join(folder, 'fuse')), {}),
      [/^fail state directory: .*ENOTDIR.* → set XDG_STATE_HOME/],
    ],
    [
      'a path too long for a socket',
      () => (vi.stubEnv('XDG_RUNTIME_DIR', join(folder, 'x'.repeat(100))), {}),
      [/^fail control socket: .*too long.* → set XDG_RUNTIME_DIR/],
    ],
    [
      'a cache directory that is a file',
      () => ({ flags: { cacheDir: join(folder, 'fuse') } }),
      [/^warn cache: .*cannot be used.* → give --cache-dir/],
    ],
    [
      'a full disk',
      () => ({ disk: { freeBytes: 4e9, totalBytes: 100e9 } }),
      [/^warn cache: .*3\.7 GiB of 93\.1 GiB free.*nothing is kept → free room/],
    ],
    [
      'a server that is not there',
      () => ({ url: 'http://127.0.0.1:9' }),
      [/^fail server: .*ECONNREFUSED.* → check the URL/],
    ],
    [
      'a server that is no XNAT',
      () => ({ url: `http://127.0.0.1:${port()}` }),
      [/^fail server: .*no XNAT answers here.* → check the URL/],
    ],
    [
      'a wrong password',
      () => ({ logIn: { credentials: { user: 'admin', password: 'wrong' }, source: '~/.netrc' } }),
      [/^fail log-in: .*refused user 'admin'.*the log-in is from ~\/\.netrc.* → run `xnatfs login/],
    ],
    [
      'a guest where none is let in',
      () => ({ logIn: { credentials: undefined, source: 'nothing' } }),
      [/^fail log-in: .*lets no guests in.* → run `xnatfs login/],
    ],
    [
      'a server without ranges',
      () => ({ url: withoutRanges.url }),
      [/^warn ranges: are ignored.* → ask the administrators/],
    ],
    [
      'a clock that is wrong',
      () => ({ nowMs: Date.now() + 3600_000 }),
      [/^warn clock: is (1 h 0 min|60 min 0 s|59 min 59 s) ahead of the server's → set the clock/],
    ],
    [
      '--insecure',
      () => ({ flags: { insecure: true } }),
      [/^warn certificate: .*NOT checked.* → give --ca-file/],
    ],
  ])('names %s, and what to do', async (_, broken, expected) => {
    expect(await complaints(broken())).toEqual(expected.map((pattern) => expect.stringMatching(pattern)))
  })

  it('sends a wrong password once', async () => {
    emulator.control.resetRequests()
    await examine({ logIn: { credentials: { user: 'admin', password: 'wrong' }, source: 'the terminal' } })
    expect(emulator.control.requests().filter(({ path }) => path === '/data/JSESSION')).toHaveLength(1)
  })
})
