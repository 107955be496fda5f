import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { zipEntries } from '../support/zip-entries.js'

const top = '.xnat/prearchive'
const time = '20260101_120000123'
const session = `${top}/TEST/${time}/PRE1`

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

/** At a time when what the sample has came lately. */
beforeAll(async () => {
  emulator = await startEmulator({ now: () => Date.UTC(2026, 0, 3) })
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

const get = (path: string): Promise<Buffer> => bodyOf(emulator, path)

describe('the prearchive', () => {
  it('has the resources of a session itself, also where a path of REST is pasted', async () => {
    const own = `prearchive/projects/Unassigned/${time}/PRE4/resources`
    for (const prefix of ['data/', 'REST/']) {
      expect(await fs.list(`${prefix}${own}`)).toEqual(['PROTOCOL'])
      expect((await fs.list(`${prefix}${own}/PROTOCOL/files`)).toSorted()).toEqual(['in', 'protocol.txt'])
      const sent = await get(`/data/${own}/PROTOCOL/files/in/deep%20file.txt`)
      expect((await readFile(fs, `${prefix}${own}/PROTOCOL/files/in/deep file.txt`)).equals(sent)).toBe(true)
    }
    const table = (await get(`/data/${own}?format=csv`)).toString()
    expect((await readFile(fs, `${top}/Unassigned/${time}/PRE4/resources.csv`)).toString()).toBe(table)
  })

  it('has a scan and a resource of a session as the zip that the server packs', async () => {
    const namesIn = async (path: string): Promise<string[]> =>
      zipEntries(await readFile(fs, path)).map(({ name }) => name)
    const scan = await namesIn(`${session}/scans/1.zip`)
    expect(scan).toEqual(expect.arrayContaining(['1/DICOM/1.dcm', '1/DICOM/2.dcm']))
    expect(await namesIn(`${top}/Unassigned/${time}/PRE4/resources/PROTOCOL.zip`)).toContain(
      'PROTOCOL/protocol.txt',
    )
    expect(await fs.list(`${session}/scans`)).toEqual(['1'])
    await expect(fs.stat(`${session}/scans/2.zip`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.stat(`${session}/resources/NONE.zip`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('has a table of what has come lately', async () => {
    const table = (await readFile(fs, '.xnat/prearchive-recent.csv')).toString()
    expect(table).toBe((await get('/data/prearchive/experiments?recent=true&format=csv')).toString())
    expect(table).toContain('PRE1')
  })
})
