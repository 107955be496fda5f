import { describe, expect, it, vi } from 'vitest'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import type { FaultRule } from '../../src/emulator/emulator.js'
import { FsError } from '../../src/util/fs-error.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/L'
const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/L'
const at = useRemounts(uri)
/** Nothing is sent by itself while a test looks. */
const back = { writeMode: 'back', writeBackDelay: 3600 } as const

const count = (of: string, path: string): number =>
  at.emulator.control.requests().filter((request) => request.method === of && request.path.includes(path))
    .length
const deletes = (): number => count('DELETE', '/files/')
const slow = (ms: number): FaultRule => ({ method: 'DELETE', path: '/data/**', fault: { kind: 'delay', ms } })
/** A proxy has given the server up. */
const lost: FaultRule = { method: 'DELETE', path: '/data/**', fault: { kind: 'status', status: 504 } }
const soon = { timeout: 20_000, interval: 5 }

/** Both are stored: XNAT deletes the longer name with the shorter one. */
async function storeBoth({ mount, fs }: Awaited<ReturnType<typeof at.start>>): Promise<void> {
  await writeFile(fs, `${here}/n.nii`, 'image')
  await writeFile(fs, `${here}/n.nii.gz`, 'packed')
  await mount.vfs.drain({ includeOpen: false })
}

/** Begins to delete a file. Resolves when the server has been asked, with when that is done. */
async function beginDelete(
  fs: FileSystem,
  name: string,
  ...faults: FaultRule[]
): Promise<{ readonly done: Promise<void> }> {
  at.emulator.control.setFaults(faults)
  const done = fs.unlink(`${here}/${name}`)
  done.catch(() => {}) // that of a killed mount may fail, and nobody hears of it
  await vi.waitFor(() => expect(deletes()).toBe(1), soon)
  return { done }
}

