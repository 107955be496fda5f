import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** A pipeline is taken from a project by removing its file. */

const folder = 'TEST/.xnat/pipelines'
const file = `${folder}/DicomToNifti.json`
const list = '/data/projects/TEST/pipelines'
let emulator: RunningEmulator
let local: LocalVfs
beforeEach(async () => {
  emulator = await startEmulator()
})
afterEach(async () => {
  await local.stop()
  await emulator.close()
})

async function mount(
  flags: Parameters<typeof startLocalVfs>[1] = { allowDelete: 'entities' },
  user?: string,
) {
  const access = user === undefined ? emulator : { url: emulator.url, user, password: `${user}-pass` }
  local = await startLocalVfs(access, flags)
  return vfsFileSystem(local.vfs)
}
const deletes = (): string[] =>
  emulator.control
    .requests()
    .filter(({ method }) => method === 'DELETE')
    .map(({ path }) => path)
const listed = async (format: string): Promise<string> =>
  (await rest(emulator, 'GET', `${list}?format=${format}`)).body.toString()

describe('a pipeline of a project', () => {
  it('is taken from it by removing its file, and from no other', async () => {
    const fs = await mount()
    expect((await readFile(fs, file)).toString()).toContain('DicomToNifti')
    await fs.unlink(file)
    expect(deletes()).toEqual([
      `${list}?path=${encodeURIComponent('/data/pipeline/catalog/mricron/DicomToNifti.xml')}&datatype=xnat%3AmrSessionData`,
    ])
    expect(await fs.list(folder)).toEqual([])
    await expect(fs.stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await listed('csv')).not.toContain('DicomToNifti')
    expect(await listed('xml')).not.toContain('DicomToNifti')
    expect(await fs.list('ODD/.xnat/pipelines')).toEqual(['DicomToNifti.json'])
  })

  it('stays without the option, and nothing is sent', async () => {
    const fs = await mount({})
    await expect(fs.unlink(file)).rejects.toMatchObject({
      code: 'EPERM',
      message: expect.stringContaining('--allow-delete entities') as string,
    })
    expect(deletes()).toEqual([])
  })

  it('stays when it is removed together with its directory, or is written or made', async () => {
    const fs = await mount()
    let ino = 1
    for (const part of folder.split('/')) ino = (await local.vfs.lookup(ino, part)).ino
    const handle = local.vfs.opendir(ino)
    try {
      await expect(local.vfs.unlink(ino, 'DicomToNifti.json')).rejects.toMatchObject({ code: 'EPERM' })
    } finally {
      local.vfs.releasedir(handle)
    }
    for (const change of [
      () => writeFile(fs, file, '{}'),
      () => writeFile(fs, `${folder}/New.json`, '{}'),
      () => fs.rename(file, `${folder}/Other.json`),
      () => fs.unlink('TEST/.xnat/pipelines.csv'),
      () => fs.rmdir(folder),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'EPERM' })
    expect(deletes()).toEqual([])
    expect(await fs.list(folder)).toEqual(['DicomToNifti.json'])
  })

  it('that the server keeps although it says 200 is EIO', async () => {
    const fs = await mount()
    emulator.control.setFaults([
      { path: `${list}*`, method: 'DELETE', fault: { kind: 'status', status: 200 } },
    ])
    await expect(fs.unlink(file)).rejects.toMatchObject({ code: 'EIO' })
    expect(await fs.list(folder)).toEqual(['DicomToNifti.json'])
  })

  it('is gone as wanted where somebody else has taken it', async () => {
    const fs = await mount()
    await fs.stat(file)
    const query = 'path=/data/pipeline/catalog/mricron/DicomToNifti.xml&datatype=xnat:mrSessionData'
    expect((await rest(emulator, 'DELETE', `${list}?${query}`)).status).toBe(200)
    emulator.control.resetRequests()
    await fs.unlink(file)
    expect(deletes()).toEqual([])
  })

  it('is for owners: others are told EACCES', async () => {
    const fs = await mount({ allowDelete: 'entities' }, 'member')
    await expect(fs.unlink(file)).rejects.toMatchObject({ code: 'EACCES' })
    const { status } = await rest(emulator, 'DELETE', list)
    expect([status, await listed('csv')]).toEqual([200, expect.stringContaining('DicomToNifti')])
    const none = await rest(emulator, 'DELETE', `${list}?path=/none.xml&datatype=xnat:mrSessionData`)
    expect(none.status).toBe(500)
  })
})
