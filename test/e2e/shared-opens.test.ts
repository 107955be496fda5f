import { existsSync } from 'node:fs'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { useDriverMount } from '../support/driver-mount.js'
import { shell } from '../support/processes.js'

const repeatable = { isRepeatable: true }

const mnt = useDriverMount()
let file: string
beforeEach(() => void (file = join(mnt.path, 'f')))

const heldHandles = async (): Promise<number> =>
  (await mnt.driver.ask<{ handles: number }>('held', mnt.path)).handles
const text = (): Promise<string> => readFile(file, 'utf8')

/** Opens that the operations were asked for, and others. */
async function opens(): Promise<{ asked: number; shared: number }> {
  const { open: all = 0, sharedOpens: shared = 0 } = await mnt.stats()
  return { asked: all - shared, shared }
}

async function mount(options: object = {}, facts: object = repeatable): Promise<void> {
  await mnt.driver.ask('mount', mnt.path, options, [['f', 'first', facts]])
}

describe('a file that is opened again', () => {
  it('is opened by the threads of the driver while it has not changed', async () => {
    await mount()
    for (let i = 0; i < 5; i++) expect(await text()).toBe('first')
    expect(await opens()).toEqual({ asked: 1, shared: 4 })
    await expect.poll(heldHandles).toBe(0)
  })

  it('is opened by the operations where they do not say that this is the same', async () => {
    await mount({}, {})
    for (let i = 0; i < 3; i++) expect(await text()).toBe('first')
    expect(await opens()).toEqual({ asked: 3, shared: 0 })
  })

  it('is opened by the operations where nothing may be believed for a while', async () => {
    await mount({ entryTimeoutMs: 0 })
    for (let i = 0; i < 3; i++) expect(await text()).toBe('first')
    expect((await opens()).shared).toBe(0)
  })

  it('is opened by the operations for writing, and after that for reading, for it may have changed', async () => {
    await mount()
    await text()
    const writer = await open(file, 'r+')
    await writer.write('FIRST')
    await writer.close()
    expect(await text()).toBe('FIRST')
    expect(await opens()).toEqual({ asked: 3, shared: 0 })
  })

  it('shows its new bytes as soon as it has changed', async () => {
    await mount()
    await text()
    expect(await text()).toBe('first')
    await mnt.driver.ask('put', mnt.path, 'f', 'other', { version: 2, ...repeatable })
    expect(await text()).toBe('other')
    expect(await text()).toBe('other')
    expect(await opens()).toEqual({ asked: 2, shared: 2 })
  })

  it('is looked at again when the kernel is told to forget its attributes', async () => {
    await mount()
    await text()
    await mnt.driver.ask('drop', mnt.path, 'dropAttributes', 2)
    await text()
    expect(await opens()).toEqual({ asked: 2, shared: 0 })
  })
})

describe('a handle that the operations have not heard of', () => {
  it('is one of theirs when something is read with it, until all who share it are closed', async () => {
    await mount()
    await text()
    await expect.poll(heldHandles).toBe(0)
    await mnt.driver.ask('drop', mnt.path, 'dropPages', 2)
    await expect.poll(async () => (await mnt.stats())['noticesWaiting']).toBe(0)
    const [one, two] = [await open(file), await open(file)]
    expect(await heldHandles()).toBe(0)
    expect(await one.readFile('utf8')).toBe('first')
    expect(await heldHandles()).toBe(1)
    expect(await two.readFile('utf8')).toBe('first')
    await one.close()
    expect(await heldHandles()).toBe(1)
    await two.close()
    await expect.poll(heldHandles).toBe(0)
    expect(await opens()).toEqual({ asked: 1, shared: 2 })
  })

  it('is one of theirs before the file changes, and again can be shared after', async () => {
    await mount()
    await text()
    await expect.poll(heldHandles).toBe(0)
    const [old, older] = [await open(file), await open(file)]
    const writer = await open(file, 'r+')
    expect(await heldHandles()).toBe(1)
    await writer.write('FIRST')
    expect(await heldHandles()).toBe(2)
    expect(await old.readFile('utf8')).toBe('FIRST')
    await writer.close()
    await old.close()
    expect([await text(), await text()]).toEqual(['FIRST', 'FIRST'])
    expect((await opens()).shared).toBeGreaterThanOrEqual(2)
    expect(await heldHandles()).toBe(1)
    await older.close()
    await expect.poll(heldHandles).toBe(0)
  })

  it('is let go of though it was given out again, and the file has changed, before its end was heard of', async () => {
    const [begun, go] = [join(mnt.folder, 'begun'), join(mnt.folder, 'go')]
    await mount()
    await text()
    for (let version = 2; version < 12; version++) {
      await mnt.driver.ask('drop', mnt.path, 'dropPages', 2)
      await expect.poll(async () => (await mnt.stats())['noticesWaiting']).toBe(0)
      const first = await open(file)
      await first.read(Buffer.alloc(3), 0, 3, 0)
      const put = mnt.driver.ask('putLate', mnt.path, 'f', 'other', { version, ...repeatable }, begun, go)
      await expect.poll(() => existsSync(begun)).toBe(true)
      await first.close()
      const second = await open(file)
      await writeFile(go, '')
      await put
      await second.close()
      await expect.poll(heldHandles).toBe(0)
      expect(await text()).toBe('other')
      await Promise.all([rm(begun), rm(go)])
    }
  })

  it('is not lost among many that come and go while the file changes', async () => {
    await mount()
    const readers = shell(
      `for p in 1 2 3 4; do (for i in $(seq 150); do exec 3< ${file}; read -r -u 3 line || [ "$line" ]; exec 3<&-; done) & done; wait`,
    )
    const state = { isOver: false }
    const done = readers.finally(() => (state.isOver = true))
    for (let version = 2; !state.isOver; version++)
      await mnt.driver.ask('put', mnt.path, 'f', 'other', { version, ...repeatable })
    await done
    await expect.poll(heldHandles).toBe(0)
    expect((await opens()).shared).toBeGreaterThan(0)
  })
})
