import { constants } from 'node:fs'
import { mkdtemp, open, readFile, readdir, rm, stat, utimes } from 'node:fs/promises'
import { constants as osConstants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { md5, patternBytes } from '../support/byte-source.js'
import { Mount } from '../support/mount.js'
import { md5OfFile } from '../../src/util/md5.js'
import { Server } from '../support/server.js'

const dicom = 'TEST/1/MR1/scans/1/DICOM'
const resource = '/data/experiments/XNAT_E00001/resources/BIG'
const directFlags = constants.O_RDONLY | constants.O_DIRECT
const big = 'TEST/1/MR1/resources/BIG/big.bin'

let server: Server
let cacheDir: string

beforeEach(async () => {
  server = await Server.start()
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
})
afterEach(async () => {
  await server.stop()
  await rm(cacheDir, { recursive: true })
})

function start(flags: readonly string[] = ['--read-only']): Promise<Mount> {
  const own = ['--driver', 'libfuse3', '--cache-dir', cacheDir, '--log-level', 'debug', '--listing-ttl', '1']
  return Mount.start(server, { flags: [...own, ...flags] })
}

/** Ends the mount. @returns what the kernel has asked it */
async function asked(mount: Mount): Promise<Record<string, number>> {
  expect((await mount.xnatfs(['umount', mount.path])).code).toBe(0)
  const line = (await mount.log()).find((one) => one.includes('the kernel asked: '))
  return JSON.parse(line!.slice(line!.indexOf('{'))) as Record<string, number>
}

async function withMount<T>(
  task: (mount: Mount) => Promise<T>,
  flags?: readonly string[],
  expected: readonly RegExp[] = [],
): Promise<T> {
  const mount = await start(flags)
  try {
    return await task(mount)
  } finally {
    await mount.stop(expected)
  }
}

async function digests(mount: Mount): Promise<Map<string, string>> {
  const names = await readdir(join(mount.path, dicom))
  const files = await Promise.all(
    names.map(async (name) => [name, await md5OfFile(join(mount.path, dicom, name))] as const),
  )
  return new Map(files)
}

/** Paths of complete files of the cache. */
async function kept(): Promise<string[]> {
  const names = await readdir(cacheDir, { recursive: true })
  return names.filter((name) => /\/files\/..\/\w+$/.test(name)).map((name) => join(cacheDir, name))
}

async function putBig(bytes: Buffer): Promise<void> {
  const { status } = await server.rest('PUT', `${resource}/files/big.bin?inbody=true&overwrite=true`, bytes)
  expect(status).toBeLessThan(300)
}

/** A large file that an earlier mount has read. @returns its MD5 */
async function coldBig(): Promise<string> {
  const bytes = patternBytes(3_000_000, 1)
  expect((await server.rest('PUT', resource)).status).toBeLessThan(300)
  await putBig(bytes)
  expect(await withMount((mount) => md5OfFile(join(mount.path, big)))).toBe(md5(bytes))
  return md5(bytes)
}

it('a warm file of a read-only mount is read by the kernel itself, the server and the mount are asked for no byte', async () => {
  const cold = await coldBig()
  await server.resetRequests()
  await withMount(async (mount) => {
    expect(await md5OfFile(join(mount.path, big))).toEqual(cold)
    const { hasPassthrough, passthroughOpens, read } = await asked(mount)
    if (hasPassthrough === 1) expect({ passthroughOpens, read }).toEqual({ passthroughOpens: 1, read: 0 })
    else expect(read).toBeGreaterThan(0)
  })
  expect((await server.requests()).filter(({ path }) => /\/files\/./.test(path))).toEqual([])
})

it('a file of the cache that was damaged is not passed through, though its time and size are as before', async () => {
  const cold = await coldBig()
  for (const path of await kept()) {
    const { atime, mtime } = await stat(path)
    const handle = await open(path, 'r+')
    await handle.write('damage', 500)
    await handle.close()
    await utimes(path, atime, mtime)
  }
  const damaged = [/disk cache's bytes of .* are damaged/]
  await withMount(
    async (mount) => {
      expect(await md5OfFile(join(mount.path, big))).toEqual(cold)
      expect((await asked(mount))['passthroughOpens']).toBe(0)
    },
    undefined,
    damaged,
  )
})

it('an open file keeps its bytes when it is evicted, and when the server has another version', async () => {
  const [first, second] = [patternBytes(3_000_000, 1), patternBytes(3_000_000, 2)]
  expect((await server.rest('PUT', resource)).status).toBeLessThan(300)
  await putBig(first)
  await withMount(async (mount) => void (await readFile(join(mount.path, big))))
  await withMount(async (mount) => {
    const path = join(mount.path, big)
    const handle = await open(path)
    try {
      for (const file of await kept()) await rm(file)
      const again = await open(path) // the same version: what is held is good for it as well
      expect(md5(await again.readFile())).toBe(md5(first))
      await again.close()
      await putBig(second)
      await mount.refresh()
      const part = Buffer.alloc(1000)
      await handle.read(part, 0, 1000, 2_000_000)
      expect(part).toEqual(first.subarray(2_000_000, 2_001_000))
    } finally {
      await handle.close()
    }
    await expect.poll(async () => md5(await readFile(path).catch(() => Buffer.of()))).toBe(md5(second))
    const { hasPassthrough, passthroughOpens } = await asked(mount)
    if (hasPassthrough === 1) expect(passthroughOpens).toBeGreaterThanOrEqual(2)
  })
})

it('where files may be written, a large one is read from the cache until it gets other bytes', async () => {
  const [first, second] = [patternBytes(3_000_000, 1), patternBytes(3_000_000, 2)]
  expect((await server.rest('PUT', resource)).status).toBeLessThan(300)
  await putBig(first)
  await withMount(async (mount) => void (await readFile(join(mount.path, big))), [])
  await withMount(
    async (mount) => {
      const path = join(mount.path, big)
      const reader = await open(path, directFlags)
      const at = async (offset: number): Promise<Buffer> => {
        const part = Buffer.alloc(4096)
        await reader.read(part, 0, 4096, offset)
        return part
      }
      try {
        expect(await at(4096)).toEqual(first.subarray(4096, 8192))
        const writer = await open(path, 'r+')
        await writer.write(Buffer.alloc(4096, 'w'), 0, 4096, 4096)
        expect(await at(4096)).toEqual(Buffer.alloc(4096, 'w'))
        expect(await at(8192)).toEqual(first.subarray(8192, 12_288))
        await writer.close()
        const written = Buffer.concat([
          first.subarray(0, 4096),
          Buffer.alloc(4096, 'w'),
          first.subarray(8192),
        ])
        expect(md5(await readFile(path))).toBe(md5(written))
      } finally {
        await reader.close()
      }
      const other = await open(path, directFlags)
      try {
        await putBig(second)
        await mount.refresh()
        expect((await stat(path)).size).toBe(second.length)
        // Neither the old bytes under the new name nor a mixture.
        await expect(other.read(Buffer.alloc(4096), 0, 4096, 0)).rejects.toMatchObject({
          errno: -osConstants.errno.ESTALE,
        })
      } finally {
        await other.close()
      }
      expect(md5(await readFile(path))).toBe(md5(second))
      const { passthroughOpens, servedReads } = await asked(mount)
      expect({ passthroughOpens, isServed: servedReads! > 0 }).toEqual({
        passthroughOpens: 0,
        isServed: true,
      })
    },
    [],
    [/ESTALE .*big.bin was changed on the server/],
  )
})

it('who has a small file open, as others had before, sees what another program writes into it', async () => {
  const bytes = patternBytes(5000, 1)
  expect((await server.rest('PUT', resource)).status).toBeLessThan(300)
  await putBig(bytes)
  await withMount(async (mount) => {
    const path = join(mount.path, big)
    for (let i = 0; i < 3; i++) expect(md5(await readFile(path))).toBe(md5(bytes))
    const reader = await open(path)
    try {
      const writer = await open(path, 'r+')
      await writer.write(Buffer.alloc(1000, 'w'), 0, 1000, 4500)
      await writer.close()
      const written = Buffer.concat([bytes.subarray(0, 4500), Buffer.alloc(1000, 'w')])
      expect(md5(await reader.readFile())).toBe(md5(written))
      expect(md5(await readFile(path))).toBe(md5(written))
    } finally {
      await reader.close()
    }
    await putBig(bytes)
    await mount.refresh()
    expect(md5(await readFile(path))).toBe(md5(bytes))
    expect((await asked(mount))['sharedOpens']).toBeGreaterThanOrEqual(3)
  }, [])
})

it('nothing is passed through where files may be written', async () => {
  const cold = await withMount(digests, [])
  await withMount(async (mount) => {
    expect(await digests(mount)).toEqual(cold)
    expect((await asked(mount))['passthroughOpens']).toBe(0)
    const line = (await mount.log()).find((one) => one.includes('the disk cache: '))!
    const { hits, corrupt, staleListings } = JSON.parse(line.slice(line.indexOf('{'))) as Record<
      string,
      number
    >
    expect(hits).toBeGreaterThanOrEqual(cold.size)
    expect({ corrupt, staleListings }).toEqual({ corrupt: 0, staleListings: 0 })
  }, [])
})
