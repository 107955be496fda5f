import { open, readFile, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

const resource = '/data/experiments/XNAT_E00001/resources/BIG'
const sizeBytes = 200 * 1024

describe('a file that is open when somebody opens its next version', () => {
  let server: Server
  let mount: Mount
  let file: string
  const handles: FileHandle[] = []
  const put = async (letter: string): Promise<void> => {
    const path = `${resource}/files/f.bin?inbody=true&overwrite=true`
    expect((await server.rest('PUT', path, Buffer.alloc(sizeBytes, letter))).status).toBeLessThan(300)
  }
  const opened = async (flags = 'r'): Promise<FileHandle> => {
    const handle = await open(file, flags)
    handles.push(handle)
    return handle
  }
  /** What is read there, or why not. */
  const at = (handle: FileHandle, offset: number): Promise<string> =>
    handle.read(Buffer.alloc(1), 0, 1, offset).then(
      ({ buffer }) => buffer.toString(),
      (error: NodeJS.ErrnoException) => (error.errno === -constants.errno.ESTALE ? 'ESTALE' : error.message),
    )
  beforeEach(async () => {
    server = await Server.start()
    await server.rest('PUT', resource)
    await put('a')
  })
  const start = async (driver: string): Promise<void> => {
    mount = await Mount.start(server, { flags: ['--driver', driver, '--no-cache'] })
    file = join(mount.path, 'TEST/1/MR1/resources/BIG/f.bin')
  }
  afterEach(async () => {
    for (const handle of handles.splice(0)) await handle.close()
    await mount.stop([/ESTALE .*f.bin was changed on the server/, /EBUSY .*f.bin is open as it was/])
    await server.stop()
  })

  it('shows each of them its own bytes or ESTALE, and the new ones to all when the old one is closed', async () => {
    await start('libfuse3')
    const old = await opened()
    expect(await at(old, 0)).toBe('a')
    await put('b')
    await mount.refresh()
    const [one, two] = [await opened(), await opened()]
    for (const handle of [one, two])
      expect((await handle.readFile('utf8')) === 'b'.repeat(sizeBytes)).toBe(true)
    for (const offset of [0, 100_000, sizeBytes - 1]) {
      expect(await at(one, offset)).toBe('b')
      expect(['a', 'ESTALE']).toContain(await at(old, offset))
    }
    await old.close()
    const third = await opened()
    for (const offset of [0, 100_000, sizeBytes - 1]) expect(await at(third, offset)).toBe('b')
    expect(await at(two, 100_000)).toBe('b')
  })

  it.each(['libfuse3', 'fuse-native'])(
    'is not cut by who had it open before, but to nothing (%s)',
    async (driver) => {
      await start(driver)
      const old = await opened('r+')
      await put('b')
      await mount.refresh()
      await stat(file)
      await expect(old.truncate(3)).rejects.toMatchObject({ errno: -constants.errno.ESTALE })
      const stored = await server.rest('GET', `${resource}/files/f.bin`)
      expect(stored.body.toString()).toBe('b'.repeat(sizeBytes))
      await old.truncate(0)
      await old.truncate(3)
      expect(await readFile(file, 'utf8')).toBe('\0\0\0')
    },
  )

  it('cannot be opened until the old one is closed, where the kernel would mix them', async () => {
    await start('fuse-native')
    const old = await opened()
    expect(await at(old, 0)).toBe('a')
    await put('b')
    await mount.refresh()
    await expect(opened()).rejects.toMatchObject({ code: 'EBUSY' })
    for (const offset of [0, 100_000, sizeBytes - 1]) expect(['a', 'ESTALE']).toContain(await at(old, offset))
    const opening = opened()
    await old.close()
    expect((await (await opening).readFile('utf8')) === 'b'.repeat(sizeBytes)).toBe(true)
  })
})
