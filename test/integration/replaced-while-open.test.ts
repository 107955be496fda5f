import { describe, expect, it, vi } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'

/** Files that another client changes while somebody here has them open. */

const folder = 'TEST/1/MR1/resources/J'
const file = `${folder}/a`
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

describe('a file that is open to read when the server gets another version', () => {
  async function start(opensApart: boolean): Promise<{ mount: LocalVfs; fs: FileSystem }> {
    await at.server.put('a', 'the first version')
    return at.start({ kernel: { opensApart } })
  }
  const change = async (mount: LocalVfs, text: string): Promise<void> => {
    await at.server.put('a', text)
    mount.vfs.refresh(undefined)
  }

  it('stays as long as it was; its name has another number from then on', async () => {
    const { mount, fs } = await start(true)
    const before = await fs.stat(file)
    const old = await fs.open(file, 'r')
    expect((await old.read(0, 9)).toString()).toBe('the first')
    await change(mount, 'short')
    const now = await fs.stat(file)
    expect(now.sizeBytes).toBe(5)
    expect(now.ino).not.toBe(before.ino)
    expect((await readFile(fs, file)).toString()).toBe('short')
    expect(await old.stat()).toMatchObject({ ino: before.ino, sizeBytes: 17, links: 0 })
    await expect(old.read(9, 100)).rejects.toMatchObject({ code: 'ESTALE' })
    // Who goes by the old number, as a kernel that has not looked the name up since, is sent to look it up.
    await expect(mount.vfs.open(before.ino, false)).rejects.toMatchObject({ code: 'ESTALE' })
    await expect(mount.vfs.setattr(before.ino, { sizeBytes: 0 })).rejects.toMatchObject({ code: 'ESTALE' })
    await old.close()
    await expect(async () => mount.vfs.getattr(before.ino)).rejects.toMatchObject({ code: 'ESTALE' })
    expect((await readFile(fs, file)).toString()).toBe('short')
    expect(await at.server.texts()).toEqual({ a: 'short' })
  })

  it('is opened anew at the second attempt, also where its new size shows when it is opened only', async () => {
    const { mount, fs } = await start(true)
    const { ino } = await fs.stat(file)
    const old = await fs.open(file, 'r')
    at.emulator.control.setFaults([
      { method: 'GET', path: '/data/**', fault: { kind: 'listing-size', delta: -5 } },
    ])
    await change(mount, 'short')
    await expect(mount.vfs.open(ino, false)).rejects.toMatchObject({ code: 'ESTALE' })
    const now = await fs.stat(file)
    expect(now.sizeBytes).toBe(5)
    const { handle } = await mount.vfs.open(now.ino, false)
    expect((await mount.vfs.read(handle, 0, 100)).toString()).toBe('short')
    mount.vfs.release(handle)
    await old.close()
  })

  it('stays what it is for all, and cannot be opened, where the kernel would mix the two', async () => {
    const { mount, fs } = await start(false)
    const old = await fs.open(file, 'r')
    await change(mount, 'short')
    expect((await fs.stat(file)).sizeBytes).toBe(17)
    await expect(fs.open(file, 'r')).rejects.toMatchObject({ code: 'EBUSY' })
    const opening = fs.open(file, 'r')
    await old.close()
    const opened = await opening
    expect((await opened.read(0, 100)).toString()).toBe('short')
    await opened.close()
  })

  it.each([true, false])('is overwritten all the same (%s)', async (opensApart) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r')
    await change(mount, 'short')
    const written = await fs.open(file, 'w')
    await written.write(Buffer.from('mine'))
    await written.close()
    expect(await at.server.texts()).toEqual({ a: 'mine' })
    await old.close()
  })

  it('is the same file where it is open to be written, too', async () => {
    const { mount, fs } = await start(true)
    const before = await fs.stat(file)
    const old = await fs.open(file, 'r+')
    await change(mount, 'short')
    expect(await fs.stat(file)).toMatchObject({ ino: before.ino, sizeBytes: 5 })
    await old.close()
  })

  it('is not shown as another to who reads it, also where it is open to be written, too', async () => {
    const { mount, fs } = await start(false)
    const written = await fs.open(file, 'r+')
    const old = await fs.open(file, 'r')
    await old.read(0, 100)
    await change(mount, 'short')
    expect((await fs.stat(file)).sizeBytes).toBe(17)
    await expect(fs.open(file, 'r')).rejects.toMatchObject({ code: 'EBUSY' })
    const later = await fs.open(file, 'r+')
    for (const handle of [written, later]) {
      await expect(handle.write(Buffer.from('THE'), 0)).rejects.toMatchObject({ code: 'ESTALE' })
      await expect(handle.truncate(3)).rejects.toMatchObject({ code: 'ESTALE' })
    }
    expect((await old.stat()).sizeBytes).toBe(17)
    expect((await old.read(0, 100)).toString()).toBe('the first version')
    await later.truncate(0)
    await later.write(Buffer.from('mine'), 0)
    await later.close()
    for (const handle of [old, written]) await handle.close()
    expect(await at.server.texts()).toEqual({ a: 'mine' })
  })

  it('is not renamed as it was, where the kernel would mix the two', async () => {
    const { mount, fs } = await start(false)
    const old = await fs.open(file, 'r')
    await old.read(0, 100)
    await change(mount, 'short')
    await expect(fs.rename(file, `${folder}/b`)).rejects.toMatchObject({ code: 'EBUSY' })
    await old.close()
    await fs.rename(file, `${folder}/b`)
    expect(await at.server.texts()).toEqual({ b: 'short' })
  })

  it.each([true, false])('is replaced by a rename all the same (%s)', async (opensApart) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r')
    await old.read(0, 100)
    await change(mount, 'short')
    await writeFile(fs, `${folder}/a.part`, 'mine')
    await fs.rename(`${folder}/a.part`, file)
    await mount.vfs.drain({ includeOpen: true })
    expect(await at.server.texts()).toEqual({ a: 'mine' })
    await old.close()
    expect((await readFile(fs, file)).toString()).toBe('mine')
  })

  it.each([
    [true, 'is listed'],
    [false, 'is listed'],
    [true, 'is not known of yet'],
    [false, 'is not known of yet'],
  ])('is removed all the same (%s, the new version %s)', async (opensApart, known) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r')
    await at.server.put('a', 'short')
    if (known === 'is listed') {
      mount.vfs.refresh(undefined)
      await fs.stat(file)
    }
    await fs.unlink(file)
    await expect(fs.stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await at.server.texts()).toEqual({})
    await expect(old.read(0, 100)).rejects.toMatchObject({ code: 'ESTALE' })
    await old.close()
  })

  it.each([true, false])('does not end sooner while it is being removed (%s)', async (opensApart) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r')
    await at.server.put('a', 'short')
    const isDelete = ({ method }: { readonly method: string }): boolean => method === 'DELETE'
    at.emulator.control.setFaults([{ method: 'DELETE', path: '/data/**', fault: { kind: 'delay', ms: 500 } }])
    const removed = fs.unlink(file)
    await vi.waitFor(() => expect(at.emulator.control.requests().some(isDelete)).toBe(true))
    mount.vfs.refresh(undefined)
    await fs.stat(file)
    expect((await old.stat()).sizeBytes).toBe(17)
    await removed
    expect(await at.server.texts()).toEqual({})
    expect((await old.stat()).sizeBytes).toBe(17)
    await expect(old.read(0, 100)).rejects.toMatchObject({ code: 'ESTALE' })
    await old.close()
  })

  it.each([true, false])('is removed though who has written it is not done (%s)', async (opensApart) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r+')
    await old.write(Buffer.from('THE'), 0)
    await old.sync()
    await change(mount, 'short')
    await fs.unlink(file)
    expect(await at.server.texts()).toEqual({})
    expect((await old.read(0, 100)).toString()).toBe('THE first version')
    await old.close()
  })

  it.each([true, false])(
    'is cut by its path to nothing after an upload that was refused (%s)',
    async (apart) => {
      const { mount, fs } = await start(apart)
      const old = await fs.open(file, 'r+')
      await old.write(Buffer.from('THE'), 0)
      await at.server.put('a', 'another version')
      await expect(old.sync()).rejects.toMatchObject({ code: 'ESTALE' })
      const reader = await fs.open(file, 'r')
      await old.close().catch(() => {})
      mount.vfs.refresh(undefined)
      await fs.truncate(file, 0)
      expect(await at.server.texts()).toEqual({ a: '' })
      await reader.close()
    },
  )

  it.each([true, false])('is cut by its path all the same (%s)', async (opensApart) => {
    const { mount, fs } = await start(opensApart)
    const old = await fs.open(file, 'r')
    await change(mount, 'short')
    await fs.truncate(file, 2)
    expect(await at.server.texts()).toEqual({ a: 'sh' })
    await old.close()
  })

  it('keeps the mode that was set here', async () => {
    const { mount, fs } = await start(true)
    await fs.chmod(file, 0o640)
    const old = await fs.open(file, 'r')
    await change(mount, 'short')
    expect((await fs.stat(file)).mode & 0o777).toBe(0o640)
    await old.close()
  })

  it('shows that it has changed, where it is kept as it was', async () => {
    const { mount, fs } = await start(false)
    const before = await fs.stat(file)
    const old = await fs.open(file, 'r')
    await change(mount, 'the other version') // as long
    const now = await fs.stat(file)
    expect(now).toMatchObject({ ino: before.ino, sizeBytes: before.sizeBytes })
    expect(now.mtimeMs).not.toBe(before.mtimeMs)
    await old.close()
  })

  it('gives ESTALE to who reads an older one, also when the newer one is being written here', async () => {
    const { mount, fs } = await start(true)
    const old = await fs.open(file, 'r')
    const first = await fs.open(file, 'r+')
    await change(mount, 'a second version')
    await fs.stat(file)
    const written = await fs.open(file, 'r+')
    await written.write(Buffer.from('MINE'), 0)
    await expect(old.read(0, 100)).rejects.toMatchObject({ code: 'ESTALE' })
    await expect(first.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'ESTALE' })
    for (const handle of [old, first, written]) await handle.close()
    expect(await at.server.texts()).toEqual({ a: 'MINEcond version' })
  })

  it('shows so of a file that was stored here, too', async () => {
    const { mount, fs } = await start(false)
    await writeFile(fs, file, 'what was written')
    const before = await fs.stat(file)
    const old = await fs.open(file, 'r')
    await change(mount, 'another of these')
    expect((await fs.stat(file)).mtimeMs).not.toBe(before.mtimeMs)
    await old.close()
  })

  it('is overwritten by who had it open before, when he cuts it to nothing first', async () => {
    const { mount, fs } = await start(true)
    const old = await fs.open(file, 'r+')
    await change(mount, 'short')
    await fs.stat(file)
    await old.truncate(0)
    await old.write(Buffer.from('mine'), 0)
    await old.close()
    expect(await at.server.texts()).toEqual({ a: 'mine' })
  })

  it('is not cut to a part by who had it open before', async () => {
    const { mount, fs } = await start(true)
    const old = await fs.open(file, 'r+')
    await change(mount, 'short')
    await fs.stat(file)
    await expect(old.truncate(3)).rejects.toMatchObject({ code: 'ESTALE' })
    const written = await fs.open(file, 'r+')
    await written.write(Buffer.from('SH'), 0)
    await expect(old.truncate(3)).rejects.toMatchObject({ code: 'ESTALE' })
    await written.truncate(4)
    await old.close()
    await written.close()
    expect(await at.server.texts()).toEqual({ a: 'SHor' })
  })

  it('can be made longer by who has written, and stored, a version of it', async () => {
    const { mount, fs } = await start(true)
    const { handle } = await mount.vfs.open((await fs.stat(file)).ino, true)
    await mount.vfs.write(handle, 0, Buffer.from('THE'))
    await mount.vfs.fsync(handle)
    await mount.vfs.fallocate(handle, 20)
    await mount.vfs.flush(handle)
    mount.vfs.release(handle)
    expect(await at.server.texts()).toEqual({ a: 'THE first version\0\0\0' })
  })

  it('is overwritten after an upload that was refused for it', async () => {
    const { mount, fs } = await start(true)
    const first = await fs.open(file, 'r+')
    await first.write(Buffer.from('THE'), 0)
    await at.server.put('a', 'another version')
    await expect(first.close()).rejects.toMatchObject({ code: 'ESTALE' })
    mount.vfs.refresh(undefined)
    await writeFile(fs, file, 'mine after all')
    expect(await at.server.texts()).toEqual({ a: 'mine after all' })
  })
})
