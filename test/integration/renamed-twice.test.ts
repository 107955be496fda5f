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

it.each([
  ['close', false],
  ['back', false],
  ['back', true],
] as const)(
  'a stored file that another stored one, still open, was renamed over and moved on from is gone (%s, killed: %s)',
  async (writeMode, isKilled) => {
    await at.server.put('first', 'stored')
    await at.server.put('second', 'replaced')
    await at.server.put('third', 'replaced too')
    const { mount, fs } = await at.start({ writeMode, writeBackDelay: 3600 })
    const file = await fs.open(`${here}/first`, 'r+')
    await file.write(Buffer.from('STO'), 0)
    await fs.rename(`${here}/first`, `${here}/second`)
    await fs.rename(`${here}/second`, `${here}/third`)
    await fs.rename(`${here}/third`, `${here}/fourth`)
    await file.close()
    expect(await fs.list(here)).toEqual(['fourth'])
    if (isKilled) await abandonJournals(at.root)
    const last = isKilled ? (await at.start({ writeMode: 'back' })).mount : mount
    await last.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ fourth: 'STOred' })
  },
)

it('a stored file that could not be deleted keeps the open one that was renamed over it in its place', async () => {
  await at.server.put('first', 'stored')
  await at.server.put('second', 'replaced')
  const { fs } = await at.start({ writeMode: 'close' })
  const file = await fs.open(`${here}/first`, 'r+')
  await file.write(Buffer.from('STO'), 0)
  await fs.rename(`${here}/first`, `${here}/second`)
  at.emulator.control.setFaults([{ method: 'DELETE', path: '**', fault: { kind: 'status', status: 403 } }])
  await expect(fs.rename(`${here}/second`, `${here}/third`)).rejects.toMatchObject({ code: 'EACCES' })
  at.emulator.control.setFaults([])
  await file.close()
  expect(await at.server.texts()).toEqual({ second: 'STOred' })
})

it.each([
  ['to a third name', 'third', false],
  ['to a third name', 'third', true],
  ['back', 'first', false],
  ['back', 'first', true],
] as const)(
  'a stored file that is renamed %s, when its first name could not be deleted, has one name (%s, killed: %s)',
  async (_, last, isKilled) => {
    await at.server.put('first', 'stored')
    const { mount, fs } = await at.start(back)
    await fs.rename(`${here}/first`, `${here}/second`)
    at.emulator.control.setFaults([{ method: 'DELETE', path: '**', fault: { kind: 'status', status: 500 } }])
    await mount.vfs.drain({ includeOpen: false })
    at.emulator.control.setFaults([])
    expect(await at.server.texts()).toEqual({ first: 'stored', second: 'stored' })
    await fs.rename(`${here}/second`, `${here}/${last}`)
    if (isKilled) await abandonJournals(at.root)
    const now = isKilled ? (await at.start(back)).mount : mount
    await now.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ [last]: 'stored' })
  },
)
