import { readdir } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import type { MountFlags } from '../../src/cli/flags.js'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/J'
const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/J'
/** Nothing is sent by itself while a test looks. */
const back: Partial<MountFlags> = { writeMode: 'back', writeBackDelay: 3600 }

const at = useRemounts(uri)
const start = (flags: Partial<MountFlags> = back): ReturnType<typeof at.start> => at.start(flags)

async function pending(): Promise<{ path: string; reason: string | undefined }[]> {
  const fail = (error: Error): never => {
    throw error
  }
  const entries = await Promise.all((await knownJournals(at.root)).map(({ path }) => readEntries(path, fail)))
  return entries.flat().map(({ record }) => ({ path: record.path, reason: record.reason }))
}

const appendTo = async (fs: FileSystem, path: string, text: string): Promise<void> => {
  const file = await fs.open(path, 'a')
  await file.write(Buffer.from(text))
  await file.close()
}

describe('what was closed in the mode back', () => {
  it('is not sent before its time, is seen in the mount, and is sent by a flush', async () => {
    const { mount, fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'new')
    expect(await at.server.texts()).toEqual({})
    expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe('new')
    expect(mount.vfs.unsent.map(({ path }) => path)).toEqual([`/${here}/a.txt`])
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'a.txt': 'new' })
    expect(await pending()).toEqual([])
  })

  it('is sent once by two flushes at once', async () => {
    const { mount, fs } = await start()
    const names = Array.from({ length: 12 }, (_, i) => `${i}.txt`)
    for (const name of names) await writeFile(fs, `${here}/${name}`, name)
    const puts = (): number => at.emulator.control.requests().filter(({ method }) => method === 'PUT').length
    const before = puts()
    const first = mount.vfs.drain({ includeOpen: false })
    await vi.waitUntil(() => puts() > before, { timeout: 10_000 })
    await Promise.all([first, mount.vfs.drain({ includeOpen: false })])
    expect(puts() - before).toBe(names.length)
    expect(mount.lines).toEqual([])
    expect(mount.vfs.unsent).toEqual([])
  })

  it('survives a kill: new, replaced, changed in part, renamed, empty and temporary files', async () => {
    await at.server.put('old.txt', 'old')
    await at.server.put('part.txt', '0123456789')
    await at.server.put('from.txt', 'moved')
    const { fs } = await start()
    await writeFile(fs, `${here}/new.txt`, 'new')
    await writeFile(fs, `${here}/empty.txt`, '')
    await writeFile(fs, `${here}/old.txt`, 'replaced')
    await appendTo(fs, `${here}/part.txt`, 'abc')
    await fs.rename(`${here}/from.txt`, `${here}/to.txt`)
    await fs.mkdir(`${here}/folder`)
    await writeFile(fs, `${here}/folder/deep.txt`, 'deep')
    await writeFile(fs, `${here}/note~`, 'temporary')
    await abandonJournals(at.root)
    expect(await at.server.texts()).toEqual({
      'from.txt': 'moved',
      'old.txt': 'old',
      'part.txt': '0123456789',
    })

    const { mount, fs: again } = await start()
    expect((await again.list(here)).toSorted()).toEqual(
      ['empty.txt', 'folder', 'new.txt', 'note~', 'old.txt', 'part.txt', 'to.txt'].toSorted(),
    )
    expect((await readFile(again, `${here}/part.txt`)).toString()).toBe('0123456789abc')
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({
      'empty.txt': '',
      'folder/deep.txt': 'deep',
      'new.txt': 'new',
      'old.txt': 'replaced',
      'part.txt': '0123456789abc',
      'to.txt': 'moved',
    })
    expect((await pending()).map(({ path }) => path)).toEqual([`/${here}/note~`])
  })

  it('stays as it was closed when the process is killed while it is written again', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'closed')
    const file = await fs.open(`${here}/a.txt`, 'r+')
    await file.write(Buffer.from('XX'), 0)
    await abandonJournals(at.root)
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'a.txt': 'closed' })
  })

  it('gives way to what was renamed over it, also after a kill', async () => {
    await at.server.put('from', 'moved')
    const { fs } = await start()
    await writeFile(fs, `${here}/to`, 'closed')
    await fs.rename(`${here}/from`, `${here}/to`)
    expect(await pending()).toMatchObject([{ path: `/${here}/to` }])
    await abandonJournals(at.root)
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ to: 'moved' })
    expect(mount.lines.filter((line) => !line.includes(' info '))).toEqual([])
  })

  it('stays until what was renamed over it is closed', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/to`, 'closed')
    const file = await fs.open(`${here}/from`, 'w')
    await file.write(Buffer.from('being written'), 0)
    await fs.rename(`${here}/from`, `${here}/to`)
    await abandonJournals(at.root)
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ to: 'closed' })
  })

  it('is replaced by what was renamed over it when that is closed', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/to`, 'closed')
    const file = await fs.open(`${here}/from`, 'w')
    await file.write(Buffer.from('written'), 0)
    await fs.rename(`${here}/from`, `${here}/to`)
    await file.close()
    expect(await pending()).toMatchObject([{ path: `/${here}/to` }])
    await abandonJournals(at.root)
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ to: 'written' })
  })

  it('keeps its time, so that rsync finds it unchanged', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'a')
    await fs.utimes(`${here}/a.txt`, 1000, 1_600_000_000_000)
    await abandonJournals(at.root)
    const { fs: again } = await start()
    expect((await again.stat(`${here}/a.txt`)).mtimeMs).not.toBe(0)
  })

  it('and deleted afterwards is never sent', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'a')
    await fs.unlink(`${here}/a.txt`)
    expect(await pending()).toEqual([])
    await abandonJournals(at.root)
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({})
  })
})

