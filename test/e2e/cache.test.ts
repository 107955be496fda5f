import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { run, xnatfs } from '../support/processes.js'
import { md5OfFile } from '../support/digests.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

let server: Server
let cacheDir: string

beforeEach(async () => {
  server = await Server.start()
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
})
afterEach(async () => {
  await server.stop()
  await rm(cacheDir, { recursive: true, force: true })
})

const dicom = 'TEST/1/MR1/scans/1/DICOM'
const flags = (): string[] => ['--cache-dir', cacheDir]
const away = [/does not answer/, /cannot connect/, /connection broke off/]

it('a mount that begins while the server is down shows and reads what is cached; the rest is an error', async () => {
  const first = await Mount.start(server, { flags: flags() })
  let listed: string
  const digests = new Map<string, string>()
  try {
    listed = (await run('ls', ['-lR', '--time-style=full-iso', first.path])).stdout.replaceAll(first.path, '')
    for (const name of await readdir(join(first.path, dicom))) {
      digests.set(name, await md5OfFile(join(first.path, dicom, name)))
    }
    // Listed, but its bytes were never read.
    expect(listed).toContain('qc.csv')
  } finally {
    await first.stop()
  }
  await server.stop()

  const second = await Mount.start(server, { flags: flags() })
  try {
    const { code, stdout } = await run('ls', ['-lR', '--time-style=full-iso', second.path])
    expect(stdout.replaceAll(second.path, '')).toBe(listed)
    expect(code).toBe(0)
    for (const [name, digest] of digests) expect(await md5OfFile(join(second.path, dicom, name))).toBe(digest)
    await expect(readFile(join(second.path, 'TEST/1/MR1/resources/QC/qc.csv'))).rejects.toMatchObject({
      code: 'EIO',
    })
    expect((await second.log()).filter((line) => line.includes('is shown what is cached'))).toHaveLength(1)
  } finally {
    await second.stop(away)
  }
})

it('a mount does not begin without a server where nobody was logged in, nor with a password that is refused', async () => {
  const first = await Mount.start(server, { flags: flags() })
  await first.stop()
  const begin = (env: Record<string, string>): ReturnType<typeof xnatfs> =>
    xnatfs(['mount', join(cacheDir, 'mnt'), ...flags()], {
      env: {
        XDG_STATE_HOME: join(cacheDir, 'state'),
        XDG_RUNTIME_DIR: cacheDir,
        NETRC: '/dev/null',
        XNAT_HOST: server.url,
        XNAT_USER: server.user,
        XNAT_PASS: server.password,
        ...env,
      },
    })
  expect(await begin({ XNAT_PASS: 'wrong' })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('refused'),
  })
  await server.stop()
  expect(await begin({ XNAT_USER: 'nobody' })).toMatchObject({ code: 4 })
  expect((await xnatfs(['cache', 'clear', ...flags()])).code).toBe(0)
  expect(await begin({})).toMatchObject({ code: 4, stderr: expect.stringContaining('ECONNREFUSED') })
})

it('xnatfs cache says what is there, finds what is wrong, and clears, also under a mount', async () => {
  const mount = await Mount.start(server, { flags: flags() })
  try {
    const names = await readdir(join(mount.path, dicom))
    for (const name of names) await readFile(join(mount.path, dicom, name))
    const cache = (what: string): ReturnType<typeof xnatfs> => xnatfs(['cache', what, ...flags()])
    await expect
      .poll(async () => (await cache('status')).stdout)
      .toMatch(new RegExp(`${server.url}\\n  files     ${names.length}, `))
    expect(await cache('verify')).toMatchObject({ code: 0, stdout: expect.stringContaining('0 were not') })

    const { stdout } = await run('find', [
      cacheDir,
      '-path',
      '*/files/*',
      '-type',
      'f',
      '!',
      '-name',
      '*.sums',
    ])
    const [victim] = stdout.trim().split('\n')
    const handle = await open(victim!, 'r+')
    await handle.write('damage', 1000)
    await handle.close()
    expect(await cache('verify')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/removed .*damaged/),
    })
    expect(await cache('verify')).toMatchObject({ code: 0 })

    expect(await cache('clear')).toMatchObject({ code: 0 })
    expect((await cache('status')).stdout).not.toContain(server.url)
    const again = await Promise.all(names.map((name) => md5OfFile(join(mount.path, dicom, name))))
    expect(new Set(again).size).toBe(names.length)
    expect(await cache('nonsense')).toMatchObject({ code: 2 })
  } finally {
    await mount.stop()
  }
})

it('a cache directory that cannot be used is one line and a mount without it', async () => {
  const file = join(cacheDir, 'file')
  await writeFile(file, '')
  const mount = await Mount.start(server, { flags: ['--cache-dir', join(file, 'below')] })
  try {
    expect(await readdir(join(mount.path, dicom))).not.toEqual([])
    expect(await mount.complaints()).toEqual([expect.stringContaining('no disk cache in')])
  } finally {
    await mount.stop([/no disk cache in/])
  }
})
