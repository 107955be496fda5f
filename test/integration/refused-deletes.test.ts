import { describe, expect, it, vi } from 'vitest'
import type { FaultRule } from '../../src/emulator/emulator.js'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem, OpenFile } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')
/** Nothing is sent by itself while a test looks; nor does a delete that was not asked for before a kill take long to wait for. */
const back = { writeMode: 'back', writeBackDelay: 3600, overdueMs: 1000 } as const

describe('a file whose delete is refused', () => {
  it.each(['closed', undefined])(
    'stays as it was when a delete was refused while it is written (%s)',
    async (closed) => {
      await at.server.put('scan1', 'stored')
      await at.server.put('scan10', 'theirs')
      const { fs } = await at.start(back)
      if (closed !== undefined) await writeFile(fs, `${here}/scan1`, closed)
      const file = await fs.open(`${here}/scan1`, 'r+')
      await file.write(Buffer.from('XX'), 0)
      await expect(fs.unlink(`${here}/scan1`)).rejects.toMatchObject({ code: 'EBUSY' })
      await file.write(Buffer.from('YY'), 0)
      await abandonJournals(at.root)
      const { mount } = await at.start(back)
      await mount.vfs.drain({ includeOpen: false })
      expect(await at.server.texts()).toEqual({ scan1: closed ?? 'stored', scan10: 'theirs' })
    },
  )

  it('is not lost when a delete is refused while it is being sent', async () => {
    await at.server.put('scan1', 'stored')
    await at.server.put('scan10', 'theirs')
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/scan1`, 'closed')
    at.emulator.control.setFaults([{ method: 'GET', path: '/data/**', fault: { kind: 'delay', ms: 300 } }])
    const sending = mount.vfs.drain({ includeOpen: false })
    await expect(fs.unlink(`${here}/scan1`)).rejects.toMatchObject({ code: 'EBUSY' })
    await sending
    expect((await readFile(fs, `${here}/scan1`)).toString()).toBe('closed')
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ scan1: 'closed', scan10: 'theirs' })
  })

  it('is there again when the process was killed before it knew that the delete is refused', async () => {
    await at.server.put('scan1', 'stored')
    await at.server.put('scan10', 'theirs')
    const { fs } = await at.start(back)
    await writeFile(fs, `${here}/scan1`, 'closed')
    at.emulator.control.setFaults([{ method: 'GET', path: '/data/**', fault: { kind: 'delay', ms: 3000 } }])
    const unlinking = fs.unlink(`${here}/scan1`).catch(() => {})
    await vi.waitFor(async () => expect(await deletes()).toBe(1), { timeout: 20_000, interval: 20 })
    await abandonJournals(at.root)
    at.emulator.control.setFaults([])
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ scan1: 'closed', scan10: 'theirs' })
    expect(await deletes()).toBe(0)
    await unlinking
  })
})

describe('a delete or rename that is refused', () => {
  it.each([
    ['delete', (fs: FileSystem) => fs.unlink(`${here}/scan1`)],
    ['rename', (fs: FileSystem) => fs.rename(`${here}/scan1`, `${here}/other`)],
  ] as const)('sends no backup to the server (%s)', async (_, change) => {
    await at.server.put('scan1', 'stored')
    await at.server.put('scan10', 'theirs')
    const { fs } = await at.start({ ...back, writeMode: 'close' })
    await fs.rename(`${here}/scan1`, `${here}/scan1~`)
    await writeFile(fs, `${here}/scan1`, 'new')
    await expect(change(fs)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(await at.server.texts()).toEqual({ scan1: 'new', scan10: 'theirs' })
    expect((await readFile(fs, `${here}/scan1~`)).toString()).toBe('stored')
  })

  it('is refused at once where the file is open, and new in place of a stored one', async () => {
    await at.server.put('scan1', 'stored')
    await at.server.put('scan10', 'theirs')
    const { fs } = await at.start({ ...back, writeMode: 'close' })
    await fs.rename(`${here}/scan1`, `${here}/scan1~`)
    await (await fs.open(`${here}/scan1`, 'wx')).close()
    await fs.unlink(`${here}/scan1~`)
    const file = await fs.open(`${here}/scan1`, 'w')
    await file.write(Buffer.from('new'), 0)
    await expect(fs.rename(`${here}/scan1`, `${here}/other`)).rejects.toMatchObject({ code: 'EBUSY' })
    await file.close()
    expect(await at.server.texts()).toEqual({ scan1: 'new', scan10: 'theirs' })
  })
})

describe('a file that is deleted while one whose name begins with its own is on its way', () => {
  const puts = (): number =>
    at.emulator.control.requests().filter(({ method, path }) => method === 'PUT' && path.includes('scan10'))
      .length

  it.each(['PUT', 'GET'] as const)('is deleted, and the other one is there (slow: %s)', async (method) => {
    await at.server.put('scan1', 'stored')
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/scan10`, 'mine')
    at.emulator.control.setFaults([{ method, path: '/data/**', fault: { kind: 'delay', ms: 300 } }])
    const sending = mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(puts()).toBe(1), { timeout: 20_000, interval: 5 })
    await fs.unlink(`${here}/scan1`)
    await sending
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ scan10: 'mine' })
    expect((await readFile(fs, `${here}/scan10`)).toString()).toBe('mine')
  })
})

