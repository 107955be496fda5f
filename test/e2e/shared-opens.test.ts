import { existsSync } from 'node:fs'
import { chmod, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
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

describe('a small file that is read in parts', () => {
  const page = 4096
  const pages = (...letters: string[]): string =>
    letters.map((letter) => letter.repeat(page)).join('') + 'end'
  const small = { ...repeatable, isSmall: true }
  const put = (text: string, version: number, facts: object = small): Promise<unknown> =>
    mnt.driver.ask('put', mnt.path, 'f', text, { version, ...facts })
  const mountIt = async (facts: object = small): Promise<void> => {
    await mnt.driver.ask('mount', mnt.path, {}, [['f', pages('a', 'b', 'c'), facts]])
  }
  /** As tools for images read: the end, the beginning, the rest. @returns a letter of each part */
  const parts = async (handle: FileHandle): Promise<string> => {
    const { size } = await handle.stat()
    let letters = ''
    for (const at of [size - 3, 0, page]) {
      const bytes = Buffer.alloc(3)
      await handle.read(bytes, 0, 3, at)
      letters += bytes.toString()
    }
    return letters
  }
  const use = async <T>(task: (handle: FileHandle) => Promise<T>): Promise<T> => {
    const handle = await open(file)
    try {
      return await task(handle)
    } finally {
      await handle.close()
    }
  }
  const asked = async (): Promise<{ reads: number; furnished: number }> => {
    const { read = 0, furnishedReads: furnished = 0 } = await mnt.stats()
    return { reads: read - furnished, furnished }
  }

  it('is read by one request to the operations, however often it is opened', async () => {
    await mountIt()
    for (let i = 0; i < 3; i++) expect(await use(parts)).toBe('endaaabbb')
    await mnt.driver.ask('drop', mnt.path, 'dropPages', 2)
    await expect.poll(async () => (await mnt.stats())['noticesWaiting']).toBe(0)
    expect(await text()).toBe(pages('a', 'b', 'c'))
    expect((await asked()).reads).toBe(1)
    expect((await asked()).furnished).toBeGreaterThan(1)
    expect((await opens()).asked).toBe(1)
    await expect.poll(heldHandles).toBe(0)
  })

  it('is read by the operations where they have not all of it at hand', async () => {
    await mountIt(repeatable)
    expect(await use(parts)).toBe('endaaabbb')
    expect((await asked()).furnished).toBe(0)
  })

  it('shows its new bytes and size as soon as it has changed, to who opens it', async () => {
    await mountIt()
    for (let version = 2; version < 20; version++) {
      const letter = String.fromCodePoint(96 + version)
      await use(async (old) => {
        await parts(old)
        await put(pages(letter, letter.toUpperCase(), ...Array<string>(version).fill('c')), version)
        await mnt.driver.ask('drop', mnt.path, 'dropAttributes', 2)
        await mnt.driver.ask('drop', mnt.path, 'dropPages', 2)
        await expect.poll(async () => (await mnt.stats())['noticesWaiting']).toBe(0)
      })
      expect(await use(parts)).toBe(`end${letter.repeat(3)}${letter.toUpperCase().repeat(3)}`)
      expect((await stat(file)).size).toBe((version + 2) * page + 3)
    }
  })

  it('shows attributes that are set while it is open', async () => {
    await mountIt()
    await use(async (handle) => {
      await parts(handle)
      for (const mode of [0o600, 0o640, 0o400]) {
        await chmod(file, mode)
        await utimes(file, mode, mode)
        await parts(handle)
        const { mode: shown, mtimeMs } = await handle.stat()
        expect([shown & 0o777, mtimeMs]).toEqual([mode, mode * 1000])
      }
    })
  })

  it('shows what is written to it by another', async () => {
    await mountIt()
    await use(async (reader) => {
      await parts(reader)
      const writer = await open(file, 'r+')
      await writer.write('X'.repeat(3 * page), 0)
      await writer.truncate(2 * page + 3)
      await writer.close()
      expect(await parts(reader)).toBe('XXXXXXXXX')
    })
    expect((await stat(file)).size).toBe(2 * page + 3)
  })

  it('is right also where there are more of them than memory for them', async () => {
    const names = Array.from({ length: 350 }, (_, i) => `f${i}`)
    const contents = names.map((name) => `${name}${'x'.repeat(60_000)}${name}`)
    const files = names.map((name, i) => [name, contents[i], small])
    await mnt.driver.ask('mount', mnt.path, {}, files)
    for (const name of names) {
      file = join(mnt.path, name)
      await use(async (handle) => {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(9), 0, 9, 60_000 + name.length)
        expect(buffer.subarray(0, bytesRead).toString()).toBe(name)
      })
    }
    for (const [i, name] of names.entries())
      expect(await readFile(join(mnt.path, name), 'utf8')).toBe(contents[i])
    expect((await asked()).reads).toBeGreaterThan(350)
    expect((await asked()).furnished).toBeGreaterThan(200)
  })
})
