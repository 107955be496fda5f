import { expect, it } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

/** What a name had before a rename does not come back when the file moves on, or gives its name to another. */
const here = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')
const back = { writeMode: 'back', writeBackDelay: 3600 } as const

it('a stored file that was renamed, and renamed over, is gone from its first name, also after a kill', async () => {
  await at.server.put('first', 'stored')
  const { fs } = await at.start(back)
  await fs.rename(`${here}/first`, `${here}/second`)
  await writeFile(fs, `${here}/new.part`, 'new')
  await fs.rename(`${here}/new.part`, `${here}/second`)
  await abandonJournals(at.root)
  const { mount } = await at.start(back)
  await mount.vfs.drain({ includeOpen: false })
  expect(await at.server.texts()).toEqual({ second: 'new' })
})

it.each([[true], [false]])(
  'a stored file that was renamed over stays away when its successor is renamed while it is written (killed: %s)',
  async (isKilled) => {
    await at.server.put('first', 'stored')
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/.first.swp`, 'successor')
    await fs.rename(`${here}/.first.swp`, `${here}/first`)
    const file = await fs.open(`${here}/first`, 'r+')
    await file.write(Buffer.from('SUCC'), 0)
    await fs.rename(`${here}/first`, `${here}/second`)
    await file.close()
    expect((await readFile(fs, `${here}/second`)).toString()).toBe('SUCCessor')
    if (isKilled) await abandonJournals(at.root)
    const last = isKilled ? (await at.start(back)).mount : mount
    await last.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ second: 'SUCCessor' })
  },
)

it.each([[true], [false]])(
  'a stored file is kept under its temporary name when its successor goes on to another (killed: %s)',
  async (isKilled) => {
    await at.server.put('first', 'stored')
    const { mount, fs } = await at.start(back)
    await fs.rename(`${here}/first`, `${here}/first~`)
    await writeFile(fs, `${here}/first`, 'successor')
    await fs.rename(`${here}/first`, `${here}/second`)
    if (isKilled) await abandonJournals(at.root)
    const last = isKilled ? await at.start(back) : { mount, fs }
    await last.mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ second: 'successor' })
    expect((await readFile(last.fs, `${here}/first~`)).toString()).toBe('stored')
  },
)
