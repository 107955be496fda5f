import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** A scan whose ID is the type of another: XNAT finds both by it, and changes neither. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
const scan = 'TEST/1/MR1/scans/REST'

beforeAll(async () => {
  emulator = await startEmulator()
  const session = '/data/projects/TEST/subjects/1/experiments/MR1'
  await put(emulator, `${session}/scans/REST?xsiType=xnat:mrScanData`)
  await put(emulator, `${session}/scans/REST/resources/NOTES`)
  await put(emulator, `${session}/scans/REST/resources/NOTES/files/a.txt?inbody=true`, 'a')
  await put(emulator, `${session}/scans/2?type=REST`)
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

it('is read', async () => {
  expect((await readFile(fs, `${scan}/NOTES/a.txt`)).toString()).toBe('a')
})

it.each<[string, () => Promise<unknown>]>([
  ['makes', () => writeFile(fs, `${scan}/NOTES/b.txt`, 'b')],
  ['removes', () => fs.unlink(`${scan}/NOTES/a.txt`)],
  ['makes a resource', () => fs.mkdir(`${scan}/MORE`)],
])('is EPERM with the reason for who %s', async (_, change) => {
  await expect(change()).rejects.toMatchObject({
    code: 'EPERM',
    message: expect.stringContaining("'REST' is the type of scan 2 too") as string,
  })
})
