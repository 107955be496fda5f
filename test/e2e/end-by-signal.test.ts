import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { drivers } from '../support/drivers.js'
import { ownDirectories } from '../support/own-directories.js'
import { end, program, xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

const patiently = { timeout: 20_000 }

/** docs/semantics.md, 10.1. */
describe.each(drivers)('a mount in use that is ended by a signal, by the driver %s', (driver) => {
  let server: Server
  let folder: string
  let path: string
  let env: Record<string, string>
  let served: ChildProcess
  let exitCode: Promise<number | null>
  let said: string
  const others: ChildProcess[] = []
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-end-'))
    path = join(folder, 'xnat')
    const { url, user, password } = server
    env = { ...ownDirectories(folder), XNAT_HOST: url, XNAT_USER: user, XNAT_PASS: password }
  })
  afterEach(async () => {
    for (const other of others.splice(0)) await end(other, 'SIGKILL')
    if (await mountAt(path)) await unmount(path, { lazy: true })
    await end(served)
    await rm(folder, { recursive: true })
  })

  async function mount(...flags: string[]): Promise<void> {
    const parameters = ['mount', path, '--foreground', '--driver', driver, ...flags]
    served = spawn(process.execPath, [program, ...parameters], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    said = ''
    served.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()))
    exitCode = new Promise((resolve) => served.once('exit', resolve))
    await expect.poll(() => said, patiently).toMatch(/is mounted on/)
  }

  /** A program that has its working directory there. */
  function use(): ChildProcess {
    const program = spawn('sleep', ['3600'], { cwd: join(path, 'TEST') })
    others.push(program)
    return program
  }

  it('is taken away at the end of --stop-timeout, and keeps what an open file has', async () => {
    await mount('--stop-timeout', '1')
    const file = await open(join(path, 'TEST/1/MR1/resources/QC/open.txt'), 'w')
    await file.write('unsent')
    served.kill('SIGTERM')
    expect(await exitCode).toBe(1)
    expect(await mountAt(path)).toBeUndefined()
    expect(said).toMatch(/taken away from the programs that use it[^]*but 1 files are not .*open\.txt/)
    await expect(file.close()).rejects.toThrow()
    await mount()
    expect(await xnatfs(['flush', path], { env })).toMatchObject({ code: 0 })
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files/open.txt'
    expect((await server.rest('GET', uri)).body.toString()).toBe('unsent')
  })

  it('ends with exit code 0 where nothing is unsent, and a second SIGTERM changes nothing', async () => {
    await mount('--stop-timeout', '1')
    use()
    served.kill('SIGTERM')
    await expect.poll(() => said, patiently).toMatch(/waiting until nobody uses it/)
    served.kill('SIGTERM')
    expect(await exitCode).toBe(0)
    expect(await mountAt(path)).toBeUndefined()
  })

  it('is gone as soon as nobody uses it', async () => {
    await mount('--stop-timeout', '3600')
    const user = use()
    served.kill('SIGTERM')
    await expect.poll(() => said, patiently).toMatch(/waiting until nobody uses it/)
    expect(await mountAt(path)).toBeDefined()
    await end(user)
    expect(await exitCode).toBe(0)
    expect(await mountAt(path)).toBeUndefined()
    expect(said).not.toMatch(/taken away/)
  })

  it('stays by Ctrl-C, and is taken away by a second one', async () => {
    await mount()
    use()
    served.kill('SIGINT')
    await expect.poll(() => said, patiently).toMatch(/is not unmounted/)
    expect(await mountAt(path)).toBeDefined()
    served.kill('SIGINT')
    expect(await exitCode).toBe(0)
    expect(await mountAt(path)).toBeUndefined()
  })

  it('is taken away by umount --lazy while SIGTERM waits', async () => {
    await mount('--stop-timeout', '3600')
    use()
    served.kill('SIGTERM')
    await expect.poll(() => said, patiently).toMatch(/waiting until nobody uses it/)
    expect(await xnatfs(['umount', '--lazy', path], { env })).toMatchObject({ code: 0 })
    expect(await exitCode).toBe(0)
  })
})
