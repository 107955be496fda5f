import { readdir } from 'node:fs/promises'
import type * as files from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { rest } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { zipEntries } from '../support/zip-entries.js'

/** The disk under the files that zips are brought into: what each write to one of them fails with, from which byte on. */
const disk = vi.hoisted(() => ({
  failure: undefined as string | undefined,
  roomBytes: 0,
  open: 0,
  written: [''],
}))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof files>()
  return { ...real, open: opened }

  async function opened(...args: Parameters<typeof real.open>): Promise<files.FileHandle> {
    const handle = await real.open(...args)
    const path = String(args[0])
    if (!/\/zip-[^/]*$/.test(path)) return handle
    disk.open++
    disk.written.push(path)
    const [write, close] = [handle.write.bind(handle), handle.close.bind(handle)]
    const limited = async (
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
    ): Promise<unknown> => {
      const room = disk.failure === undefined ? length : disk.roomBytes - position
      if (room > 0) return write(buffer, offset, Math.min(room, length), position) // a full disk takes what it can
      throw Object.assign(new Error(`${disk.failure}: write`), { code: disk.failure })
    }
    const closed = (): Promise<void> => {
      disk.open--
      return close()
    }
    return Object.assign(handle, { write: limited, close: closed })
  }
})

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
const scan = 'TEST/1/MR1/scans/1'

beforeAll(async () => {
  emulator = await startEmulator()
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})
afterEach(() => {
  disk.failure = undefined
})

describe('a zip for which the disk has no room', () => {
  it.each([
    ['ENOSPC', 'ENOSPC', /no room for it in .* \(ENOSPC\)/],
    ['EDQUOT', 'ENOSPC', /no room for it in .* \(EDQUOT\)/],
    ['EFBIG', 'EIO', /cannot be written in .* \(EFBIG\)/],
    ['EIO', 'EIO', /cannot be written in .* \(EIO\)/],
  ])(
    'is an error from its first byte on, and not the fault of the server (%s)',
    async (failure, code, message) => {
      local.archive.refresh()
      Object.assign(disk, { failure, roomBytes: 1000, open: 0, written: [] })
      for (let i = 0; i < 2; i++)
        await expect(readFile(fs, `${scan}/SNAPSHOTS.zip`)).rejects.toMatchObject({
          code,
          message: expect.stringMatching(message) as string,
        })
      expect(disk.written.length).toBeGreaterThanOrEqual(2)
      expect((await fs.stat(`${scan}/SNAPSHOTS.zip`)).sizeBytes).toBe(0)
      expect(local.archive.isReachable).toBe(true)
      expect(local.lines.filter((line) => /does not answer|cannot be reached/.test(line))).toEqual([])
      // Nothing of it is left, neither open nor by its name.
      expect(disk.open).toBe(0)
      const folder = disk.written[0]!.replace(/\/[^/]*$/, '')
      expect((await readdir(folder)).filter((name) => name.startsWith('zip-'))).toEqual([])
    },
  )

  it('is whole as soon as there is room, and what was read before stays as it was', async () => {
    const before = await readFile(fs, `${scan}/DICOM.zip`)
    Object.assign(disk, { failure: 'ENOSPC', roomBytes: 10 })
    local.archive.refresh()
    await expect(readFile(fs, 'TEST/1/MR1/scans/2/SNAPSHOTS.zip')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect((await readFile(fs, `${scan}/DICOM.zip`)).equals(before)).toBe(true)
    disk.failure = undefined
    const path = '/data/projects/TEST/subjects/1/experiments/MR1/scans/2/resources/SNAPSHOTS/files?format=zip'
    const names = (zip: Buffer): string[] => zipEntries(zip).map(({ name }) => name)
    const zip = await readFile(fs, 'TEST/1/MR1/scans/2/SNAPSHOTS.zip')
    expect(names(zip)).toEqual(names((await rest(emulator, 'GET', path)).body))
    expect((await fs.stat('TEST/1/MR1/scans/2/SNAPSHOTS.zip')).sizeBytes).toBe(zip.length)
  })

  it('takes nobody down with it: all who wait for it are told', async () => {
    Object.assign(disk, { failure: 'ENOSPC', roomBytes: 10 })
    local.archive.refresh()
    const path = 'TEST/1/MR1/scans/3/SNAPSHOTS.zip'
    const reads = await Promise.allSettled([1, 2, 3].map(() => readFile(fs, path)))
    expect(reads.map((read) => read.status === 'rejected' && (read.reason as { code: string }).code)).toEqual(
      ['ENOSPC', 'ENOSPC', 'ENOSPC'],
    )
    expect(await fs.list('TEST/1/MR1/scans/3/SNAPSHOTS')).not.toEqual([])
  })
})