it('what goes with a delete and is written at that time is there as it was written', async () => {
  const { mount, fs } = await at.start({ writeMode: 'close' })
  await writeFile(fs, `${here}/scan1`, 'one')
  await writeFile(fs, `${here}/scan10`, 'ten')
  at.emulator.control.setFaults([{ path: '/data/**', fault: { kind: 'delay', ms: 150 } }])
  const remove = mount.archive.remove.bind(mount.archive)
  let writing: Promise<unknown> | undefined
  vi.spyOn(mount.archive, 'remove').mockImplementationOnce((...of) => {
    const removing = remove(...of)
    writing = fs.open(`${here}/scan10`, 'r+').then(async (file) => {
      await file.write(Buffer.from('TEN and more'), 0)
      await file.close()
    })
    return removing
  })
  await fs.unlink(`${here}/scan1`)
  await writing
  expect(await at.server.texts()).toEqual({ scan10: 'TEN and more' })
})

describe('a file that is deleted while what goes with it is leaving', () => {
  it.each(['close', 'back'] as const)('is deleted when that was renamed (%s)', async (writeMode) => {
    const { mount, fs } = await at.start({ ...back, writeMode })
    await writeFile(fs, `${here}/scan1`, 'one')
    await writeFile(fs, `${here}/scan10`, 'ten')
    await mount.vfs.drain({ includeOpen: false })
    await fs.rename(`${here}/scan10`, `${here}/other`)
    await fs.unlink(`${here}/scan1`)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ other: 'ten' })
  })

  it('is deleted when that is being deleted', async () => {
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/scan1`, 'one')
    await writeFile(fs, `${here}/scan10`, 'ten')
    await mount.vfs.drain({ includeOpen: false })
    at.emulator.control.setFaults([{ method: 'DELETE', path: '/data/**', fault: { kind: 'delay', ms: 300 } }])
    await Promise.all([fs.unlink(`${here}/scan10`), fs.unlink(`${here}/scan1`)])
    expect(await at.server.texts()).toEqual({})
  })

  it('is deleted when it was renamed over that', async () => {
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/scan1`, 'one')
    await writeFile(fs, `${here}/scan10`, 'ten')
    await mount.vfs.drain({ includeOpen: false })
    await writeFile(fs, `${here}/scan1`, 'newer')
    await fs.rename(`${here}/scan1`, `${here}/scan10`)
    await mount.vfs.drain({ includeOpen: false })
    expect(mount.lines.filter((line) => line.includes(' error '))).toEqual([])
    expect(await at.server.texts()).toEqual({ scan10: 'newer' })
  })
})

describe('a file that was renamed over one whose name begins with its own', () => {
  /** XNAT deletes both with the shorter name. */
  async function rename(): Promise<Awaited<ReturnType<typeof at.start>>> {
    await at.server.put('n.nii', 'image')
    await at.server.put('n.nii.gz', 'older')
    const started = await at.start(back)
    const { mount, fs } = started
    await writeFile(fs, `${here}/n.nii.gz`, 'newer')
    await mount.vfs.drain({ includeOpen: false })
    await fs.rename(`${here}/n.nii`, `${here}/n.nii.gz`)
    return started
  }

  async function check({ mount }: Awaited<ReturnType<typeof at.start>>): Promise<void> {
    await mount.vfs.drain({ includeOpen: false })
    expect(mount.lines.filter((line) => line.includes(' error '))).toEqual([])
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'image' })
    expect(mount.vfs.unsent).toEqual([])
  }

  it('replaces it', async () => {
    await check(await rename())
  })

  it('replaces it after a kill too', async () => {
    await rename()
    await abandonJournals(at.root)
    await check(await at.start(back))
  })

  it('replaces it when the kill came just before the delete', async () => {
    const { mount } = await rename()
    let failDelete: (error: Error) => void = () => {}
    const deleting = vi
      .spyOn(mount.archive, 'remove')
      .mockReturnValue(new Promise((_, reject) => (failDelete = reject)))
    const draining = mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(deleting).toHaveBeenCalled(), { timeout: 20_000, interval: 20 })
    await abandonJournals(at.root)
    await check(await at.start(back))
    failDelete(new Error('killed'))
    await draining
  })
})

