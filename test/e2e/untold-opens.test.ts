import { open, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useDriverMount } from '../support/driver-mount.js'
import { shell } from '../support/processes.js'

const mnt = useDriverMount()
const text = (name: string): Promise<string> => readFile(join(mnt.path, name), 'utf8')
const held = (): Promise<{ handles: number; lookups: number }> => mnt.driver.ask('held', mnt.path)

async function mount(files: readonly unknown[]): Promise<void> {
  await mnt.driver.ask('mount', mnt.path, { isReadOnly: true, opensUntold: true }, files)
}

describe('a kernel that opens files without telling', () => {
  it('may sync what nobody has written', async () => {
    await mount([['f', 'first']])
    const file = await open(join(mnt.path, 'f'))
    await file.sync()
    await file.datasync()
    expect(await file.readFile('utf8')).toBe('first')
    await file.close()
  })

  it('asks for the first open only, and for each byte once', async () => {
    await mount(['f', 'g', 'h'].map((name) => [name, `what ${name} has`]))
    for (let time = 0; time < 3; time++)
      for (const name of ['f', 'g', 'h']) expect(await text(name)).toBe(`what ${name} has`)
    const { open: opens, read, release, flush } = await mnt.stats()
    expect({ opens, read, release, flush }).toEqual({ opens: 1, read: 3, release: 0, flush: 0 })
    expect((await held()).handles).toBe(0) // each was read to its end
  })

  it('reads what is foretold without JavaScript, which hears of the first time', async () => {
    await mount([['f', 'first', { isRepeatable: true }]])
    expect(await readdir(mnt.path)).toEqual(['f'])
    const { ino } = await stat(join(mnt.path, 'f'))
    await mnt.driver.ask('foretell', mnt.path, 'f')
    for (let time = 0; time < 3; time++) expect(await text('f')).toBe('first')
    await expect.poll(() => mnt.driver.ask<number[]>('told', mnt.path)).toEqual([ino])
    const { read, furnishedReads } = await mnt.stats()
    expect({ read, furnishedReads }).toEqual({ read: 1, furnishedReads: 1 })
  })

  it('has what lies in a local file read there by the threads, but for its first part', async () => {
    const backing = join(mnt.folder, 'backing')
    const bytes = Buffer.from(Array.from({ length: 4 * 1024 * 1024 }, (_, i) => i % 253))
    await writeFile(backing, bytes)
    await mount([
      ['f', bytes.toString('latin1').slice(0, 0), { backingPath: backing, bytes: { length: bytes.length } }],
    ])
    const file = await open(join(mnt.path, 'f'))
    await file.read(Buffer.alloc(1), 0, 1, 0)
    const { buffer } = await file.read(Buffer.alloc(1024), 0, 1024, 3_000_000)
    await file.close()
    expect(buffer.equals(bytes.subarray(3_000_000, 3_001_024))).toBe(true)
    expect((await mnt.stats())['servedReads']).toBeGreaterThan(0)
  })

  it('lets go of all when it forgets it', async () => {
    await mount([['d/f', 'x'.repeat(4096)]])
    expect(await text('d/f')).toHaveLength(4096)
    expect((await held()).handles).toBe(1)
    await shell('echo 2 > /proc/sys/vm/drop_caches')
    await expect.poll(held).toMatchObject({ handles: 0, lookups: 0 })
  })
})
