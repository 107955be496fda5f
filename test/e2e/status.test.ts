import { spawn } from 'node:child_process'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { request } from 'undici'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MountStatus } from '../../src/cli/mount-status.js'
import { Mount } from '../support/mount.js'
import { program, shell, xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

/** `xnatfs status`, `xnatfs mounts`, the metrics and the trace: docs/semantics.md, 7. */
describe('what is seen of a mount', () => {
  let server: Server
  let mount: Mount
  const qc = 'TEST/1/MR1/resources/QC'
  const start = async (...flags: string[]): Promise<void> => {
    mount = await Mount.start(server, { flags })
  }
  const status = async (): Promise<MountStatus> =>
    JSON.parse((await mount.xnatfs(['status', mount.path, '--json'])).stdout) as MountStatus

  beforeAll(async () => {
    server = await Server.start()
    await server.rest(
      'PUT',
      `/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files/seen.txt`,
      'seen',
    )
  })
  afterAll(() => server.stop())
  afterEach(() => mount.stop([/does not answer/]))

  it('status tells what it does, for programs and for people', async () => {
    await start('--write-mode', 'back', '--write-back-delay', '3600')
    expect(await readFile(join(mount.path, qc, 'seen.txt'), 'utf8')).toBe('seen')
    await writeFile(join(mount.path, qc, 'unsent.txt'), 'unsent')
    const told = await status()
    expect(told).toMatchObject({
      mountpoint: mount.path,
      url: server.url,
      user: server.user,
      pid: await mount.pid(),
      isReadOnly: false,
      writeMode: 'back',
      driver: { name: 'libfuse3' },
      server: { isReachable: true, staleListings: 0 },
      pending: [{ path: `/${qc}/unsent.txt`, sizeBytes: 6 }],
      troubles: [],
    })
    expect(told.requests.file).toMatchObject({ count: 1, failed: 0, receivedBytes: 4 })
    expect(told.requests['log-in'].count).toBeGreaterThan(0)
    expect(told.requests.listing.receivedBytes).toBeGreaterThan(0)
    expect(told.kernel!.readBytes).toBe(4)
    expect(told.disk!.directory).toContain(mount.directory)

    const { code, stdout } = await mount.xnatfs(['status', join(mount.path, qc)])
    expect(code).toBe(0)
    for (const part of [
      server.url,
      `as ${server.user}`,
      'mode back',
      'libfuse3',
      'unsent.txt',
      '4 B received',
    ])
      expect(stdout).toContain(part)
    expect((await mount.xnatfs(['status'])).stdout).toContain(mount.path)
    for (const command of ['mounts', 'ls'])
      expect((await mount.xnatfs([command])).stdout).toContain(
        `${mount.path}  ${server.url}  as ${server.user}`,
      )
    const rows = JSON.parse((await mount.xnatfs(['mounts', '--json'])).stdout) as object[]
    expect(rows).toContainEqual(expect.objectContaining({ mountpoint: mount.path, user: server.user }))
  })

  it('a mount has asked for the projects before anybody looks, and who looks asks for nothing more', async () => {
    await start()
    const listings = async (): Promise<number> => (await status()).requests.listing.count
    await expect.poll(listings).toBe(1)
    expect(await readdir(mount.path)).toContain('TEST')
    expect(await listings()).toBe(1)
  })

  it('says that older listings are shown, and what went wrong', async () => {
    await start('--listing-ttl', '0')
    await readdir(join(mount.path, qc))
    await server.setFaults([{ path: '**', fault: { kind: 'drop', afterBytes: 0 } }])
    try {
      expect(await readdir(join(mount.path, qc))).toContain('seen.txt')
      const told = await status()
      expect(told.server.isReachable).toBe(false)
      expect(told.server.staleListings).toBeGreaterThan(0)
      expect(await shell(`getfattr -n user.xnat.stale --only-values ${mount.path}/${qc}/seen.txt`)).toBe('1')
      expect(told.troubles.at(-1)).toMatchObject({
        level: 'warn',
        text: expect.stringContaining('does not answer'),
      })
      const { stdout } = await mount.xnatfs(['status', mount.path])
      expect(stdout).toMatch(/it does not answer\n.*older listings? shown, and may be out of date/)
    } finally {
      await server.setFaults([])
    }
  })

  it('the socket is for its owner only', async () => {
    await start()
    const directory = join(mount.env['XDG_RUNTIME_DIR']!, 'xnatfs')
    const [socket] = await readdir(directory)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, socket!))).mode & 0o777).toBe(0o600)
  })

  it('--watch goes on until the mount ends', async () => {
    await start()
    const child = spawn(process.execPath, [program, 'status', mount.path, '--watch', '--json'], {
      env: { ...process.env, ...mount.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await expect.poll(() => text.split('\n').length, { timeout: 30_000 }).toBeGreaterThan(2)
    await mount.xnatfs(['umount', mount.path])
    expect(await ended).toBe(0)
    expect(JSON.parse(text.split('\n')[0]!)).toMatchObject({ mountpoint: mount.path })
  })

  it('metrics are given on the loopback interface', async () => {
    await start('--metrics-port', '0')
    await readdir(join(mount.path, qc))
    const url = (await mount.log()).map((line) => /metrics: (http:\S+)/.exec(line)?.[1]).find(Boolean)!
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    const response = await request(url)
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    const lines = (await response.body.text()).trim().split('\n')
    for (const line of lines)
      expect(line).toMatch(/^(# (HELP|TYPE) xnatfs_\w+ .+|xnatfs_\w+\{(\w+="[^"]*",?)+\} [\d.]+)$/)
    const listings = lines.find((line) => /^xnatfs_requests_total\{.*kind="listing"\}/.test(line))
    expect(Number(listings?.split(' ').at(-1))).toBeGreaterThan(0)
    const other = await request(url.replace('/metrics', '/'))
    expect(other.statusCode).toBe(404)
    await other.body.dump()
  })

  it('the trace has every exchange and no secret', async () => {
    await start('--trace-http')
    await readFile(join(mount.path, qc, 'seen.txt'))
    const text = (await mount.log()).join('\n')
    expect(text).toMatch(/http \d+: GET \/data\/experiments\/.*\/files\/seen\.txt \{.*cookie: <redacted>/)
    expect(text).toMatch(/http \d+: \d+ ms: 4 bytes/)
    const basic = Buffer.from(`${server.user}:${server.password}`).toString('base64')
    for (const secret of [basic, `:${server.password}@`]) expect(text).not.toContain(secret)
    expect(text).not.toMatch(/JSESSIONID=[^<]/)
  })
})

it('says that nothing is mounted', async () => {
  const env = { XDG_RUNTIME_DIR: tmpdir() }
  expect(await xnatfs(['status', tmpdir()], { env })).toMatchObject({ code: 5 })
})
