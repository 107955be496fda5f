import { mkdtemp, readdir, readFile as readLocal, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { joined, lengthOf } from '../../src/util/pieces.js'
import { md5 } from '../support/byte-source.js'
import { readFile, writeFile } from '../support/file-system.js'
import { generateArchive, numbered } from '../support/generated-archive.js'
import type { GeneratedArchive } from '../support/generated-archive.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

const series = 'GEN/S1/MR/scans/1/DICOM'
const others = 'GEN/S1/MR/resources/OTHERS'

let data: GeneratedArchive
let emulator: RunningEmulator
let local: LocalVfs
beforeAll(async () => {
  const dicom = { label: 'DICOM', format: 'DICOM', files: numbered(20, '.dcm'), sizeBytes: 20_000 }
  data = await generateArchive([
    {
      label: 'MR',
      resources: [{ label: 'OTHERS', files: ['large.bin'], sizeBytes: 300_000 }],
      scans: { '1': [dicom] },
    },
  ])
})
afterAll(() => data.remove())
beforeEach(async () => {
  emulator = await startEmulator({ data: data.manifest })
  local = await startLocalVfs(emulator)
})
afterEach(async () => {
  await local.stop()
  await emulator.close()
})

async function inoOf(path: string): Promise<number> {
  let ino = 1
  for (const name of path.split('/')) ino = (await local.vfs.lookup(ino, name)).ino
  return ino
}
const open = async (path: string, canWrite = false): Promise<{ handle: number; keepCache: boolean }> =>
  local.vfs.open(await inoOf(path), canWrite)
const read = (path: string): Promise<Buffer> => readFile(vfsFileSystem(local.vfs), path)

/** Takes the last byte off a file in a cache directory that is known by the digest of its bytes. */
async function cutShort(cacheDir: string, digest: string): Promise<void> {
  for (const name of await readdir(cacheDir, { recursive: true })) {
    if (!/\/files\/..\/\w+$/.test(name)) continue
    const bytes = await readLocal(join(cacheDir, name))
    if (md5(bytes) === digest) return truncate(join(cacheDir, name), bytes.length - 1)
  }
  throw new Error(`${cacheDir} does not have ${digest}`)
}

/** What a driver may answer with by itself. */
async function small(path: string): Promise<string | undefined> {
  const { handle } = await open(path)
  const found = local.vfs.smallFile(handle)
  local.vfs.release(handle)
  return found && md5(joined(found.bytes))
}

describe('a small file as a whole', () => {
  it('is at hand once it was read, or has come with others, and is not fetched for that', async () => {
    const [first, last] = [`${series}/${numbered(20, '.dcm')[0]}`, `${series}/${numbered(20, '.dcm')[19]}`]
    expect(await small(first)).toBeUndefined()
    emulator.control.resetRequests()
    await vfsFileSystem(local.vfs).list(series)
    await read(first)
    await expect.poll(() => local.counters.ahead.files).toBe(20)
    const requests = emulator.control.requests().length
    for (const path of [first, last]) expect(await small(path)).toBe(data.digests.get(path))
    expect(emulator.control.requests()).toHaveLength(requests)
  })

  it('is none where it is large, or is being written', async () => {
    await read(`${others}/large.bin`)
    expect(await small(`${others}/large.bin`)).toBeUndefined()
    const path = `${others}/new.txt`
    await writeFile(vfsFileSystem(local.vfs), path, 'first')
    await read(path)
    expect(await small(path)).toBe(md5(Buffer.from('first')))
    const { handle } = await open(path, true)
    await local.vfs.write(handle, 0, Buffer.from('FIRST'))
    expect(await small(path)).toBeUndefined()
    await local.vfs.flush(handle)
    local.vfs.release(handle)
  })
})

describe('files that come before they are opened', () => {
  beforeEach(async () => {
    await local.stop()
    local = await startLocalVfs(emulator, { allowRawWrites: true })
  })
  const names = numbered(20, '.dcm')
  /** As the kernel does that has listed a directory. @returns inode numbers by name */
  const list = async (path: string): Promise<Map<string, number>> => {
    const directory = await inoOf(path)
    const handle = local.vfs.opendir(directory)
    const inos = new Map<string, number>()
    for (const { name, attributes } of await local.vfs.readdir(handle))
      inos.set(name, local.vfs.remember(directory, name, attributes.ino).ino)
    local.vfs.releasedir(handle)
    return inos
  }
  /** Digests of those that are told of, by inode number. */
  const observe = (): Map<number, string> => {
    const digests = new Map<number, string>()
    local.vfs.foretell(({ attributes, bytes, untilChanged }) => {
      expect(attributes.sizeBytes).toBe(lengthOf(bytes))
      if (untilChanged(() => digests.delete(attributes.ino))) digests.set(attributes.ino, md5(joined(bytes)))
    })
    return digests
  }
  const firstRead = async (): Promise<void> => {
    await read(`${series}/${names[0]}`)
    await expect.poll(() => local.counters.ahead.files).toBe(20)
  }

  it('are told of, with their bytes, until they change', async () => {
    const told = observe()
    const inos = await list(series)
    await firstRead()
    const others = names.slice(1)
    const wanted = others.map((name) => [inos.get(name)!, data.digests.get(`${series}/${name}`)!] as const)
    expect(told).toEqual(new Map(wanted))
    await local.vfs.setattr(inos.get(names[5]!)!, { mode: 0o600 })
    expect(told.size).toBe(others.length - 1)
    expect(told.has(inos.get(names[5]!)!)).toBe(false)
  })

  it('are not told of where the kernel does not know them', async () => {
    const told = observe()
    await vfsFileSystem(local.vfs).list(series)
    await firstRead()
    expect(told.size).toBe(0)
  })

  it('are not told of where they are being written here', async () => {
    const told = observe()
    const inos = await list(series)
    const { handle } = await local.vfs.open(inos.get(names[7]!)!, true)
    await local.vfs.write(handle, 0, Buffer.from('x'))
    await firstRead()
    expect(told.size).toBe(names.length - 2)
    local.vfs.release(handle)
  })

  it('are not told of where somebody has them open, for the kernel may not have dropped older pages yet', async () => {
    const told = observe()
    const inos = await list(series)
    const ino = inos.get(names[7]!)!
    const { handle } = await local.vfs.open(ino, false)
    await firstRead()
    expect(told.size).toBe(names.length - 2)
    expect(told.has(ino)).toBe(false)
    local.vfs.release(handle)
  })

  it.each(['removed', 'replaced'])('are read on by who has opened them when they are %s', async (what) => {
    const handles: number[] = []
    // As a driver does, of whose opens nobody has heard.
    local.vfs.foretell(({ attributes: { ino }, untilChanged }) =>
      untilChanged(() => handles.push(local.vfs.reopen(ino).handle)),
    )
    const inos = await list(series)
    await firstRead()
    const [directory, name] = [await inoOf(series), names[9]!]
    const path = `${series}/${name}`
    await writeFile(vfsFileSystem(local.vfs), `${series}/new.dcm`, 'new')
    if (what === 'removed') await local.vfs.unlink(directory, name)
    else await local.vfs.rename(directory, 'new.dcm', directory, name, { mayReplace: true })
    expect(inos.has(name)).toBe(true)
    expect(handles).toHaveLength(1)
    const bytes = joined(await local.vfs.read(handles[0]!, 0, 30_000))
    expect(md5(Buffer.from(bytes))).toBe(data.digests.get(path))
    local.vfs.release(handles[0]!)
  })

  it('are told of from the disk cache, up to one that is damaged there', async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
    const remount = async (): Promise<void> => {
      await local.stop()
      local = await startLocalVfs(emulator, { cacheDir })
    }
    const digest = (name: string): string => data.digests.get(`${series}/${name}`)!
    try {
      await remount()
      await vfsFileSystem(local.vfs).list(series)
      await firstRead()
      await remount()
      await cutShort(cacheDir, digest(names[8]!))
      const told = observe()
      const inos = await list(series)
      await read(`${series}/${names[0]}`)
      await expect.poll(() => told.has(inos.get(names[7]!)!)).toBe(true)
      await expect.poll(() => local.cache.diskStatus?.corrupt).toBe(1)
      for (const name of names.slice(1, 8)) expect(told.get(inos.get(name)!)).toBe(digest(name))
      expect(told.has(inos.get(names[8]!)!)).toBe(false)
    } finally {
      await rm(cacheDir, { recursive: true })
    }
  })

  it('keep the kernel from keeping their pages when they have changed since', async () => {
    observe()
    const inos = await list(series)
    await firstRead()
    const ino = inos.get(names[3]!)!
    const keeps = async (): Promise<boolean> => {
      const { handle, keepCache } = await local.vfs.open(ino, false)
      local.vfs.release(handle)
      return keepCache
    }
    expect(await keeps()).toBe(true)
    const { handle } = await local.vfs.open(ino, true)
    await local.vfs.write(handle, 0, Buffer.from('x'))
    expect(await keeps()).toBe(false)
    local.vfs.release(handle)
  })
})

