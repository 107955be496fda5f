import { describe, expect, it } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')
const back = { writeMode: 'back', writeBackDelay: 3600 } as const
const puts = (): number =>
  at.emulator.control.requests().filter(({ method, path }) => method === 'PUT' && path.includes('/files/'))
    .length

describe('a new file with a temporary name', () => {
  it('of zarr is stored once, under the name that it gets', async () => {
    const { fs } = await at.start()
    const before = puts()
    const temporary = `${here}/0.0.84b1b355448e4dda87454a931fe43187.partial`
    await writeFile(fs, temporary, 'a chunk')
    await fs.rename(temporary, `${here}/0.0`)
    expect(await at.server.texts()).toEqual({ '0.0': 'a chunk' })
    expect(puts() - before).toBe(1)
  })
})

/** docs/semantics.md, 3.9: names on the way to another stay here. What the server has already is no such thing. */
describe('a stored file that gets a temporary name', () => {
  it.each(['file.part', '.file.swp', '.file.Xy12Zw'])(
    'has it on the server when it is renamed to %s',
    async (name) => {
      await at.server.put('file', 'stored')
      const { mount, fs } = await at.start()
      await fs.rename(`${here}/file`, `${here}/${name}`)
      expect(await at.server.texts()).toEqual({ [name]: 'stored' })
      expect(mount.vfs.unsent).toEqual([])
      await fs.rename(`${here}/${name}`, `${here}/file`)
      expect(await at.server.texts()).toEqual({ file: 'stored' })
    },
  )

  it.each([false, true])('is stored under it by and by in the mode back (killed: %s)', async (isKilled) => {
    await at.server.put('file', 'stored')
    const { mount, fs } = await at.start(back)
    await fs.rename(`${here}/file`, `${here}/file.part`)
    if (isKilled) await abandonJournals(at.root)
    const last = isKilled ? (await at.start(back)).mount : mount
    await last.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'file.part': 'stored' })
  })

  it.each(['close', 'back'] as const)('is written there, as it lies there (%s)', async (writeMode) => {
    await at.server.put('file.part', 'stored')
    const { mount, fs } = await at.start({ writeMode, writeBackDelay: 3600 })
    const file = await fs.open(`${here}/file.part`, 'a')
    await file.write(Buffer.from(', and more'))
    await file.close()
    if (writeMode === 'back') await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'file.part': 'stored, and more' })
  })

  it('stays where it is when the delete of the old name would take a file of others along', async () => {
    await at.server.put('file', 'stored')
    await at.server.put('file10', 'theirs')
    const { fs } = await at.start()
    await expect(fs.rename(`${here}/file`, `${here}/file.part`)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(await at.server.texts()).toEqual({ file: 'stored', file10: 'theirs' })
    expect((await fs.list(here)).toSorted()).toEqual(['file', 'file10'])
  })

  it('of a backup waits for what becomes of it: a new file of the old name is one overwrite', async () => {
    await at.server.put('file', 'stored')
    const { fs } = await at.start()
    const before = puts()
    await fs.rename(`${here}/file`, `${here}/file~`)
    expect(await at.server.texts()).toEqual({ file: 'stored' })
    await writeFile(fs, `${here}/file`, 'anew')
    expect((await readFile(fs, `${here}/file~`)).toString()).toBe('stored')
    await fs.unlink(`${here}/file~`)
    expect(await at.server.texts()).toEqual({ file: 'anew' })
    expect(puts() - before).toBe(1)
  })
})