describe('a delete that the server carries out late', () => {
  it('takes nothing along that the next mount believes to be stored', async () => {
    const first = await at.start(back)
    await storeBoth(first)
    const { done } = await beginDelete(first.fs, 'n.nii', slow(1500))
    await abandonJournals(at.root)
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    await Promise.allSettled([done])
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed' })
    expect(mount.lines.join('\n')).toContain(
      `${here}/n.nii: waiting for a delete that an earlier mount has asked for`,
    )
  })

  it('takes nothing along that has been written anew meanwhile', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/a.txt`, 'one')
    await first.mount.vfs.drain({ includeOpen: false })
    const open = await first.fs.open(`${here}/a.txt`, 'r+')
    await open.write(Buffer.from('two'), 0)
    await open.close()
    const { done } = await beginDelete(first.fs, 'a.txt', slow(1500))
    await abandonJournals(at.root)
    const { mount, fs } = await at.start(back)
    await writeFile(fs, `${here}/a.txt`, 'new')
    await mount.vfs.drain({ includeOpen: false })
    await Promise.allSettled([done])
    expect(await at.server.texts()).toEqual({ 'a.txt': 'new' })
  })

  it('takes nothing along that was on its way when the process was killed', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/n.nii`, 'image')
    await first.mount.vfs.drain({ includeOpen: false })
    await writeFile(first.fs, `${here}/n.nii.json`, 'sidecar')
    await writeFile(first.fs, `${here}/n.nii`, 'newer')
    const { done } = await beginDelete(first.fs, 'n.nii', slow(2000))
    await abandonJournals(at.root)
    const { mount } = await at.start({ ...back, writeBackDelay: 0.1 })
    await mount.vfs.drain({ includeOpen: false })
    await Promise.allSettled([done])
    expect(await at.server.texts()).toEqual({ 'n.nii.json': 'sidecar' })
  })

  it('takes nothing along when others had their turn before it was asked for', async () => {
    const first = await at.start(back)
    await storeBoth(first)
    const slowPut: FaultRule = { ...slow(2500), method: 'PUT' }
    at.emulator.control.setFaults([slowPut])
    await writeFile(first.fs, `${here}/other`, 'slow')
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(count('PUT', '/files/other')).toBe(1), soon)
    const { done } = await beginDelete(first.fs, 'n.nii', slow(1500), slowPut)
    await abandonJournals(at.root)
    at.emulator.control.setFaults([])
    const { mount } = await at.start({ ...back, overdueMs: 2000 })
    await mount.vfs.drain({ includeOpen: false })
    await Promise.allSettled([done, draining])
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed', other: 'slow' })
  })

  it('is waited for as long as somebody wants the mount', async () => {
    const started = await at.start(back)
    await storeBoth(started)
    const { done } = await beginDelete(started.fs, 'n.nii', slow(1500))
    const unwanted = new AbortController()
    const entries = (await knownJournals(at.root)).map(({ path }) => readEntries(path, () => {}))
    const records = (await Promise.all(entries)).flat().map(({ record }) => record)
    const waiting = started.mount.vfs.awaitDeletes(records, unwanted.signal)
    unwanted.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    await done
  })

  it('takes nothing along that gets its bytes from a renamed file meanwhile', async () => {
    const { mount, fs } = await at.start(back)
    await storeBoth({ mount, fs })
    await writeFile(fs, `${here}/other`, 'packed anew')
    await mount.vfs.drain({ includeOpen: false })
    await fs.rename(`${here}/other`, `${here}/n.nii.gz`)
    const { done } = await beginDelete(fs, 'n.nii', slow(300))
    await mount.vfs.drain({ includeOpen: false })
    await done
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed anew' })
  })

  it('takes nothing along that another file is renamed over meanwhile', async () => {
    const { mount, fs } = await at.start(back)
    await storeBoth({ mount, fs })
    await writeFile(fs, `${here}/other`, 'packed anew')
    const { done } = await beginDelete(fs, 'n.nii', slow(300))
    await fs.rename(`${here}/other`, `${here}/n.nii.gz`)
    await done
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed anew' })
  })

  it('has taken nothing along that another file is renamed over then', async () => {
    const { mount, fs } = await at.start(back)
    await storeBoth({ mount, fs })
    await fs.unlink(`${here}/n.nii`)
    await writeFile(fs, `${here}/other`, 'packed anew')
    await fs.rename(`${here}/other`, `${here}/n.nii.gz`)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed anew' })
  })

  it('is waited for, and not asked for again, when a proxy has lost patience', async () => {
    const { mount, fs } = await at.start(back)
    await storeBoth({ mount, fs })
    const { done } = await beginDelete(fs, 'n.nii', lost)
    const listed = count('GET', '/data/')
    await vi.waitFor(() => expect(count('GET', '/data/')).toBeGreaterThan(listed + 1), soon)
    at.emulator.control.setFaults([])
    await at.server.rest('DELETE', `${uri}/files/n.nii`)
    await done
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed' })
    expect(deletes()).toBe(2)
  })

  it.each([
    ['nothing can be listed', { path: '/data/**', fault: { kind: 'status', status: 500 } }, []],
    ['somebody stores what would go too', lost, ['n.nii.json']],
  ] as const)('is waited for although %s meanwhile', async (_, fault, theirs) => {
    const { mount, fs } = await at.start({ writeMode: 'close' })
    await storeBoth({ mount, fs })
    const { done } = await beginDelete(fs, 'n.nii', lost)
    for (const name of theirs) await at.server.put(name, 'theirs')
    at.emulator.control.setFaults([fault])
    const listed = count('GET', '/data/')
    await vi.waitFor(() => expect(count('GET', '/data/')).toBeGreaterThan(listed + 3), soon)
    at.emulator.control.setFaults([])
    await at.server.rest('DELETE', `${uri}/files/n.nii`)
    await done
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed' })
  })

  it('is not waited for when the server had time enough', async () => {
    const { mount, fs } = await at.start({ ...back, overdueMs: 300 })
    await storeBoth({ mount, fs })
    at.emulator.control.setFaults([lost])
    await expect(fs.unlink(`${here}/n.nii`)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    expect(deletes()).toBe(2)
    at.emulator.control.setFaults([])
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii': 'image', 'n.nii.gz': 'packed' })
  })
})

