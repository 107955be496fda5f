import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { readFile, writeFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What becomes of an order that the server does not take, or seems not to take. */

let emulator: RunningEmulator
let local: LocalVfs

beforeAll(async () => {
  emulator = await startEmulator()
  local = await startLocalVfs(emulator)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

it('is refused by each close of a duplicate, with one request, until something else is written', async () => {
  const fs = vfsFileSystem(local.vfs)
  const path = 'TEST/1/MR1/.xnat/experiment.xml'
  const right = (await readFile(fs, path)).toString()
  const file = await fs.open(path, 'r+')
  await file.write(Buffer.from(right.replace('label="MR1"', 'label="MRX"')), 0)
  emulator.control.resetRequests()
  for (let times = 0; times < 2; times++) await expect(file.sync()).rejects.toMatchObject({ code: 'EINVAL' })
  expect(emulator.control.requests().filter(({ method }) => method === 'PUT')).toHaveLength(1)
  await file.write(Buffer.from(right), 0)
  await file.sync()
  await file.close()
})

it('is not refused where a cache of the server says for a moment what was before', async () => {
  const fs = vfsFileSystem(local.vfs)
  const path = '/data/projects/TEST/accessibility'
  emulator.control.setFaults([
    { path, method: 'GET', times: 2, fault: { kind: 'status', status: 200, html: 'private' } },
  ])
  await writeFile(fs, 'TEST/.xnat/accessibility', 'protected\n')
  expect((await readFile(fs, 'TEST/.xnat/accessibility')).toString()).toBe('protected\n')
})
