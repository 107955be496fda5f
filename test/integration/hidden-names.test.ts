import { expect, it } from 'vitest'
import { writeFile } from '../support/file-system.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'

/** libfuse 2.9 takes the name of an open file away, releases its last handle, and only then says that it is to go. */
const here = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

async function inoOf({ vfs }: LocalVfs, path: string): Promise<number> {
  let ino = 1
  for (const name of path.split('/')) ino = (await vfs.lookup(ino, name)).ino
  return ino
}

it.each([[true], [false]])('a stored file is gone after its last close (written: %s)', async (isWritten) => {
  await at.server.put('a', 'stored')
  const { mount } = await at.start({ writeMode: 'close' })
  const { vfs } = mount
  const parent = await inoOf(mount, here)
  const ino = await inoOf(mount, `${here}/a`)
  const { handle } = await vfs.open(ino, true)
  if (isWritten) await vfs.write(handle, 0, Buffer.from('S'))
  vfs.forget(ino, 1)
  const hidden = await vfs.hide(parent, 'a')
  expect(await at.server.texts()).toEqual({ a: 'stored' })
  await vfs.flush(handle)
  vfs.release(handle)
  await vfs.unhide(hidden)
  expect(await at.server.texts()).toEqual({})
  expect(() => vfs.getattr(hidden)).toThrow('is not known any more')
})

it('a stored file that was renamed while it was open is gone under both names', async () => {
  await at.server.put('a', 'stored')
  await at.server.put('b', 'replaced')
  const { mount, fs } = await at.start({ writeMode: 'close' })
  const { vfs } = mount
  const parent = await inoOf(mount, here)
  const ino = await inoOf(mount, `${here}/a`)
  const { handle } = await vfs.open(ino, true)
  vfs.forget(ino, 1)
  await fs.rename(`${here}/a`, `${here}/b`)
  const hidden = await vfs.hide(parent, 'b')
  vfs.release(handle)
  await vfs.unhide(hidden)
  expect(await at.server.texts()).toEqual({})
  await vfs.drain({ includeOpen: true })
  expect(await fs.list(here)).toEqual([])
})

it('a file that is made and closed while the one before is deleted is stored', async () => {
  await at.server.put('a', 'stored')
  const { mount, fs } = await at.start({ writeMode: 'close' })
  const { vfs } = mount
  const parent = await inoOf(mount, here)
  const ino = await inoOf(mount, `${here}/a`)
  const { handle } = await vfs.open(ino, false)
  vfs.forget(ino, 1)
  const hidden = await vfs.hide(parent, 'a')
  expect((await vfs.read(handle, 0, 10)).length).toBeGreaterThan(0)
  vfs.release(handle)
  const gone = vfs.unhide(hidden)
  await writeFile(fs, `${here}/a`, 'another')
  await gone
  expect(await at.server.texts()).toEqual({ a: 'another' })
})
