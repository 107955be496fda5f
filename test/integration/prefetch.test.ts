import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { Fault, FaultRule, RunningEmulator } from '../../src/emulator/emulator.js'
import { md5 } from '../support/byte-source.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** The files of a directory fetched together, from a server that does not do as it should. */

const count = 60
const sizeBytes = 20_000
const odd = ['a b.dcm', 'a+b.dcm', 'é.dcm', 'x#1.dcm', '100%.dcm', 'sub/a.dcm', 'sub/b.dcm']
const series = 'GEN/S1/E1/scans/1/DICOM'
const zips = '/format=zip/'

let data: GeneratedArchive
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  const scan = (files: readonly string[]) => [{ label: 'DICOM', format: 'DICOM', files, sizeBytes }]
  const many = numbered(count, '.dcm')
  data = await generateArchive([
    {
      label: 'E1',
      scans: { '1': scan(many), '2': scan(many), '3': scan([...odd, ...numbered(20, '.dcm')]) },
    },
  ])
  emulator = await startEmulator({ data: data.manifest })
})
afterAll(async () => {
  await emulator.close()
  await data.remove()
})
beforeEach(async () => {
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterEach(async () => {
  emulator.control.setFaults([])
  await local.stop()
})

interface Cost {
  readonly wrong: readonly string[]
  readonly zips: number
  readonly singles: number
}

/** Reads the files of a directory in order. @returns what was asked of the server meanwhile */
async function readAll(directory: string): Promise<Cost> {
  const names = await fs.list(directory)
  emulator.control.resetRequests()
  const wrong: string[] = []
  for (const name of names) {
    const path = `${directory}/${name}`
    if ((await fs.stat(path)).kind === 'directory') continue
    if (md5(await readFile(fs, path)) !== data.digests.get(path)) wrong.push(name)
  }
  const requests = emulator.control.requests().map(({ path }) => path)
  const zipped = requests.filter((path) => path.includes('format=zip')).length
  return { wrong, zips: zipped, singles: requests.length - zipped }
}

const fault = (what: Fault, changes: Partial<FaultRule> = {}): FaultRule => ({
  path: zips,
  fault: what,
  ...changes,
})

describe('a directory that is read file by file', () => {
  it('costs one request', async () => {
    expect(await readAll(series)).toEqual({ wrong: [], zips: 1, singles: 0 })
    expect(await readAll(series)).toEqual({ wrong: [], zips: 0, singles: 0 })
  })

  it('is right whatever its names are, and folders in it too', async () => {
    expect((await readAll('GEN/S1/E1/scans/3/DICOM')).wrong).toEqual([])
    expect((await readAll('GEN/S1/E1/scans/3/DICOM/sub')).wrong).toEqual([])
  })

  it('is right through a view of several scans', async () => {
    const names = await fs.list('GEN/S1/E1/scans/1,2/DICOM')
    expect(names).toHaveLength(2 * count)
    for (const name of names) {
      const [, scan, file] = /^(\d)-(.*)$/.exec(name)!
      const expected = data.digests.get(`GEN/S1/E1/scans/${scan}/DICOM/${file}`)
      expect(md5(await readFile(fs, `GEN/S1/E1/scans/1,2/DICOM/${name}`))).toBe(expected)
    }
  })

  it.each<[string, Fault]>([
    ['is cut off', { kind: 'drop', afterBytes: 300_000 }],
    ['ends too early', { kind: 'truncate', afterBytes: 300_000 }],
    ['is cut off in a header', { kind: 'drop', afterBytes: 15 }],
    ['stalls', { kind: 'stall', afterBytes: 300_000 }],
  ])('is fetched by single requests once its archive %s', async (_, what) => {
    emulator.control.setFaults([fault(what)])
    const cost = await readAll(series)
    expect(cost).toMatchObject({ wrong: [], zips: 1 })
    expect(cost.singles).toBeGreaterThan(0)
    expect(cost.singles).toBeLessThanOrEqual(count)
  })

  it('costs one more where the bytes of a file are damaged in the archive', async () => {
    emulator.control.setFaults([fault({ kind: 'corrupt', atByte: 500_000 })])
    expect(await readAll(series)).toEqual({ wrong: [], zips: 1, singles: 1 })
  })

  it.each([0, 5, 9, 19, 23, 27, 29, 40, 70])(
    'is right where byte %d of the archive is damaged',
    async (atByte) => {
      emulator.control.setFaults([fault({ kind: 'corrupt', atByte })])
      expect((await readAll(series)).wrong).toEqual([])
    },
  )

  it.each<[string, Fault]>([
    ['an error', { kind: 'status', status: 500 }],
    ['a refusal', { kind: 'status', status: 400 }],
    ['something that is no archive', { kind: 'corrupt', atByte: 0 }],
    ['a page', { kind: 'status', status: 200, html: '<html><h1>Maintenance</h1></html>' }],
  ])('is never asked for as an archive again where the answer was %s', async (_, what) => {
    emulator.control.setFaults([fault(what)])
    expect(await readAll(series)).toMatchObject({ wrong: [], zips: 1 })
    expect(await readAll('GEN/S1/E1/scans/2/DICOM')).toMatchObject({ wrong: [], zips: 0 })
  })

  it('is asked for as an archive though another resource gave none', async () => {
    emulator.control.setFaults([fault({ kind: 'status', status: 404 }, { times: 1 })])
    expect(await readAll(series)).toMatchObject({ wrong: [], zips: 1 })
    expect(await readAll('GEN/S1/E1/scans/2/DICOM')).toEqual({ wrong: [], zips: 1, singles: 0 })
  })
})
