import { expect, it, vi } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'

/** Files whose size the kernel was told, and which have another one now. */

const here = 'TEST/1/MR1/resources/J'
const asked = '.xnat/projects?columns=ID'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

interface Settling {
  readonly ino: number
  readonly done: () => void
}

async function start(): Promise<{ mount: LocalVfs; fs: FileSystem; settling: Settling[] }> {
  const settling: Settling[] = []
  const settle = (ino: number): Promise<void> =>
    new Promise((resolve) => settling.push({ ino, done: resolve }))
  return { ...(await at.start({ kernel: { settle } })), settling }
}

it('are opened, by who has not looked them up anew, when the kernel has forgotten the old size', async () => {
  const { mount, fs, settling } = await start()
  const { ino, sizeBytes } = await fs.stat(asked)
  expect(sizeBytes).toBe(0)
  await expect(mount.vfs.open(ino, false)).rejects.toMatchObject({ code: 'ESTALE' })
  const told = await fs.stat(asked)
  const opened = vi.fn<(handle: number) => void>()
  const opening = mount.vfs.open(ino, false).then(({ handle }) => opened(handle))
  await vi.waitFor(() => expect(settling).toHaveLength(1))
  expect(settling[0]!.ino).toBe(ino)
  expect(opened).not.toHaveBeenCalled()
  settling[0]!.done()
  await opening
  expect(opened).toHaveBeenCalledOnce()
  const sent = await (await at.server.rest('GET', '/data/projects?columns=ID')).text()
  expect(told.sizeBytes).toBe(sent.length)
  expect((await readFile(fs, asked)).toString()).toBe(sent)
  expect(settling).toHaveLength(1)
})

it('are opened anew where they change while the kernel forgets', async () => {
  const { mount, fs, settling } = await start()
  const change = async (text: string): Promise<number> => {
    await at.server.put('a', text)
    mount.vfs.refresh(undefined)
    return (await fs.stat(`${here}/a`)).ino
  }
  const ino = await change('short')
  await change('a little longer')
  const opening = mount.vfs.open(ino, false)
  await vi.waitFor(() => expect(settling).toHaveLength(1))
  await change('the longest of them all')
  settling[0]!.done()
  await expect(opening).rejects.toMatchObject({ code: 'ESTALE' })
})

it('are not those that were written through the mount: the kernel knows', async () => {
  const { mount, fs, settling } = await start()
  await writeFile(fs, `${here}/b`, 'written')
  const { ino } = await fs.stat(`${here}/b`)
  const { handle } = await mount.vfs.open(ino, true)
  await mount.vfs.write(handle, 7, Buffer.from(' and more'))
  await mount.vfs.flush(handle)
  mount.vfs.release(handle)
  await vi.waitFor(() => expect(mount.vfs.unsent).toEqual([]))
  const opened = await mount.vfs.open(ino, false)
  expect((await fs.stat(`${here}/b`)).sizeBytes).toBe(16)
  mount.vfs.release(opened.handle)
  expect(settling).toEqual([])
})
