import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { prefetch } from '../../src/cli/prefetch-task.js'
import type { PrefetchReport, PrefetchWhat } from '../../src/cli/prefetch-task.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { md5 } from '../support/byte-source.js'
import { readFile } from '../support/file-system.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What `xnatfs prefetch` does in the process of a mount (docs/semantics.md, 2.12). */
const miB = 1024 * 1024
const session = 'GEN/S1/ONE'
const largeBytes = 20 * miB
const seriesFiles = 40
const allFiles = 2 * seriesFiles + 3
const allBytes = 2 * seriesFiles * 10_000 + 2 * 5000 + largeBytes

let data: GeneratedArchive
let emulator: RunningEmulator
let cacheDir: string
let local: LocalVfs
const idle = new AbortController()

beforeAll(async () => {
  const series = { label: 'DICOM', format: 'DICOM', files: numbered(seriesFiles, '.dcm'), sizeBytes: 10_000 }
  data = await generateArchive([
    {
      label: 'ONE',
      resources: [
        { label: 'NIFTI', files: ['large.nii'], sizeBytes: largeBytes },
        { label: 'FEW', files: numbered(2, '.txt'), sizeBytes: 5000 },
      ],
      scans: { '1': [series], '2': [series] },
    },
  ])
  emulator = await startEmulator({ data: data.manifest })
})
afterAll(async () => {
  await emulator.close()
  await data.remove()
})
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  local = await startLocalVfs(emulator, { cacheDir })
})
afterEach(async () => {
  emulator.control.setFaults([])
  await local.stop()
  await rm(cacheDir, { recursive: true })
})

const run = (
  path: string,
  what: PrefetchWhat = 'fetch',
  signal: AbortSignal = idle.signal,
  tell: (report: PrefetchReport) => void = () => {},
): Promise<PrefetchReport> => prefetch([path], what, local, { signal, tell })

/** The requests for bytes that a task costs. */
async function fetches(task: () => Promise<unknown>): Promise<string[]> {
  emulator.control.resetRequests()
  await task()
  const log = emulator.control.requests()
  return log.filter(({ path }) => /\/files(\/|\?format=zip)/.test(path)).map(({ path }) => path)
}

const zipRequests = (): number =>
  emulator.control
    .requests()
    .filter(({ path, responseBytes }) => /format=zip/.test(path) && responseBytes > 0).length

describe('prefetch', () => {
  it('of a session fetches each series by one request, proves it, and leaves it on the disk', async () => {
    const plan = await run(session, 'plan')
    expect(plan.plan).toEqual({
      files: allFiles,
      bytes: allBytes,
      cachedFiles: 0,
      cachedBytes: 0,
      unsized: 0,
      requests: 2 + 2 + 3, // two archives, two small files, three stretches of the large one
    })
    let report: PrefetchReport | undefined
    const asked = await fetches(async () => (report = await run(session)))
    expect(asked).toHaveLength(plan.plan.requests)
    expect(report).toMatchObject({ progress: { filesDone: allFiles, bytesDone: allBytes }, failures: [] })
    expect((await run(session, 'check')).plan).toMatchObject({ cachedFiles: allFiles, cachedBytes: allBytes })
    expect(await fetches(() => run(session))).toEqual([])

    await local.stop()
    local = await startLocalVfs(emulator, { cacheDir })
    const fs = vfsFileSystem(local.vfs)
    const read = async (): Promise<void> => {
      for (const [path, digest] of data.digests) expect(md5(await readFile(fs, path))).toBe(digest)
    }
    expect(await fetches(read)).toEqual([])
    expect((await run(session, 'check')).plan.cachedFiles).toBe(allFiles)
  })

  it('fetches what an archive did not bring one by one', async () => {
    emulator.control.setFaults([
      { path: '**/files?format=zip**', fault: { kind: 'drop', afterBytes: 100_000 } },
    ])
    const report = await run(`${session}/scans/1`)
    expect(report).toMatchObject({ progress: { filesDone: seriesFiles }, failures: [] })
    expect((await run(`${session}/scans/1`, 'check')).plan.cachedFiles).toBe(seriesFiles)
  })

  it('leaves a connection to who waits for what he reads', async () => {
    await local.stop()
    local = await startLocalVfs(emulator, { cacheDir, connections: 2 })
    emulator.control.resetRequests()
    emulator.control.setFaults([
      { path: '**/files?format=zip**', fault: { kind: 'stall', afterBytes: 50_000 } },
    ])
    const stop = new AbortController()
    const running = run(`${session}/scans`, 'fetch', stop.signal)
    await vi.waitFor(() => expect(zipRequests()).not.toBe(0))
    const path = `${session}/resources/FEW/0001.txt`
    const read = await readFile(vfsFileSystem(local.vfs), path)
    stop.abort(new Error('gone'))
    await expect(running).rejects.toThrow('gone')
    expect(md5(read)).toBe(data.digests.get(path))
  })

  it('names what the server does not give, and fetches the rest', async () => {
    emulator.control.setFaults([
      { path: '**/files?format=zip**', fault: { kind: 'status', status: 500 } },
      { path: '**/files/0007.dcm', fault: { kind: 'status', status: 500 } },
    ])
    const report = await run(`${session}/scans/2`)
    expect(report.failures).toEqual([{ name: '0007.dcm', reason: expect.stringContaining('500') }])
    expect(report.progress.filesDone).toBe(seriesFiles - 1)
  })

  it('ends when nobody wants it any more, and keeps what has come', async () => {
    const stop = new AbortController()
    await expect(run(session, 'fetch', stop.signal, () => stop.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    )
    const { plan } = await run(session, 'check')
    expect(plan.cachedFiles).toBeLessThan(allFiles)
    expect((await run(session)).progress.filesDone).toBe(allFiles)
  })

  it('of one file fetches that one, and of nothing says so', async () => {
    expect(await fetches(() => run(`${session}/scans/1/DICOM/0003.dcm`))).toHaveLength(1)
    await expect(run(`${session}/scans/77`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('of more than the cache holds fetches nothing', async () => {
    await local.stop()
    local = await startLocalVfs(emulator, { cacheDir, cacheSize: 4 * miB })
    let report: PrefetchReport | undefined
    expect(await fetches(async () => (report = await run(session)))).toEqual([])
    expect(report!.progress.filesDone).toBe(0)
  })
})