describe('what an earlier mount has left', () => {
  it('does not overwrite what somebody else has stored meanwhile, and stays in the journal', async () => {
    await at.server.put('a.txt', 'old')
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'mine')
    await writeFile(fs, `${here}/b.txt`, 'mine')
    await abandonJournals(at.root)
    await at.server.put('a.txt', 'theirs')
    await at.server.put('b.txt', 'theirs')
    const { mount, fs: again } = await start()
    expect((await readFile(again, `${here}/a.txt`)).toString()).toBe('theirs')
    await mount.stop()
    expect(await at.server.texts()).toEqual({ 'a.txt': 'theirs', 'b.txt': 'theirs' })
    expect((await pending()).map(({ path }) => path).toSorted()).toEqual([`/${here}/a.txt`, `/${here}/b.txt`])
    expect(mount.lines.join('\n')).toMatch(/a\.txt of an earlier mount cannot be sent: the file was changed/)
  })

  it('is forgotten when the server has these very bytes: the kill came after the upload', async () => {
    await at.server.put('a.txt', 'old')
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'mine')
    await abandonJournals(at.root)
    await at.server.put('a.txt', 'mine')
    at.emulator.control.resetRequests()
    await start()
    expect(await pending()).toEqual([])
    expect(at.emulator.control.requests().filter(({ method }) => method === 'PUT')).toEqual([])
  })

  it('is deleted under its old name when the kill came between the two halves of a rename', async () => {
    await at.server.put('from.txt', 'moved')
    const { fs } = await start()
    await fs.rename(`${here}/from.txt`, `${here}/to.txt`)
    await abandonJournals(at.root)
    await at.server.put('to.txt', 'moved')
    const { mount } = await start()
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'to.txt': 'moved' })
    expect(await pending()).toEqual([])
  })

  it('as a backup under a temporary name is the original again while that is still stored', async () => {
    await at.server.put('a.txt', 'text')
    const { fs } = await start()
    await fs.rename(`${here}/a.txt`, `${here}/a.txt~`)
    await abandonJournals(at.root)
    const { fs: again } = await start()
    expect(await again.list(here)).toEqual(['a.txt'])
    expect(await pending()).toEqual([])
  })

  it('stays in the journal where its resource is gone', async () => {
    const { fs } = await start()
    await writeFile(fs, `${here}/a.txt`, 'mine')
    await abandonJournals(at.root)
    await at.server.rest('DELETE', `${uri}?removeFiles=true`)
    const { mount } = await start()
    expect(mount.lines.join('\n')).toMatch(/its directory is not there any more/)
    expect((await pending()).map(({ path }) => path)).toEqual([`/${here}/a.txt`])
  })

  it('is sent by one of several mounts that start at once', async () => {
    const { fs } = await start()
    for (let i = 0; i < 5; i++) await writeFile(fs, `${here}/${i}.txt`, `${i}`)
    await abandonJournals(at.root)
    at.emulator.control.resetRequests()
    const started = await Promise.all([start(), start(), start()])
    for (const { mount } of started) await mount.vfs.drain({ includeOpen: false })
    const puts = at.emulator.control.requests().filter(({ method }) => method === 'PUT')
    expect(puts).toHaveLength(5)
    expect(Object.keys(await at.server.texts())).toHaveLength(5)
  })
})

