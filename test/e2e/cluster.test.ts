import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { Mount } from '../support/mount.js'
import { run } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { Server } from '../support/server.js'

const miB = 1024 * 1024
const series = { label: 'DICOM', format: 'DICOM', files: numbered(80, '.dcm'), sizeBytes: 100_000 }
const few = { label: 'FEW', files: numbered(3, '.nii'), sizeBytes: 900_000 }
const large = { label: 'NIFTI', files: ['large.nii'], sizeBytes: 24 * miB }
const allBytes = 3 * 80 * 100_000 + 3 * 900_000 + 24 * miB

/** docs/semantics.md, 2.16, and docs/cluster.md: the jobs of an array, each with a mount of its own. */
describe('mounts that share a cache directory', () => {
  let data: GeneratedArchive
  let server: Server
  let cacheDir: string
  const mounts: Mount[] = []
  const living: Mount[] = []
  beforeAll(async () => {
    data = await generateArchive([
      { label: 'ONE', resources: [few, large], scans: { '1': [series], '2': [series], '3': [series] } },
    ])
    server = await Server.start(['--data', data.manifest, '--bandwidth-mbit', '160', '--latency-ms', '5'])
    cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-shared-cache-'))
    const flags = ['--read-only', '--cache-dir', join(cacheDir, 'cache')]
    mounts.push(...(await Promise.all([1, 2, 3].map(() => Mount.start(server, { flags })))))
  })
  afterAll(async () => {
    for (const mount of mounts) await mount.stop()
    await server.stop()
    await data.remove()
    await rm(cacheDir, { recursive: true })
  })
  const sentBytes = async (): Promise<number> =>
    (await server.requests())
      .filter(({ path }) => /\/files(\/|\?format=zip)/.test(path))
      .reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  /** Whoever holds a lease. */
  const fetchingProcess = async (): Promise<number> => {
    const [server] = await readdir(join(cacheDir, 'cache/v1'))
    const directory = join(cacheDir, 'cache/v1', server!)
    for (;;) {
      for (const name of await readdir(join(directory, 'leases'))) {
        const writer = await readFile(join(directory, 'leases', name), 'utf8').catch(() => '')
        if (writer === '') continue
        const about = JSON.parse(await readFile(join(directory, 'writers', writer), 'utf8')) as {
          pid: number
        }
        return about.pid
      }
    }
  }
  const job = (mount: Mount): Promise<Outcome> =>
    run('sh', ['-c', 'cd "$0" && find GEN/S1/ONE -type f | sort | xargs md5sum', mount.path])

  it('fetch a session once between them, also when one of them is killed', async () => {
    const jobs = await Promise.all(
      mounts.map(async (mount) => ({ mount, pid: await mount.pid(), ended: job(mount) })),
    )
    await expect.poll(sentBytes, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0.7 * allBytes)
    const owner = await fetchingProcess()
    process.kill(owner, 'SIGKILL')
    const victim = jobs.find(({ pid }) => pid === owner)
    const others = jobs.filter(({ pid }) => pid !== owner)
    expect(others.length).toBe(2)
    for (const { ended } of others) {
      const { code, stdout, stderr } = await ended
      expect([code, stderr]).toEqual([0, ''])
      const sums = stdout.trim().split('\n')
      expect(new Map(sums.map((line) => line.split(/ +/).toReversed() as [string, string]))).toEqual(
        data.digests,
      )
    }
    expect((await victim!.ended).code).not.toBe(0)
    expect((await sentBytes()) / allBytes).toBeLessThan(1.2)
    await victim!.mount.clear()
    living.push(...others.map(({ mount }) => mount))
  })

  it('leave a cache from which the next one reads everything', async () => {
    for (const mount of living) expect((await mount.xnatfs(['umount', mount.path])).code).toBe(0)
    await server.resetRequests()
    const [next] = living
    await next!.again(['--read-only', '--cache-dir', join(cacheDir, 'cache')])
    expect((await job(next!)).code).toBe(0)
    expect(await sentBytes()).toBe(0)
  })
})
