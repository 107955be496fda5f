import { constants as fsConstants } from 'node:fs'
import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { unmount } from '../../src/fuse/mountpoint.js'
import { useDriverMount } from '../support/driver-mount.js'
import { DriverProcess } from '../support/driver-process.js'
import type { Figures } from '../support/driver-process.js'

const direct = fsConstants.O_RDONLY | fsConstants.O_DIRECT
const sizeBytes = 1024 * 1024
const textOf = (letter: string): string => letter.repeat(sizeBytes)

const mnt = useDriverMount()
let backing: string
beforeEach(() => void (backing = join(mnt.folder, 'backing')))

/** @returns of which letter a page of the file is; fails where it is of several */
async function letterAt(file: FileHandle, offset = 0): Promise<string> {
  const part = Buffer.alloc(4096)
  await file.read(part, 0, 4096, offset)
  expect(part.equals(Buffer.alloc(4096, part[0]))).toBe(true)
  return part.toString('utf8', 0, 1)
}

describe('a local file where files may be written', () => {
  it('is read by the threads of the driver, to its end and not beyond', async () => {
    await writeFile(backing, 'from the cache')
    await mnt.driver.ask('mount', mnt.path, {}, [['f', 'from memory!!!', { backingPath: backing }]])
    expect(await readFile(join(mnt.path, 'f'), 'utf8')).toBe('from the cache')
    const { passthroughOpens, servedReads, read } = await mnt.stats()
    expect({ passthroughOpens, served: servedReads! > 0, asked: read! - servedReads! }).toEqual({
      passthroughOpens: 0,
      served: true,
      asked: 0,
    })
  })

  it('is left alone from when the file is written to, by whomever', async () => {
    await writeFile(backing, textOf('c'))
    await mnt.driver.ask('mount', mnt.path, {}, [['f', textOf('m'), { backingPath: backing }]])
    const reader = await open(join(mnt.path, 'f'), direct)
    const writer = await open(join(mnt.path, 'f'), 'r+')
    try {
      expect(await letterAt(reader)).toBe('c')
      await writer.write(Buffer.alloc(4096, 'w'), 0, 4096, 0)
      expect([await letterAt(reader), await letterAt(reader, 8192)]).toEqual(['w', 'm'])
    } finally {
      await reader.close()
      await writer.close()
    }
    const again = await open(join(mnt.path, 'f'), direct)
    expect(await letterAt(again)).toBe('c') // as a new open names it
    await again.close()
  })

  it('gives no byte of before to who reads after a change, however many read meanwhile', async () => {
    await writeFile(backing, textOf('c'))
    await mnt.driver.ask('mount', mnt.path, {}, [['f', textOf('m'), { backingPath: backing }]])
    for (let round = 0; round < 40; round++) {
      const readers = await Promise.all([1, 2, 3].map(() => open(join(mnt.path, 'f'), direct)))
      const state = { isOver: false }
      const reading = readers.map(async (file) => {
        while (!state.isOver) expect(['c', 'm']).toContain(await letterAt(file, 16 * 4096))
      })
      await letterAt(readers[0]!)
      await mnt.driver.ask('put', mnt.path, 'f', textOf('m'), { version: round + 2 }) // the bytes have changed when it returns
      expect(await Promise.all(readers.map((file) => letterAt(file)))).toEqual(['m', 'm', 'm'])
      state.isOver = true
      await Promise.all(reading)
      for (const file of readers) await file.close()
    }
    expect((await mnt.stats())['servedReads']).toBeGreaterThan(40)
  })

  it('that is shorter than it was is not believed: the file system is asked', async () => {
    await writeFile(backing, textOf('c'))
    await mnt.driver.ask('mount', mnt.path, {}, [['f', textOf('m'), { backingPath: backing }]])
    const reader = await open(join(mnt.path, 'f'), direct)
    try {
      expect(await letterAt(reader)).toBe('c')
      await truncate(backing, 8192)
      expect(await letterAt(reader, 16384)).toBe('m')
      expect(await letterAt(reader)).toBe('m')
    } finally {
      await reader.close()
    }
  })

  it('that is not there is no trouble', async () => {
    await mnt.driver.ask('mount', mnt.path, {}, [
      ['f', 'from memory', { backingPath: join(mnt.folder, 'nothing') }],
    ])
    expect(await readFile(join(mnt.path, 'f'), 'utf8')).toBe('from memory')
  })

  it('is not read where that may wait for a network, or for another mount', async () => {
    const other = join(mnt.folder, 'other')
    await mkdir(other)
    await mnt.driver.ask('mount', other, {}, [['f', 'from the cache']])
    const reader = await DriverProcess.start() // who reads must not wait for itself
    try {
      await reader.ask('mount', mnt.path, {}, [['f', 'from memory!!!', { backingPath: join(other, 'f') }]])
      expect(await readFile(join(mnt.path, 'f'), 'utf8')).toBe('from memory!!!')
    } finally {
      await unmount(mnt.path, { lazy: true })
      await unmount(other, { lazy: true })
      await reader.stop()
    }
  })

  it('is one of a few hundred: descriptors are for other things too', async () => {
    const files = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        await writeFile(join(mnt.folder, `backing-${i}`), `${i} from the cache`)
        return [`f${i}`, `${i} from memory!!!`, { backingPath: join(mnt.folder, `backing-${i}`) }]
      }),
    )
    await mnt.driver.ask('mount', mnt.path, {}, files)
    const before = await mnt.driver.ask<Figures>('figures')
    const handles = await Promise.all(files.map((_, i) => open(join(mnt.path, `f${i}`))))
    expect((await mnt.driver.ask<Figures>('figures')).descriptors - before.descriptors).toBe(256)
    const texts: string[] = [] // one after the other: a thread is kept free of the disk
    for (const handle of handles) texts.push(await handle.readFile('utf8'))
    expect(texts.filter((text) => text.endsWith('from the cache'))).toHaveLength(256)
    for (const handle of handles) await handle.close()
    await expect
      .poll(async () => (await mnt.driver.ask<Figures>('figures')).descriptors)
      .toBe(before.descriptors)
  })

  it('leaves no descriptor behind', async () => {
    await writeFile(backing, textOf('c'))
    await mnt.driver.ask('mount', mnt.path, {}, [['f', textOf('m'), { backingPath: backing }]])
    const before = await mnt.driver.ask<Figures>('figures')
    for (let i = 0; i < 50; i++) {
      const files = [await open(join(mnt.path, 'f'), direct), await open(join(mnt.path, 'f'), direct)]
      expect(await letterAt(files[0]!)).toBe('c')
      if (i % 2 === 0) await mnt.driver.ask('put', mnt.path, 'f', textOf('m'), { version: i + 2 })
      for (const file of files) await file.close()
    }
    await expect
      .poll(async () => (await mnt.driver.ask<{ handles: number }>('held', mnt.path)).handles)
      .toBe(0)
    expect((await mnt.driver.ask<Figures>('figures')).descriptors).toBe(before.descriptors)
  })
})
