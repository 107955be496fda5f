import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What is written to a URI of REST with a `?` behind it is the order that writing the file in `.xnat` is. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  emulator = await startEmulator()
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

it.each([
  ['projects/TEST/accessibility', 'public'],
  ['projects/TEST/prearchive_code', '5'],
  ['projects/TEST/quarantine_code', '1'],
  ['projects/TEST/current_arc', 'arc007'],
  ['projects/TEST/scan_type_mapping', 'false'],
  ['projects/TEST/subjects/1/experiments/MR1/status', 'quarantine'],
])('data/%s? is set by writing it', async (path, value) => {
  expect(await bodyOf(emulator, `/data/${path}`)).not.toEqual(Buffer.from(value))
  await writeFile(fs, `data/${path}?`, `${value}\n`)
  expect((await bodyOf(emulator, `/data/${path}`)).toString()).toBe(value)
  expect((await readFile(fs, `data/${path}?`)).toString()).toBe(value)
})

it('is refused as there, and nothing of it waits to be sent', async () => {
  await expect(writeFile(fs, 'data/projects/TEST/accessibility?', 'nothing')).rejects.toMatchObject({
    code: 'EINVAL',
  })
  await expect(writeFile(fs, 'data/projects/TEST/users?', 'x')).rejects.toMatchObject({ code: 'EPERM' })
  expect(local.vfs.unsent).toEqual([])
})
