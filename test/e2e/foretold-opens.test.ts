import { open, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useDriverMount } from '../support/driver-mount.js'

const facts = { isRepeatable: true }
const mnt = useDriverMount()

const text = (name: string): Promise<string> => readFile(join(mnt.path, name), 'utf8')
const told = (): Promise<number[]> => mnt.driver.ask<number[]>('told', mnt.path)
const foretell = (name: string, isChanged = false): Promise<unknown> =>
  mnt.driver.ask('foretell', mnt.path, name, isChanged)
const put = (name: string, bytes: string, version: number): Promise<unknown> =>
  mnt.driver.ask('put', mnt.path, name, bytes, { version, ...facts })

/** What the operations were asked for. */
async function asked(): Promise<{ opens: number; reads: number }> {
  const { open: all = 0, sharedOpens = 0, read = 0, furnishedReads = 0 } = await mnt.stats()
  return { opens: all - sharedOpens, reads: read - furnishedReads }
}

/** Mounts files of which the kernel has heard in a listing. */
async function mount(contents: Record<string, string>, options: object = {}): Promise<void> {
  const files = Object.entries(contents).map(([name, bytes]) => [name, bytes, facts])
  await mnt.driver.ask('mount', mnt.path, options, files)
  expect(await readdir(mnt.path)).toHaveLength(files.length)
}

describe('a file that is foretold', () => {
  it('is opened and read by the threads of the driver, which tell of the first open only', async () => {
    await mount({ f: 'first', g: 'second' })
    const { ino } = await stat(join(mnt.path, 'f'))
    await foretell('f')
    for (let i = 0; i < 3; i++) expect(await text('f')).toBe('first')
    await expect.poll(told).toEqual([ino])
    expect(await asked()).toEqual({ opens: 0, reads: 0 })
    expect(await text('g')).toBe('second')
    expect(await asked()).toEqual({ opens: 1, reads: 1 })
  })

  it.each([1, 4096, 4097, 200_000])('has its %d bytes wherever they are read', async (size) => {
    const bytes = Array.from({ length: size }, (_, i) => String.fromCodePoint(97 + (i % 26))).join('')
    await mount({ f: bytes })
    await foretell('f')
    const handle = await open(join(mnt.path, 'f'))
    for (const at of [size - 1, 0, Math.floor(size / 2)]) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(5), 0, 5, at)
      expect(buffer.toString('utf8', 0, bytesRead)).toBe(bytes.slice(at, at + 5))
    }
    await handle.close()
    expect(await text('f')).toBe(bytes)
    expect(await asked()).toEqual({ opens: 0, reads: 0 })
  })

  it('shows its new bytes to who opens it after it has changed', async () => {
    await mount({ f: 'first' })
    await foretell('f')
    await put('f', 'other', 2)
    expect(await text('f')).toBe('other')
    expect(await asked()).toEqual({ opens: 1, reads: 1 })
    expect(await told()).toEqual([])
  })

  it('shows its new bytes when it changes between two opens, and to those of the first open no mixture', async () => {
    await mount({ f: 'a'.repeat(100_000) })
    await foretell('f')
    const handle = await open(join(mnt.path, 'f'))
    expect((await handle.read(Buffer.alloc(1), 0, 1, 0)).buffer.toString()).toBe('a')
    await put('f', 'b'.repeat(100_000), 2)
    await mnt.driver.ask('drop', mnt.path, 'dropPages', 2)
    expect(await text('f')).toBe('b'.repeat(100_000))
    await handle.close()
  })

  it('is not opened where it has changed before that was taken', async () => {
    await mount({ f: 'first' })
    await foretell('f', true)
    expect(await text('f')).toBe('first')
    expect((await asked()).opens).toBe(1)
  })

  it('is opened by the operations for writing', async () => {
    await mount({ f: 'first' })
    await foretell('f')
    await writeFile(join(mnt.path, 'f'), 'FIRST and more')
    expect(await text('f')).toBe('FIRST and more')
    expect((await asked()).opens).toBe(2)
  })

  it.each([
    ['nothing may be believed for a while', { entryTimeoutMs: 0 }],
    ['there is no memory for it', { heldBytes: 3 }],
  ])('is opened by the operations where %s', async (_, options) => {
    await mount({ f: 'first' }, options)
    await foretell('f')
    expect(await text('f')).toBe('first')
    expect((await asked()).opens).toBe(1)
  })

  it('gives way when it was read to its end', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `f${i}`)
    const contents = Object.fromEntries(names.map((name) => [name, `${name} ${'x'.repeat(50_000)}`]))
    await mount(contents, { heldBytes: 200_000 })
    for (const name of names) {
      await foretell(name)
      expect(await text(name)).toBe(contents[name])
    }
    expect(await asked()).toEqual({ opens: 0, reads: 0 })
  })

  it('does not hold up others where it is not read', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `f${i}`)
    const contents = Object.fromEntries(names.map((name) => [name, `${name} ${'x'.repeat(50_000)}`]))
    await mount({ ...contents, skipped: 'y'.repeat(50_000) }, { heldBytes: 200_000 })
    await foretell('skipped')
    for (const name of names) {
      await foretell(name)
      expect(await text(name)).toBe(contents[name])
    }
    expect(await text('skipped')).toBe('y'.repeat(50_000))
    expect(await asked()).toEqual({ opens: 0, reads: 0 })
  })

  it('does not give way where only its end was read', async () => {
    await mount({ f: 'x'.repeat(150_000), g: 'y'.repeat(150_000) }, { heldBytes: 200_000 })
    await foretell('f')
    const handle = await open(join(mnt.path, 'f'))
    await handle.read(Buffer.alloc(5), 0, 5, 149_990)
    await foretell('g')
    expect(await text('g')).toBe('y'.repeat(150_000))
    expect((await asked()).opens).toBe(1)
    expect((await handle.read(Buffer.alloc(5), 0, 5, 0)).buffer.toString()).toBe('xxxxx')
    await handle.close()
    expect((await asked()).reads).toBe(1)
  })

  it('stays one until it is read, and the next is none', async () => {
    await mount({ f: 'x'.repeat(150_000), g: 'y'.repeat(150_000) }, { heldBytes: 200_000 })
    await foretell('f')
    await foretell('g')
    expect(await text('g')).toBe('y'.repeat(150_000))
    expect((await asked()).opens).toBe(1)
    expect(await text('f')).toBe('x'.repeat(150_000))
    expect((await asked()).opens).toBe(1)
  })
})
