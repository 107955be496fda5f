import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { md5 } from '../support/byte-source.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs, LocalVfsFlags } from '../support/local-vfs.js'
import { untoldFileSystem } from '../support/untold-file-system.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/**
 * What operations may cost, in requests and in bytes, as the server counts them. Each begins with a mount that knows
 * nothing but the way to a directory.
 */

const miB = 1024 * 1024
const seriesFiles = 680
const seriesFileBytes = 22_062
const slices = 'GEN/S1/SERIES/scans/1/DICOM'
const large = 'GEN/S1/SERIES/scans/2/DICOM'
const smallFiles = 'GEN/S1/SERIES/resources/MANY'
const nifti = 'GEN/S1/SERIES/resources/NIFTI/big.nii'
const bigBytes = 64 * miB
const scans = 10

let data: GeneratedArchive
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  const dicom = (count: number, sizeBytes: number) => ({
    label: 'DICOM',
    format: 'DICOM',
    files: numbered(count, '.dcm'),
    sizeBytes,
  })
  data = await generateArchive([
    {
      label: 'SERIES',
      resources: [
        { label: 'NIFTI', format: 'NIFTI', files: ['big.nii'], sizeBytes: bigBytes },
        { label: 'MANY', files: numbered(1000, '.txt'), sizeBytes: 4096 },
      ],
      scans: { '1': [dicom(seriesFiles, seriesFileBytes)], '2': [dicom(60, miB / 2)] },
    },
    {
      label: 'WALK',
      scans: Object.fromEntries(numbered(scans, '').map((id) => [id, [dicom(100, 10)]])),
    },
  ])
  emulator = await startEmulator({ data: data.manifest })
})
afterAll(async () => {
  await emulator.close()
  await data.remove()
})
/** How files come to be open: by the kernel's word, or without (`KernelTraits.opensUntold`). */
const kinds = [
  { kind: 'opened', flags: {}, fileSystem: vfsFileSystem },
  {
    kind: 'opened untold',
    flags: { readOnly: true, kernel: { opensUntold: true } },
    fileSystem: untoldFileSystem,
  },
]

interface Cost {
  readonly requests: readonly string[]
  readonly bytes: number
}

async function costOf(task: () => Promise<unknown>): Promise<Cost> {
  emulator.control.resetRequests()
  await task()
  const log = emulator.control.requests()
  return {
    requests: log.map(({ method, path }) => `${method} ${path}`),
    bytes: log.reduce((sum, { responseBytes }) => sum + responseBytes, 0),
  }
}

/** The requests, where they are more than they may be: so that the one too many is seen. */
function beyond(limit: number, { requests }: Cost): readonly string[] {
  return requests.length <= limit ? [] : requests
}

async function walk(path: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await fs.list(path)) {
    const child = `${path}/${name}`
    if ((await fs.stat(child)).kind === 'directory') found.push(...(await walk(child)))
    else found.push(child)
  }
  return found
}

/** @returns the paths of those that were wrong */
async function readAll(directory: string, step = 1): Promise<string[]> {
  const names = await fs.list(directory)
  const wrong: string[] = []
  for (let i = 0; i < names.length; i += step) {
    const path = `${directory}/${names[i]}`
    if (md5(await readFile(fs, path)) !== data.digests.get(path)) wrong.push(path)
  }
  return wrong
}

