import { rename } from 'node:fs/promises'
import { expect, it, vi } from 'vitest'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import { writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/D')

it('sending everything is not over with an attempt that had begun before and failed', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  await writeFile(fs, 'TEST/1/MR1/resources/D/a.txt', 'text')
  at.emulator.control.setFaults([
    { path: '/data/experiments/*/resources/*/files/a.txt', times: 1, fault: { kind: 'status', status: 400 } },
  ])
  const before = mount.vfs.drain({ includeOpen: false })
  await mount.vfs.drain({ includeOpen: false })
  await before
  expect(await at.server.texts()).toEqual({ 'a.txt': 'text' })
  expect(mount.lines.join('\n')).toMatch(/a\.txt is not on the server/) // the first one has failed
})

it('is over soon after the mount has given the server up, though a delete may still be carried out', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  await writeFile(fs, 'TEST/1/MR1/resources/D/n.nii', 'image')
  await writeFile(fs, 'TEST/1/MR1/resources/D/n.nii.gz', 'packed')
  await mount.vfs.drain({ includeOpen: false })
  at.emulator.control.setFaults([
    { method: 'DELETE', path: '/data/**', fault: { kind: 'delay', ms: 3600_000 } },
  ])
  const removed = fs.unlink('TEST/1/MR1/resources/D/n.nii')
  removed.catch(() => {})
  const requests = (): string[] => at.emulator.control.requests().map(({ method }) => method)
  await vi.waitFor(() => expect(requests()).toContain('DELETE'), { timeout: 20_000 })
  const drained = mount.vfs.drain({ includeOpen: true }) // what goes with it is stored again when it is done
  await mount.hangUp()
  const startMs = Date.now()
  await expect(removed).rejects.toMatchObject({ code: 'EIO' })
  await drained
  expect(Date.now() - startMs).toBeLessThan(2000)
  expect(mount.vfs.unsent.map(({ path }) => path)).toEqual(['/TEST/1/MR1/resources/D/n.nii.gz'])
})

it('is over soon after the mount has given the server up, and writes nothing anew of what is in the journal', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  at.emulator.control.setFaults([{ method: 'PUT', path: '/data/**', fault: { kind: 'delay', ms: 3600_000 } }])
  const names = Array.from({ length: 20 }, (_, i) => `f${i}.txt`)
  for (const name of names) await writeFile(fs, `TEST/1/MR1/resources/D/${name}`, name)
  const [journal] = await knownJournals(at.root)
  const reasons = async (): Promise<(string | undefined)[]> => {
    const entries = await readEntries(journal!.path, (error) => expect.unreachable(error.message))
    return entries.map(({ record }) => record.reason)
  }
  const drained = mount.vfs.drain({ includeOpen: true })
  const puts = (): number => at.emulator.control.requests().filter(({ method }) => method === 'PUT').length
  await vi.waitFor(() => expect(puts()).toBe(1), { timeout: 20_000 })
  mount.vfs.giveUp()
  await mount.hangUp()
  const startMs = Date.now()
  await drained
  expect(Date.now() - startMs).toBeLessThan(2000)
  expect(mount.vfs.unsent).toHaveLength(names.length)
  expect(await mount.vfs.leave()).toEqual([])
  expect(await reasons()).toEqual(names.map(() => undefined))
})

it('the end of a mount keeps what it can, and names the rest', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  const here = 'TEST/1/MR1/resources/D'
  await writeFile(fs, `${here}/kept.txt`, 'kept')
  for (const name of ['a.txt', 'b.txt'])
    await (await fs.open(`${here}/${name}`, 'w')).write(Buffer.from(name), 0)
  expect(await mount.vfs.keep()).toEqual([]) // those that are being written are not asked about
  const [journal] = await knownJournals(at.root)
  await rename(journal!.path, `${at.root}/away`)
  const lost = await mount.vfs.leave()
  expect(lost.map(({ path }) => path)).toEqual([`/${here}/a.txt`, `/${here}/b.txt`])
  expect(lost.map(({ reason }) => reason)).toEqual([
    expect.stringContaining('ENOENT'),
    expect.stringContaining('ENOENT'),
  ])
})