describe('what could not be stored by close()', () => {
  it('is in the journal with the reason, survives a kill, and is sent by the next mount', async () => {
    const { fs } = await start({ writeMode: 'close' })
    at.emulator.control.setFaults([{ method: 'PUT', path: '**', fault: { kind: 'status', status: 500 } }])
    await expect(writeFile(fs, `${here}/a.txt`, 'mine')).rejects.toMatchObject({ code: 'EIO' })
    expect(await pending()).toMatchObject([
      { path: `/${here}/a.txt`, reason: expect.stringContaining('500') },
    ])
    await abandonJournals(at.root)
    at.emulator.control.setFaults([])
    const { mount } = await start({ writeMode: 'close' })
    await mount.vfs.drain({ includeOpen: false })
    expect(await at.server.texts()).toEqual({ 'a.txt': 'mine' })
    expect(await pending()).toEqual([])
  })

  it('since the server lost its end is kept, and what the server has is not overwritten', async () => {
    const { fs } = await start({ writeMode: 'close' })
    at.emulator.control.setFaults([{ method: 'PUT', path: '**', fault: { kind: 'store-short', bytes: 2 } }])
    await expect(writeFile(fs, `${here}/a.txt`, 'precious')).rejects.toMatchObject({ code: 'EIO' })
    at.emulator.control.setFaults([])
    expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe('precious')
    expect(await at.server.texts()).toEqual({ 'a.txt': 'precio' })
    expect(await pending()).toMatchObject([{ path: `/${here}/a.txt` }])
  })

  it('leaves nothing behind when it is stored', async () => {
    const { mount, fs } = await start({ writeMode: 'close' })
    await writeFile(fs, `${here}/a.txt`, 'mine')
    await mount.stop()
    for (const { path } of await knownJournals(at.root)) expect(await readdir(path)).toEqual([])
  })
})