/** How many journal entries say that their file is to be deleted. */
async function deletes(): Promise<number> {
  const fail = (error: Error): never => {
    throw error
  }
  const entries = await Promise.all((await knownJournals(at.root)).map(({ path }) => readEntries(path, fail)))
  return entries.flat().filter(({ record }) => record.isDeleted).length
}

/** A delete by prefix of `s/a` takes nothing of `s10` along. */
describe.each(['close', 'back'] as const)('a folder beside one whose name begins alike (%s)', (writeMode) => {
  it.each(['s100', 's10/b'])('is removed with its files while %s is being written', async (name) => {
    await at.server.put('s/stored', 'x')
    await at.server.put('s10/stored', 'stays')
    const { mount, fs } = await at.start({ writeMode, writeBackDelay: 3600 })
    await writeFile(fs, `${here}/s/mine`, 'x')
    const file = await fs.open(`${here}/${name}`, 'w')
    await file.write(Buffer.from('written'), 0)
    for (const each of await fs.list(`${here}/s`)) await fs.unlink(`${here}/s/${each}`)
    await fs.rmdir(`${here}/s`)
    await file.close()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 's10/stored': 'stays', [name]: 'written' })
  })
})

/** xnat-wire.md §5: what XNAT says when somebody else was faster. */
describe('a delete while others change the catalog', () => {
  const html = '<h3>Another thread or process modified J_catalog.xml since I last read it</h3>'
  const fault = (times: number, kind: Partial<FaultRule['fault']> = {}): FaultRule => ({
    method: 'DELETE',
    path: '**/files/**',
    times,
    fault: { kind: 'status', status: 500, html, ...kind } as FaultRule['fault'],
  })

  it.each([1, 3])('is asked for again after a new look (%d times)', async (times) => {
    await at.server.put('a.txt', 'mine')
    await at.server.put('b.txt', 'stays')
    const { mount, fs } = await at.start()
    at.emulator.control.setFaults([fault(times)])
    await fs.unlink(`${here}/a.txt`)
    expect(await at.server.texts()).toEqual({ 'b.txt': 'stays' })
    expect(mount.lines.filter((line) => / (warn|error) /.test(line))).toEqual([])
  })

  it.each(['a.txt', 'a.txt.gz'])('is not asked for again when somebody has stored %s since', async (name) => {
    await at.server.put('a.txt', 'mine')
    const { fs } = await at.start()
    at.emulator.control.setFaults([fault(1)])
    const removing = fs.unlink(`${here}/a.txt`)
    const deletes = (): number =>
      at.emulator.control.requests().filter(({ method }) => method === 'DELETE').length
    const refused = removing.catch((error: unknown) => error)
    await vi.waitFor(() => expect(deletes()).toBe(1), { timeout: 20_000, interval: 5 })
    await at.server.put(name, 'theirs')
    expect(await refused).toMatchObject({ code: name === 'a.txt' ? 'ESTALE' : 'EBUSY' })
    expect(await at.server.texts()).toMatchObject({ [name]: 'theirs' })
    expect(deletes()).toBe(1)
  })

  it('whose answer is lost is looked for', async () => {
    await at.server.put('a.txt', 'mine')
    const { fs } = await at.start()
    at.emulator.control.setFaults([fault(1, { kind: 'drop', afterBytes: 0 })])
    await fs.unlink(`${here}/a.txt`)
    expect(await at.server.texts()).toEqual({})
  })
})

describe('a file that a delete takes along while somebody begins to write it', () => {
  /** Both are there, and `scan1` is being deleted, when `scan10` is opened to be written anew. */
  const begin = async (): Promise<{ mount: LocalVfs; file: OpenFile; unlinking: Promise<void> }> => {
    await at.server.put('scan1', 'stored')
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/scan10`, 'closed')
    await mount.vfs.drain({ includeOpen: false })
    const gets = (): number =>
      at.emulator.control
        .requests()
        .filter(({ method, path }) => method === 'GET' && path.endsWith('files/scan10')).length
    const before = gets()
    at.emulator.control.setFaults([{ method: 'GET', path: '**/scan10', fault: { kind: 'delay', ms: 300 } }])
    const unlinking = fs.unlink(`${here}/scan1`)
    await vi.waitFor(() => expect(gets()).toBe(before + 1), { timeout: 20_000, interval: 5 })
    return { mount, file: await fs.open(`${here}/scan10`, 'w'), unlinking }
  }

  it('is what was closed, when the process is killed before the next close', async () => {
    const { file, unlinking } = await begin()
    await unlinking
    await file.write(Buffer.from('half of '), 0)
    await abandonJournals(at.root)
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ scan10: 'closed' })
  })

  it('is what was written at last, and nothing unfinished is sent before', async () => {
    const { mount, file, unlinking } = await begin()
    await unlinking
    at.emulator.control.setFaults([])
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({})
    await file.write(Buffer.from('whole'), 0)
    await file.close()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ scan10: 'whole' })
  })
})
