import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MountStatus } from '../../src/cli/mount-status.js'
import { Mount } from '../support/mount.js'
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