describe('deletes', () => {
  it('of a file whose name begins another that this mount wrote end as on a disk', async () => {
    await at.server.put('theirs.txt', 'theirs')
    const { fs } = await start({ writeMode: 'close' })
    await writeFile(fs, `${here}/a.nii`, 'image')
    await writeFile(fs, `${here}/a.nii.gz`, 'compressed')
    await fs.unlink(`${here}/a.nii`)
    expect(await at.server.texts()).toEqual({ 'a.nii.gz': 'compressed', 'theirs.txt': 'theirs' })
    expect((await fs.list(here)).toSorted()).toEqual(['a.nii.gz', 'theirs.txt'])
    expect((await readFile(fs, `${here}/a.nii.gz`)).toString()).toBe('compressed')
    expect(await pending()).toEqual([])
  })

  it('that would take a file of somebody else are refused, and nothing is touched', async () => {
    await at.server.put('a.txt.bak', 'theirs')
    const { fs } = await start({ writeMode: 'close' })
    await writeFile(fs, `${here}/a.txt`, 'mine')
    await writeFile(fs, `${here}/a.txt.new`, 'mine')
    at.emulator.control.resetRequests()
    await expect(fs.unlink(`${here}/a.txt`)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(at.emulator.control.requests().filter(({ method }) => method !== 'GET')).toEqual([])
    expect(await at.server.texts()).toEqual({ 'a.txt': 'mine', 'a.txt.bak': 'theirs', 'a.txt.new': 'mine' })
  })

  it('as the second half of a rename to a longer name spare the new file', async () => {
    await at.server.put('a.txt', 'text')
    const { fs } = await start({ writeMode: 'close' })
    await fs.rename(`${here}/a.txt`, `${here}/a.txt.bak`)
    expect(await at.server.texts()).toEqual({ 'a.txt.bak': 'text' })
    expect(await pending()).toEqual([])
  })

  it.each(['unlink', 'hide'] as const)(
    'by %s end an upload that is under way, wherever it is',
    async (how) => {
      const { mount } = await start()
      const { vfs } = mount
      const walk = async (): Promise<number> => {
        let ino = 1
        for (const name of here.split('/')) ino = (await vfs.lookup(ino, name)).ino
        return ino
      }
      const parent = await walk()
      for (let step = 0; step < 12; step++) {
        const name = `${step}.txt`
        const { handle } = await vfs.create(parent, name, { mode: 0o644, isExclusive: true })
        await vfs.write(handle, 0, Buffer.from(name))
        const synced = vfs.fsync(handle).catch(() => {})
        for (let turn = 0; turn < step * 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        if (how === 'hide') {
          const ino = await vfs.hide(parent, name)
          await synced
          vfs.release(handle)
          await vfs.unhide(ino)
        } else {
          await vfs.unlink(parent, name)
          await synced
          vfs.release(handle)
        }
      }
      await vfs.drain({ includeOpen: true })
      expect(await at.server.texts()).toEqual({})
      expect(await pending()).toEqual([])
    },
  )

  it('that the server refuses leave the spared files as they were', async () => {
    const { fs } = await start({ writeMode: 'close' })
    await writeFile(fs, `${here}/a.nii`, 'image')
    await writeFile(fs, `${here}/a.nii.gz`, 'compressed')
    at.emulator.control.setFaults([{ method: 'DELETE', path: '**', fault: { kind: 'status', status: 403 } }])
    await expect(fs.unlink(`${here}/a.nii`)).rejects.toMatchObject({ code: 'EACCES' })
    at.emulator.control.setFaults([])
    expect((await fs.list(here)).toSorted()).toEqual(['a.nii', 'a.nii.gz'])
    expect(await at.server.texts()).toEqual({ 'a.nii': 'image', 'a.nii.gz': 'compressed' })
    expect(await pending()).toEqual([])
  })
})

describe('close()', () => {
  const puts = (): string[] =>
    at.emulator.control
      .requests()
      .filter(({ method }) => method === 'PUT')
      .map(({ path }) => path)

  it('sends nothing where the server has these very bytes', async () => {
    await at.server.put('a.txt', 'same')
    const { fs } = await start({ writeMode: 'close' })
    at.emulator.control.resetRequests()
    await writeFile(fs, `${here}/a.txt`, 'same')
    expect(puts()).toEqual([])
    expect(await at.server.texts()).toEqual({ 'a.txt': 'same' })
  })

  it('costs two small requests for a small new file', async () => {
    await at.server.put('other.txt', 'other')
    const { fs } = await start({ writeMode: 'close' })
    await fs.list(here)
    at.emulator.control.resetRequests()
    for (let i = 0; i < 10; i++) await writeFile(fs, `${here}/${i}.txt`, `${i}`)
    expect(puts()).toHaveLength(10)
    expect(at.emulator.control.requests()).toHaveLength(20)
    expect(await fs.list(here)).toHaveLength(11)
  })

  it('in the mode back many files of a resource are proved by few listings', async () => {
    const { mount, fs } = await start()
    for (let i = 0; i < 20; i++) await writeFile(fs, `${here}/${i}.txt`, Buffer.alloc(100_000, i))
    at.emulator.control.resetRequests()
    await mount.vfs.drain({ includeOpen: false })
    expect(puts()).toHaveLength(20)
    expect(at.emulator.control.requests().length).toBeLessThan(36)
    expect(Object.keys(await at.server.texts())).toHaveLength(20)
  })
})
