import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { md5OfFile } from '../../src/util/md5.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

const series = 'GEN/S1/MR/scans/1/DICOM'
const names = numbered(8, '.dcm')
/** The smallest files that the kernel may read from the cache by itself, and the largest that come by threads. */
const sizeBytes = 256 * 1024

it('files that the kernel may read by itself are opened in one way only, also when they come before they are opened', async () => {
  const data = await generateArchive([
    {
      label: 'MR',
      resources: [{ label: 'OTHERS', files: ['other.bin'], sizeBytes: 10 }],
      scans: { '1': [{ label: 'DICOM', format: 'DICOM', files: names, sizeBytes }] },
    },
  ])
  const server = await Server.start(['--data', data.manifest])
  const cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  const mount = await Mount.start(server, {
    flags: ['--driver', 'libfuse3', '--read-only', '--cache-dir', cacheDir],
  })
  const kept = async (): Promise<number> =>
    (await readdir(cacheDir, { recursive: true })).filter((name) => /\/files\/..\/\w+$/.test(name)).length
  const digest = (name: string): Promise<string> => md5OfFile(join(mount.path, series, name))
  let held: FileHandle[] = []
  try {
    expect(await readdir(join(mount.path, series))).toEqual(names)
    await digest(names[0]!)
    await expect.poll(kept, { timeout: 10_000 }).toBe(names.length)
    held = await Promise.all(names.map((name) => open(join(mount.path, series, name))))
    await readdir(join(mount.path, 'GEN/S1/MR/resources/OTHERS')) // news: what is opened next is looked at
    for (const name of names) expect(await digest(name)).toBe(data.digests.get(`${series}/${name}`))
  } finally {
    for (const handle of held) await handle.close()
    await mount.stop()
    await server.stop()
    await rm(cacheDir, { recursive: true })
    await data.remove()
  }
})
