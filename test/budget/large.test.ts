import { XMLParser } from 'fast-xml-parser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { rest } from '../support/emulator-rest.js'
import type { FileSystem } from '../support/file-system.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Large directories: complete, by few requests, and in a time that is that of the server's answer. */

const scanIds = Array.from({ length: 500 }, (_, i) => String(i + 1))
const resources = ['DICOM', 'NIFTI', 'SNAPSHOTS']
const subjects = Array.from({ length: 5000 }, (_, i) => `SUBJ_${i + 1}`)
const files = numbered(20_000, '.dat')
const session = 'GEN/S1/WIDE'

let data: GeneratedArchive
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  const one = (label: string) => ({ label, files: ['a.dat'], sizeBytes: 1 })
  const wide = {
    label: 'WIDE',
    resources: [{ label: 'MANY', files, sizeBytes: 1 }],
    scans: Object.fromEntries(scanIds.map((id) => [id, resources.map(one)])),
  }
  data = await generateArchive([wide], subjects)
  emulator = await startEmulator({ data: data.manifest })
}, 300_000)
afterAll(async () => {
  await emulator.close()
  await data.remove()
})
beforeEach(async () => {
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterEach(() => local.stop())

/** The requests that a task costs. */
async function requestsOf(task: () => Promise<unknown>): Promise<readonly string[]> {
  emulator.control.resetRequests()
  await task()
  return emulator.control.requests().map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)
}

const seconds = async (task: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now()
  await task()
  return (performance.now() - begin) / 1000
}

const parseXml = (text: string): unknown => new XMLParser({ ignoreAttributes: false }).parse(text)

/**
 * Times of a directory's listing and of fetching and parsing its one answer, taken in turns: the least of three, or of
 * more where they are so short that other programs would tell in them.
 */
async function ratioOf(path: string, url: string, parse: (text: string) => unknown): Promise<number> {
  const ours: number[] = []
  const theirs: number[] = []
  const begin = performance.now()
  for (let round = 0; round < 3 || performance.now() < begin + 2000; round++) {
    theirs.push(await seconds(async () => parse((await rest(emulator, 'GET', url)).body.toString())))
    local.archive.refresh()
    await fs.stat(path) // the way there is not of it
    ours.push(await seconds(() => fs.list(path)))
  }
  const ratio = Math.min(...ours) / Math.min(...theirs)
  process.stdout.write(`${path}: ${ratio.toFixed(2)} times its answer (${Math.min(...ours).toFixed(3)} s)\n`)
  return ratio
}

describe('a session of 500 scans with three resources each', () => {
  it('lists all of them, by the requests of one session', async () => {
    await fs.stat(session)
    const listed: string[] = []
    const requests = await requestsOf(async () => {
      for (const scan of await fs.list(`${session}/scans`))
        for (const resource of await fs.list(`${session}/scans/${scan}`)) listed.push(`${scan}/${resource}`)
    })
    const expected = scanIds.flatMap((scan) => resources.map((resource) => `${scan}/${resource}`))
    expect(listed.toSorted()).toEqual(expected.toSorted())
    expect(requests.length).toBeLessThanOrEqual(5)
  })

  it('takes no more than three times what its answer takes', async () => {
    const url = '/data/projects/GEN/subjects/S1/experiments/WIDE/scans?format=json'
    const ratio = await ratioOf(`${session}/scans`, url, JSON.parse)
    expect(ratio).toBeLessThan(3)
  })
})

describe('a project of 5,000 subjects', () => {
  it('lists all of them, by two requests', async () => {
    await fs.stat('BARE')
    let listed: string[] = []
    const requests = await requestsOf(async () => (listed = await fs.list('BARE')))
    expect(listed.toSorted()).toEqual(subjects.toSorted())
    expect(requests).toHaveLength(2)
    const again = await requestsOf(async () => {
      for (const subject of subjects.slice(0, 500)) await fs.stat(`BARE/${subject}`)
    })
    expect(again).toEqual([])
  })

  it('takes no more than three times what its answer takes', async () => {
    const url = '/data/projects/BARE/subjects?format=json'
    expect(await ratioOf('/BARE', url, JSON.parse)).toBeLessThan(3)
  })
})

describe('a resource of 20,000 files', () => {
  const path = `${session}/resources/MANY`

  it('lists all of them, by one request', async () => {
    await fs.list(`${session}/resources`)
    let listed: string[] = []
    const requests = await requestsOf(async () => (listed = await fs.list(path)))
    expect(listed).toEqual(files)
    expect(requests).toHaveLength(1)
    expect((await fs.stat(`${path}/${files[12_345]}`)).sizeBytes).toBe(1)
  })

  it('takes no more than three times what its answer takes', async () => {
    const url = '/data/projects/GEN/subjects/S1/experiments/WIDE/resources/MANY'
    expect(await ratioOf(path, url, parseXml)).toBeLessThan(3)
  })
})
