import { describe, expect, it } from 'vitest'
import type { FaultRule } from '../../src/emulator/emulator.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/D'
/** Stored, but neither the answer nor a listing tells. */
const silence = (heard: number): FaultRule[] => [
  { path: '/data/experiments/**', method: 'PUT', fault: { kind: 'drop', afterBytes: 0 } },
  { path: '/data/experiments/**', method: 'GET', skip: heard, fault: { kind: 'status', status: 400 } },
]

const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/D')

/** A file is written, and nobody hears what became of it. @param heard answers until then: the check of a stored file */
async function writeInDoubt(fs: FileSystem, name: string, text: string, heard = 0): Promise<void> {
  await fs.list(here)
  at.emulator.control.setFaults(silence(heard))
  await expect(writeFile(fs, `${here}/${name}`, text)).rejects.toMatchObject({ code: 'EIO' })
  at.emulator.control.setFaults([])
}

describe('an upload of which no answer tells whether it was stored', () => {
  it('is written again, with other bytes', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    expect(await at.server.texts()).toEqual({ 'a.txt': 'one' })
    await writeFile(fs, `${here}/a.txt`, 'other')
    expect(await at.server.texts()).toEqual({ 'a.txt': 'other' })
    expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe('other')
  })

  it('is written again where its folder did not come to be', async () => {
    const { fs } = await at.start()
    await fs.mkdir(`${here}/folder`)
    at.emulator.control.setFaults([
      { path: '/data/experiments/**', method: 'PUT', fault: { kind: 'status', status: 500 } },
    ])
    await expect(writeFile(fs, `${here}/folder/a.txt`, 'one')).rejects.toMatchObject({ code: 'EIO' })
    at.emulator.control.setFaults([])
    await writeFile(fs, `${here}/folder/a.txt`, 'other')
    expect(await at.server.texts()).toEqual({ 'folder/a.txt': 'other' })
  })

  it('is written again over a file that was there before', async () => {
    await at.server.put('a.txt', 'before')
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one', 1)
    expect(await at.server.texts()).toEqual({ 'a.txt': 'one' })
    await writeFile(fs, `${here}/a.txt`, 'other')
    expect(await at.server.texts()).toEqual({ 'a.txt': 'other' })
  })

  it('is written again after several of them', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await writeInDoubt(fs, 'a.txt', 'second')
    await writeFile(fs, `${here}/a.txt`, 'the third')
    expect(await at.server.texts()).toEqual({ 'a.txt': 'the third' })
  })

  it('is the file itself when nothing was changed since', async () => {
    const { mount, fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    at.emulator.control.resetRequests()
    await mount.vfs.drain({ includeOpen: true })
    expect(mount.vfs.unsent).toEqual([])
    expect(at.emulator.control.requests().filter(({ method }) => method === 'PUT')).toEqual([])
  })

  it('is overwritten by a file that is renamed over it', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await writeFile(fs, `${here}/b.txt`, 'other')
    await fs.rename(`${here}/b.txt`, `${here}/a.txt`)
    expect(await at.server.texts()).toEqual({ 'a.txt': 'other' })
  })

  it('is deleted with the file', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await fs.unlink(`${here}/a.txt`)
    expect(await at.server.texts()).toEqual({})
  })

  it('moves with the file', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await fs.rename(`${here}/a.txt`, `${here}/b.txt`)
    expect(await at.server.texts()).toEqual({ 'b.txt': 'one' })
  })

  it('is known to the next mount', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await writeInDoubt(fs, 'a.txt', 'second')
    await at.server.put('a.txt', 'one') // the second was not stored
    await abandonJournals(at.root)
    const { mount } = await at.start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'a.txt': 'second' })
  })

  it('is not taken for what somebody else has stored', async () => {
    const { fs } = await at.start()
    await writeInDoubt(fs, 'a.txt', 'one')
    await at.server.put('a.txt', 'theirs')
    await expect(writeFile(fs, `${here}/a.txt`, 'other')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await at.server.texts()).toEqual({ 'a.txt': 'theirs' })
  })
})