describe('a delete of which nobody knows whether it was carried out', () => {
  it.each(['close', 'back'] as const)('costs nothing that it has taken along (%s)', async (writeMode) => {
    const { mount, fs } = await at.start({ ...back, writeMode })
    await storeBoth({ mount, fs })
    const remove = mount.archive.remove.bind(mount.archive)
    vi.spyOn(mount.archive, 'remove').mockImplementationOnce(async (...of) => {
      await remove(...of)
      throw new FsError('EIO', 'the network is gone', { nextStep: 'wait' })
    })
    await expect(fs.unlink(`${here}/n.nii`)).rejects.toMatchObject({ code: 'EIO' })
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii.gz': 'packed' })
  })

  it('leaves what it has not taken along where it is', async () => {
    const { mount, fs } = await at.start({ ...back, writeMode: 'close' })
    await storeBoth({ mount, fs })
    vi.spyOn(mount.archive, 'remove').mockRejectedValueOnce(
      new FsError('EIO', 'the network is gone', { nextStep: 'wait' }),
    )
    const sent = count('PUT', '/files/')
    await expect(fs.unlink(`${here}/n.nii`)).rejects.toMatchObject({ code: 'EIO' })
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'n.nii': 'image', 'n.nii.gz': 'packed' })
    expect(count('PUT', '/files/')).toBe(sent)
  })
})

describe.each([['old', 'new'] as const, ['n.nii', 'n.nii.gz'] as const])(
  'a rename of %s to %s whose delete nobody has heard of again',
  (from, to) => {
    /** The bytes are stored under both names. */
    async function renameInDoubt(): ReturnType<typeof at.start> {
      await at.server.put(from, 'bytes')
      const started = await at.start({ writeMode: 'close', overdueMs: 300 })
      at.emulator.control.setFaults([lost])
      const renamed = started.fs.rename(`${here}/${from}`, `${here}/${to}`)
      await expect(renamed).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      at.emulator.control.setFaults([])
      expect(await at.server.texts()).toEqual({ [from]: 'bytes', [to]: 'bytes' })
      return started
    }

    it('costs no bytes when the server carries it out late', async () => {
      const { mount, fs } = await renameInDoubt()
      await at.server.rest('DELETE', `${uri}/files/${from}`)
      expect((await readFile(fs, `${here}/${to}`)).toString()).toBe('bytes')
      await mount.vfs.drain({ includeOpen: false })
      expect(await at.server.texts()).toEqual({ [to]: 'bytes' })
    })

    it.each([false, true])(
      'comes to its end when files are sent (by the next mount: %s)',
      async (isKilled) => {
        const first = await renameInDoubt()
        if (isKilled) await abandonJournals(at.root)
        const { mount, fs } = isKilled ? await at.start({ writeMode: 'close', overdueMs: 300 }) : first
        await mount.vfs.drain({ includeOpen: false })
        expect(await at.server.texts()).toEqual({ [to]: 'bytes' })
        expect(await fs.list(here)).toEqual([to])
      },
    )
  },
)

it('a new file of the name of one that was renamed is sent, when the killed mount has deleted that', async () => {
  await at.server.put('a', 'old')
  const { fs } = await at.start(back)
  await fs.rename(`${here}/a`, `${here}/b`)
  await writeFile(fs, `${here}/a.part`, 'new')
  await fs.rename(`${here}/a.part`, `${here}/a`)
  await abandonJournals(at.root)
  await at.server.rest('DELETE', `${uri}/files/a`)
  const { mount } = await at.start(back)
  await mount.vfs.drain({ includeOpen: false })
  expect(await at.server.texts()).toEqual({ a: 'new', b: 'old' })
})

it('a new file of the name of one that was renamed, and of the same bytes, stays where it was sent', async () => {
  await at.server.put('a', 'bytes')
  const first = await at.start(back)
  await first.fs.rename(`${here}/a`, `${here}/b`)
  await writeFile(first.fs, `${here}/a`, 'bytes')
  const open = await first.fs.open(`${here}/a`, 'r+')
  at.emulator.control.setFaults([
    { method: 'PUT', path: '/data/**/files/b*', fault: { kind: 'status', status: 413 } },
  ])
  await open.sync()
  await abandonJournals(at.root)
  await first.mount.hangUp()
  at.emulator.control.setFaults([])
  const { mount } = await at.start(back)
  await mount.vfs.drain({ includeOpen: false })
  expect(await at.server.texts()).toEqual({ a: 'bytes', b: 'bytes' })
})