describe('what the kernel has of a file', () => {
  const keeps = async (path: string): Promise<boolean> => {
    const { handle, keepCache } = await open(path)
    local.vfs.release(handle)
    return keepCache
  }

  it('is of the version that is opened, or nothing, until somebody writes', async () => {
    const path = `${others}/large.bin`
    expect([await keeps(path), await keeps(path)]).toEqual([true, true])
    const { handle } = await open(path, true)
    await local.vfs.write(handle, 0, Buffer.from('x'))
    await local.vfs.flush(handle)
    local.vfs.release(handle)
    expect([await keeps(path), await keeps(path)]).toEqual([false, true])
  })

  it('is dropped by all who open it until one of them has certainly done so, who reads or closes it', async () => {
    const path = `${others}/large.bin`
    for (const isRead of [true, false]) {
      const writer = await open(path, true)
      await local.vfs.write(writer.handle, 0, Buffer.from('y'))
      await local.vfs.flush(writer.handle)
      local.vfs.release(writer.handle)
      const [first, second] = [await open(path), await open(path)]
      expect([first.keepCache, second.keepCache]).toEqual([false, false])
      if (isRead) await local.vfs.read(first.handle, 0, 1)
      else local.vfs.release(first.handle)
      expect(await keeps(path)).toBe(true)
      local.vfs.release(second.handle)
      if (isRead) local.vfs.release(first.handle)
    }
  })
})
