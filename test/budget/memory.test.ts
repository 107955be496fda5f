import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'

/** What a mount's process takes of memory at most, and what reading costs with the defaults: cold, and from the disk cache. */

const miB = 1024 * 1024
const mostMemoryMib = 200
/** Of files that are read: enough to be above that if they were held in memory, also by what reads them from the disk. */
const scanFiles = 300
const volumeBytes = 160 * miB
const scan = 'GEN/S1/SCAN/scans/1/DICOM'
const volume = 'GEN/S1/VOLUME/resources/NIFTI'
/** Of the log-in and the listings on the way. */
const wayRequests = 9

let data: GeneratedArchive
let emulator: RunningEmulator

beforeAll(async () => {
  const files = numbered(scanFiles, '.dcm')
  data = await generateArchive([
    { label: 'SCAN', scans: { '1': [{ label: 'DICOM', format: 'DICOM', files, sizeBytes: miB / 2 }] } },
    {
      label: 'VOLUME',
      resources: [{ label: 'NIFTI', files: ['big.nii'], sizeBytes: volumeBytes }],
      scans: {},
    },
  ])
  emulator = await startEmulator({ data: data.manifest })
})
afterAll(async () => {
  await emulator.close()
  await data.remove()
})

interface Cost {
  readonly requests: readonly string[]
  readonly bytes: number
  readonly peakMib: number
}

/** Reads a directory's files one after the other, compares them, and tells what it cost. */
async function costOfReading(mount: Mount, directory: string): Promise<Cost> {
  emulator.control.resetRequests()
  const sums = await shell('cd "$IN" && md5sum -- *', { env: { IN: join(mount.path, directory) } })
  const digests = sums
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/))
  const expected = [...data.digests].filter(([path]) => path.startsWith(`${directory}/`))
  expect(digests.map(([digest, name]) => [`${directory}/${name}`, digest])).toEqual(expected)
  const log = emulator.control.requests()
  const status = await readFile(`/proc/${await mount.pid()}/status`, 'utf8')
  return {
    requests: log.map(({ method, path }) => `${method} ${path}`),
    bytes: log.reduce((sum, { responseBytes }) => sum + responseBytes, 0),
    peakMib: Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024,
  }
}

/** The requests, where they are more than they may be: so that the one too many is seen. */
function beyond(limit: number, { requests }: Cost): readonly string[] {
  return requests.length <= limit ? [] : requests
}

describe.each([
  { what: '300 files of 512 KiB', directory: scan, sizeBytes: scanFiles * (miB / 2), requests: 16 },
  { what: 'a file of 160 MiB', directory: volume, sizeBytes: volumeBytes, requests: 40 },
])('$what by one reader', ({ directory, sizeBytes, requests }) => {
  let mount: Mount
  beforeAll(async () => {
    mount = await Mount.start(emulator)
  })
  afterAll(() => mount.stop())

  it(`cold: few requests, 1.1 times the bytes, less than ${mostMemoryMib} MiB of memory`, async () => {
    const cost = await costOfReading(mount, directory)
    expect(beyond(requests + wayRequests, cost)).toEqual([])
    expect(cost.bytes).toBeLessThan(1.1 * sizeBytes)
    expect(cost.peakMib).toBeLessThan(mostMemoryMib)
  })

  it('remounted: no request for its bytes, and no more memory', async () => {
    await mount.xnatfs(['umount', mount.path])
    await mount.again()
    const cost = await costOfReading(mount, directory)
    expect(beyond(wayRequests, cost)).toEqual([])
    expect(cost.bytes).toBeLessThan(miB)
    expect(cost.peakMib).toBeLessThan(mostMemoryMib)
  })
})