it('the delete of an old name, that a killed mount has asked for, takes nothing along that is stored since', async () => {
  const first = await at.start(back)
  await writeFile(first.fs, `${here}/n.nii`, 'image')
  await first.mount.vfs.drain({ includeOpen: false })
  await first.fs.rename(`${here}/n.nii`, `${here}/scan`)
  at.emulator.control.setFaults([slow(1500)])
  const draining = first.mount.vfs.drain({ includeOpen: false })
  await vi.waitFor(() => expect(deletes()).toBe(1), soon)
  await writeFile(first.fs, `${here}/n.nii.gz`, 'packed')
  await abandonJournals(at.root)
  await first.mount.hangUp()
  const { mount } = await at.start(back)
  await mount.vfs.drain({ includeOpen: false })
  await Promise.allSettled([draining])
  await vi.waitFor(async () => expect((await at.server.texts())['n.nii']).toBeUndefined(), soon)
  expect(await at.server.texts()).toEqual({ scan: 'image', 'n.nii.gz': 'packed' })
})

describe('what a program has begun to write takes no place in the journal of what was promised', () => {
  /** A stored file that is renamed while it is open: its bytes are to be sent, and its old name is to be deleted. */
  async function renameOpen({ fs, mount }: Awaited<ReturnType<typeof at.start>>): Promise<void> {
    await writeFile(fs, `${here}/old`, 'stored')
    await mount.vfs.drain({ includeOpen: false })
    const open = await fs.open(`${here}/old`, 'r+')
    await open.write(Buffer.from('closed'), 0)
    await fs.rename(`${here}/old`, `${here}/new`)
    await open.close()
  }
  const puts = (): number => count('PUT', '/files/')

  it('when the old name of the file is being deleted', async () => {
    const first = await at.start(back)
    await renameOpen(first)
    const before = puts()
    at.emulator.control.setFaults([
      { method: 'PUT', path: '/data/**', fault: { kind: 'delay', ms: 300 } },
      slow(1000),
    ])
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(puts()).toBe(before + 1), soon)
    await first.fs.open(`${here}/new`, 'w')
    await vi.waitFor(() => expect(deletes()).toBe(1), soon)
    await abandonJournals(at.root)
    await first.mount.hangUp()
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    await Promise.allSettled([draining])
    expect(await at.server.texts()).toEqual({ new: 'closed' })
  })

  it('when its upload fails', async () => {
    const first = await at.start(back)
    await renameOpen(first)
    const before = puts()
    at.emulator.control.setFaults([
      { method: 'PUT', path: '/data/**', fault: { kind: 'delay', ms: 300 } },
      { method: 'PUT', path: '/data/**', fault: { kind: 'status', status: 413 } },
    ])
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(puts()).toBe(before + 1), soon)
    await first.fs.open(`${here}/new`, 'w')
    await Promise.allSettled([draining])
    at.emulator.control.setFaults([])
    await abandonJournals(at.root)
    await first.mount.hangUp()
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ new: 'closed' })
  })

  it('when an upload waits for the one before', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/a`, 'one')
    const before = puts()
    at.emulator.control.setFaults([{ method: 'PUT', path: '/data/**', fault: { kind: 'delay', ms: 300 } }])
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(puts()).toBe(before + 1), soon)
    await writeFile(first.fs, `${here}/a`, 'two')
    const second = first.mount.vfs.drain({ includeOpen: false })
    await first.fs.open(`${here}/a`, 'w')
    await Promise.allSettled([draining, second])
    await abandonJournals(at.root)
    await first.mount.hangUp()
    at.emulator.control.setFaults([])
    const { mount } = await at.start(back)
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ a: 'two' })
  })
})
