import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MountStatus } from '../../src/cli/mount-status.js'
import { Mount } from '../support/mount.js'
import type { AccountStates } from '../../src/emulator/emulator.js'
import { ownDirectories } from '../support/own-directories.js'
import { xnatfs } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { Server } from '../support/server.js'

/** docs/semantics.md, 2.14. */
describe('a password that is changed while it is mounted', () => {
  let server: Server
  let mount: Mount
  const dicom = 'TEST/1/MR1/scans/1/DICOM'
  const qc = 'TEST/1/MR1/resources/QC'
  beforeEach(async () => {
    server = await Server.start()
    mount = await Mount.start(server)
    await readFile(join(mount.path, dicom, '1.dcm'))
    await server.setFaults([{ path: '/data/JSESSION', fault: { kind: 'status', status: 401 } }])
    await server.expireSessions()
    await server.resetRequests()
  })
  afterEach(async () => {
    try {
      await mount.stop([/log-in is needed|EACCES|cannot be sent/])
    } finally {
      await server.stop()
    }
  })
  const logIns = async (): Promise<number> =>
    (await server.requests()).filter(({ path, method }) => path === '/data/JSESSION' && method === 'POST')
      .length
  const status = async (): Promise<MountStatus> =>
    JSON.parse((await mount.xnatfs(['status', mount.path, '--json'])).stdout) as MountStatus
  const meetRefusal = async (): Promise<void> => {
    for (const subject of ['2/DICOM', '3/DICOM', '2/DICOM'])
      await expect(readdir(join(mount.path, 'TEST/1/MR1/scans', subject))).rejects.toMatchObject({
        code: 'EACCES',
      })
  }

  it('is tried once; what is cached is read, the rest is EACCES, and log and status say what to do', async () => {
    await meetRefusal()
    await expect(writeFile(join(mount.path, qc, 'new.txt'), 'kept')).rejects.toMatchObject({ code: 'EACCES' })
    expect((await readFile(join(mount.path, dicom, '1.dcm'))).length).toBeGreaterThan(0)
    expect(await logIns()).toBe(1)
    const said = (await mount.complaints()).filter((line) => line.includes('log-in is needed'))
    expect(said).toEqual([expect.stringMatching(`refused user 'admin'.*xnatfs refresh ${mount.path}`)])
    expect((await status()).server.logInNeeded).toMatch(/refused user 'admin'/)
    const { stdout } = await mount.xnatfs(['status', mount.path])
    expect(stdout).toMatch(/log-in +needed: .*refused user 'admin'/)
  })

  it('is tried again, once, after refresh and after SIGHUP', async () => {
    await meetRefusal()
    expect((await mount.xnatfs(['refresh', mount.path])).code).toBe(0)
    await meetRefusal()
    expect(await logIns()).toBe(2)
    await server.setFaults([])
    await meetRefusal()
    expect(await logIns()).toBe(2)
    process.kill(await mount.pid(), 'SIGHUP')
    await expect
      .poll(() => readdir(join(mount.path, 'TEST/1/MR1/scans/2/DICOM')).catch(() => []))
      .not.toEqual([])
    expect(await logIns()).toBe(3)
    expect((await status()).server.logInNeeded).toBeNull()
  })
})

/** docs/semantics.md, 9.3. */
describe('an account that is not let in', () => {
  let server: Server
  let folder: string
  beforeAll(async () => {
    server = await Server.start()
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-refused-'))
  })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })
  beforeEach(() => server.resetRequests())
  afterEach(() => server.setAccounts({}))
  const call = (parameters: readonly string[]): Promise<Outcome> =>
    xnatfs(parameters, {
      env: {
        ...ownDirectories(folder),
        XNAT_HOST: server.url,
        XNAT_USER: 'member',
        XNAT_PASS: 'member-pass',
      },
    })
  const attempts = async (): Promise<number> =>
    (await server.requests()).filter(({ path }) => path === '/data/JSESSION').length

  it.each<[string, AccountStates, RegExp]>([
    [
      'because its password has expired',
      { expired: ['member'] },
      /the password of 'member' has expired.*; set a new one at http:\S+ in a browser, then log in again/,
    ],
    [
      'because it is locked',
      { locked: ['member'] },
      /the server refused user 'member': .*an account that is locked \(for an hour.*check user and password at http/,
    ],
    [
      'because it is disabled',
      { disabled: ['member'] },
      /the account 'member' is not active \(disabled, .*\); ask the administrators of http/,
    ],
    [
      'because the site is closed to log-ins',
      { isSetUp: false },
      /the site http:\S+ is not set up yet, and lets nobody in but its administrators.*; ask them/,
    ],
  ])('%s: login and mount say so, after one attempt each', async (_, states, words) => {
    await server.setAccounts(states)
    const login = await call(['login', server.url])
    expect([login.code, login.stderr, await attempts()]).toEqual([3, expect.stringMatching(words), 1])
    await server.resetRequests()
    const mount = await call(['mount', join(folder, 'xnat')])
    expect([mount.code, mount.stderr, await attempts()]).toEqual([3, expect.stringMatching(words), 1])
  })

  it('any more: a mount tries it once, and says why', async () => {
    const mount = await Mount.start(server, { user: { name: 'member', password: 'member-pass' } })
    try {
      await readdir(join(mount.path, 'TEST'))
      await server.resetRequests()
      await server.setAccounts({ expired: ['member'] })
      for (const subject of ['1', '2'])
        await expect(readdir(join(mount.path, 'TEST/1/MR1/scans', subject))).rejects.toMatchObject({
          code: 'EACCES',
        })
      expect(await attempts()).toBe(1)
      const said = (await mount.complaints()).join('\n')
      expect(said).toMatch(/log-in is needed: .*the password of 'member' has expired; set a new one at http/)
    } finally {
      await mount.stop([/./])
    }
  })
})
