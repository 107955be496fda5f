import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What the documents of `.xnat` say is believed for a while; a change through the mount is in them at once. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
const scan = 'TEST/1/MR1/scans/1'
const resource = `${scan}/NIFTI`

beforeAll(async () => {
  emulator = await startEmulator()
  local = await startLocalVfs(emulator, { listingTtl: 3600 })
  fs = vfsFileSystem(local.vfs)
  await fs.mkdir(resource)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

/** What the mount and the server say of the scan and the resource. */
async function told(): Promise<{ readonly here: string[]; readonly there: string[] }> {
  const rest = '/data/projects/TEST/subjects/1/experiments/MR1/scans/1'
  const paths = ['TEST/1/MR1/.xnat/experiment.xml', `${scan}/.xnat/scan.xml`, `${resource}/.xnat/catalog.xml`]
  const urls = [
    `${rest.replace(/\/scans.*/, '')}?format=xml`,
    `${rest}?format=xml`,
    `${rest}/resources/NIFTI`,
  ]
  return {
    here: await Promise.all(paths.map(async (path) => (await readFile(fs, path)).toString().trim())),
    there: await Promise.all(urls.map(async (url) => (await bodyOf(emulator, url)).toString().trim())),
  }
}

describe('documents of .xnat', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a file was stored', () => writeFile(fs, `${resource}/a.nii`, 'one')],
    ['it was replaced', () => writeFile(fs, `${resource}/a.nii`, 'another')],
    ['it was renamed', () => fs.rename(`${resource}/a.nii`, `${resource}/b.nii`)],
    ['it was removed', () => fs.unlink(`${resource}/b.nii`)],
  ])('say what is there when %s', async (_, change) => {
    await told()
    await change()
    const { here, there } = await told()
    expect(here).toEqual(there)
  })

  it('say what is there when a resource was made, and removed', async () => {
    const path = `${scan}/.xnat/scan.xml`
    const labels = async (): Promise<boolean> => (await readFile(fs, path)).toString().includes('"EMPTY"')
    expect(await labels()).toBe(false)
    await fs.mkdir(`${scan}/EMPTY`)
    expect(await labels()).toBe(true)
    await fs.rmdir(`${scan}/EMPTY`)
    expect(await labels()).toBe(false)
  })
})