describe.each(kinds)('of files that are $kind', ({ flags, fileSystem }) => {
  const start = (more: LocalVfsFlags = {}): Promise<LocalVfs> =>
    startLocalVfs(emulator, { ...flags, ...more })
  beforeEach(async () => {
    local = await start()
    fs = fileSystem(local.vfs)
  })
  afterEach(() => local.stop())

  describe('listings', () => {
    it('the way to a session: the log-in and 5 requests', async () => {
      const cost = await costOf(() => fs.stat('GEN/S1/WALK'))
      expect(beyond(6, cost)).toEqual([])
    })

    it('ls -l of a series: the way, and one request; again: none', async () => {
      const list = async (): Promise<void> => {
        for (const name of await fs.list(slices)) await fs.stat(`${slices}/${name}`)
      }
      await fs.stat('GEN/S1/SERIES')
      expect(beyond(6, await costOf(list))).toEqual([])
      expect(beyond(0, await costOf(list))).toEqual([])
    })

    it('extended attributes of all entries: none', async () => {
      const names = await fs.list(slices)
      const inos = await Promise.all(names.map(async (name) => (await fs.stat(`${slices}/${name}`)).ino))
      let told = 0
      const cost = await costOf(() => {
        for (const ino of inos) if (local.vfs.xattrs(ino).has('user.xnat.digest')) told++
        return Promise.resolve()
      })
      expect(told).toBe(seriesFiles)
      expect(beyond(0, cost)).toEqual([])
    })

    it('find in a session: 5 requests and one for each resource, none for a file; again: none', async () => {
      await fs.stat('GEN/S1/WALK')
      let found: string[] = []
      const cost = await costOf(async () => (found = await walk('GEN/S1/WALK')))
      expect(found).toHaveLength(100 * scans)
      expect(beyond(5 + scans, cost)).toEqual([])
      expect(beyond(0, await costOf(() => walk('GEN/S1/WALK')))).toEqual([])
    })

    it('find in a session that ends at the first resource: two resources that it would have come to', async () => {
      const catalogs = (): string[] => {
        const paths = emulator.control.requests().map(({ path }) => path)
        return paths.filter((path) => /\/scans\/[^/]*\/resources\/\d+$/.test(path))
      }
      const directories = ['', '/scans', '/scans/0001', '/scans/0001/DICOM'].map(
        (path) => `GEN/S1/WALK${path}`,
      )
      emulator.control.resetRequests()
      for (const path of directories) await fs.list(path)
      await expect.poll(() => catalogs().length).toBe(3)
      await local.stop() // waits for what is under way
      expect(catalogs()).toHaveLength(3)
      local = await start()
    })
  })

  describe('a series', () => {
    it('one file by its path: one request, and its own bytes', async () => {
      await fs.stat(`${slices}/0300.dcm`)
      const cost = await costOf(() => readFile(fs, `${slices}/0300.dcm`))
      expect(cost.requests).toHaveLength(1)
      expect(cost.bytes).toBe(seriesFileBytes)
    })

    it('all files: one request, at most 1.1 times their bytes; again: none', async () => {
      await fs.list(slices)
      let wrong: string[] = []
      const cost = await costOf(async () => (wrong = await readAll(slices)))
      expect(wrong).toEqual([])
      expect(cost.requests).toEqual([expect.stringContaining('/files?format=zip')])
      expect(cost.bytes).toBeLessThan(1.1 * seriesFiles * seriesFileBytes)
      expect(beyond(0, await costOf(() => readAll(slices)))).toEqual([])
    })

    it('head and tail of all files, then all of them, as dcm2niix reads: the same', async () => {
      const names = await fs.list(slices)
      const pieces = async (name: string, offsets: readonly number[]): Promise<void> => {
        const file = await fs.open(`${slices}/${name}`, 'r')
        for (const offset of offsets) await file.read(offset, 4096)
        await file.close()
      }
      const cost = await costOf(async () => {
        for (const name of names) await pieces(name, [20_480, 0])
        for (const name of names) await pieces(name, [20_480, 0, 4096, 8192, 12_288, 16_384])
      })
      expect(beyond(1, cost)).toEqual([])
      expect(cost.bytes).toBeLessThan(1.1 * seriesFiles * seriesFileBytes)
    })

    it('more than fits into half of the memory: one request for each file, never twice', async () => {
      await fs.list(large)
      let wrong: string[] = []
      const cost = await costOf(async () => (wrong = await readAll(large)))
      expect(wrong).toEqual([])
      expect(new Set(cost.requests).size).toBe(60)
      expect(cost.requests).toHaveLength(60)
      expect(cost.bytes).toBe(60 * (miB / 2))
    })
  })

  describe('a cache on the disk', () => {
    it('a series that was read: none for its bytes after a remount', async () => {
      const cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
      const withCache = async (task: () => Promise<void>): Promise<void> => {
        await local.stop()
        local = await start({ cacheDir, memory: 8 })
        fs = fileSystem(local.vfs)
        await fs.list(slices)
        await task()
      }
      try {
        // Larger than the memory: what goes from there is on the disk.
        await withCache(async () => {
          const cost = await costOf(async () => expect(await readAll(slices)).toEqual([]))
          expect(cost.requests).toEqual([expect.stringContaining('/files?format=zip')])
        })
        await withCache(async () => {
          const cost = await costOf(async () => expect(await readAll(slices)).toEqual([]))
          expect(beyond(0, cost)).toEqual([])
        })
      } finally {
        await local.stop()
        local = await start()
        await rm(cacheDir, { recursive: true })
      }
    })
  })

  describe('other files', () => {
    it('many small ones in a row: at most 4 requests, 1.1 times their bytes', async () => {
      await fs.list(smallFiles)
      let wrong: string[] = []
      const cost = await costOf(async () => (wrong = await readAll(smallFiles)))
      expect(wrong).toEqual([])
      expect(beyond(4, cost)).toEqual([])
      expect(cost.bytes).toBeLessThan(1.1 * 1000 * 4096)
    })

    it('a few small ones here and there: one request each', async () => {
      await fs.list(smallFiles)
      const cost = await costOf(async () => {
        for (const place of [500, 900, 200, 700, 100]) {
          await readFile(fs, `${smallFiles}/${String(place).padStart(4, '0')}.txt`)
        }
      })
      expect(cost.requests).toHaveLength(5)
      expect(cost.bytes).toBe(5 * 4096)
    })

    it('64 MiB in a row: at most 20 requests, each byte once; the newest again: none', async () => {
      const file = await fs.open(nifti, 'r')
      try {
        const cost = await costOf(async () => {
          for (let at = 0; at < bigBytes; at += miB) await file.read(at, miB)
        })
        expect(beyond(20, cost)).toEqual([])
        expect(cost.bytes).toBe(bigBytes)
        expect(beyond(0, await costOf(() => file.read(bigBytes - miB, miB)))).toEqual([])
      } finally {
        await file.close()
      }
    })

    it('200 times 4 KiB here and there in 64 MiB: at most 200 requests, 40 MB', async () => {
      const file = await fs.open(nifti, 'r')
      try {
        const cost = await costOf(async () => {
          let place = 1
          for (let i = 0; i < 200; i++) {
            place = (place * 48_271) % 2_147_483_647
            await file.read((place % (bigBytes / 4096)) * 4096, 4096)
          }
        })
        expect(beyond(200, cost)).toEqual([])
        expect(cost.bytes).toBeLessThan(40_000_000)
      } finally {
        await file.close()
      }
    })
  })
})
