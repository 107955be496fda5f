import { expect, it } from 'vitest'
import { useRemounts } from '../support/remounts.js'
import type { LocalVfs } from '../support/local-vfs.js'

const path = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

async function opened({ vfs }: LocalVfs, name: string, canWrite = true): Promise<number> {
  let ino = 1
  for (const each of [...path.split('/'), name]) ({ ino } = await vfs.lookup(ino, each))
  return (await vfs.open(ino, canWrite)).handle
}

async function close({ vfs }: LocalVfs, handle: number): Promise<void> {
  await vfs.flush(handle)
  vfs.release(handle)
}

/** docs/semantics.md, 3.13. */
it.each([
  [10, 'stored\0\0\0\0'],
  [3, 'stored'],
  [6, 'stored'],
])('fallocate() up to %d makes a file longer, and never shorter', async (endBytes, expected) => {
  await at.server.put('file', 'stored')
  const { mount } = await at.start()
  const handle = await opened(mount, 'file')
  await mount.vfs.fallocate(handle, endBytes)
  await close(mount, handle)
  expect(await at.server.texts()).toEqual({ file: expected })
})

it('fallocate() is ENOSPC where the journal has no room for so much, and the file stays as it is', async () => {
  await at.server.put('file', 'stored')
  const { mount } = await at.start()
  const handle = await opened(mount, 'file')
  await expect(mount.vfs.fallocate(handle, 2 ** 52)).rejects.toMatchObject({ code: 'ENOSPC' })
  await close(mount, handle)
  expect(await at.server.texts()).toEqual({ file: 'stored' })
})

it('fallocate() of who may only read is EBADF', async () => {
  await at.server.put('file', 'stored')
  const { mount } = await at.start()
  const handle = await opened(mount, 'file', false)
  await expect(mount.vfs.fallocate(handle, 10)).rejects.toMatchObject({ code: 'EBADF' })
  await close(mount, handle)
})
