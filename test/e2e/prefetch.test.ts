import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import { program } from '../support/processes.js'
import { Server } from '../support/server.js'

describe('xnatfs prefetch', () => {
  let server: Server
  let mount: Mount
  const scans = 'TEST/1/MR1/scans'
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server, { flags: ['--read-only'] })
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
  })

  it('brings a session into the cache of its mount, says what it costs before, and what is there', async () => {
    const path = join(mount.path, scans)
    const prefetch = (...flags: string[]) => mount.xnatfs(['prefetch', path, ...flags])
    const before = await prefetch('--check')
    expect([before.code, before.stdout]).toEqual([1, expect.stringMatching(/cached: 0 files, 0 B \(0 %\)/)])
    const plan = await prefetch('--plan')
    expect([plan.code, plan.stdout]).toEqual([0, expect.stringMatching(/to fetch: .* by \d+ requests?, /)])
    const done = await prefetch()
    expect([done.code, done.stdout]).toEqual([
      0,
      expect.stringMatching(/^(\d+ files), (.*); cached: \1, \2\n$/),
    ])
    const after = await prefetch('--check')
    expect([after.code, after.stdout]).toEqual([0, expect.stringContaining('(100 %)')])
    expect((await prefetch('--plan')).stdout).toContain('all of it is cached')
  })

  it('ends with a reason and an exit code where there is nothing', async () => {
    const { code, stderr } = await mount.xnatfs(['prefetch', join(mount.path, 'TEST/1/NONE')])
    expect([code, stderr]).toEqual([5, expect.stringContaining('/TEST/1/NONE is not there')])
    expect(await mount.xnatfs(['prefetch', '/'])).toMatchObject({ code: 5 })
    expect(await mount.xnatfs(['prefetch', mount.path, '--plan', '--check'])).toMatchObject({ code: 2 })
  })

  it('stops the work of the mount when it is stopped', async () => {
    await mount.xnatfs(['umount', mount.path])
    await mount.again(['--read-only', '--no-cache'])
    await server.setFaults([{ path: '**/files/**', fault: { kind: 'delay', ms: 60_000 } }])
    const child = spawn(process.execPath, [program, 'prefetch', join(mount.path, 'TEST')], {
      env: { ...process.env, ...mount.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let told = ''
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    await expect.poll(() => told, { timeout: 30_000 }).toMatch(/ of \d+ files/)
    child.kill('SIGINT')
    expect(await ended).toBe('SIGINT')
    await server.setFaults([])
    // Nothing holds the mount up.
    expect(await mount.xnatfs(['umount', mount.path])).toMatchObject({ code: 0 })
  })
})
