import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MountFlags } from '../../src/cli/flags.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RequestRecord, RunningEmulator } from '../../src/emulator/emulator.js'
import { patternBytes } from '../support/byte-source.js'
import { codeOf } from '../support/errors.js'
import type { FileSystem, OpenFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

const here = 'TEST/1/MR1/resources/BIG'
const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/BIG'
const mib = 1024 * 1024
const block = patternBytes(mib, 7)
/** Enough to be sent while it is written. */
const bigBlocks = 36

let emulator: RunningEmulator
let root: string
let mount: LocalVfs | undefined
beforeEach(async () => {
  emulator = await startEmulator()
  root = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  await rest('PUT', uri)
})
afterEach(async () => {
  emulator.control.setFaults([])
  await mount?.stop()
  mount = undefined
  await emulator.close()
  await rm(root, { recursive: true })
})

async function rest(method: string, path: string, body?: string): Promise<Response> {
  const basic = Buffer.from(`${emulator.user}:${emulator.password}`).toString('base64')
  return fetch(emulator.url + path, {
    method,
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/octet-stream' },
    ...(body !== undefined && { body }),
  })
}
const put = (name: string, text: string): Promise<Response> =>
  rest('PUT', `${uri}/files/${name}?overwrite=true`, text)

async function start(flags: Partial<MountFlags> = {}): Promise<FileSystem> {
  mount = await startLocalVfs(emulator, flags, root)
  emulator.control.resetRequests()
  return vfsFileSystem(mount.vfs)
}

async function append(file: OpenFile, blocks: number, from = 0): Promise<void> {
  for (let i = 0; i < blocks; i++) await file.write(block, (from + i) * mib)
}

const puts = (): RequestRecord[] => emulator.control.requests().filter(({ method }) => method === 'PUT')
const streamed = (): RequestRecord | undefined => puts().find(({ requestBytes }) => requestBytes > 16 * mib)

/** Resolves when the server has got most of a file that nobody has closed yet. */
async function underWay(): Promise<void> {
  await expect.poll(streamed, { timeout: 10_000, interval: 5 }).toBeDefined()
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')
const bytesOf = (blocks: number): Buffer => Buffer.concat(Array.from({ length: blocks }, () => block))

async function storedMd5(name: string): Promise<string | undefined> {
  const response = await rest('GET', `${uri}/files/${name}`)
  return response.status === 200 ? md5(Buffer.from(await response.arrayBuffer())) : undefined
}

describe('a big file', () => {
  it('is sent while it is written, and stored by its close()', async () => {
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    expect(await storedMd5('a.bin')).toBeUndefined()
    await file.write(Buffer.from('the end'), bigBlocks * mib)
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(Buffer.concat([bytesOf(bigBlocks), Buffer.from('the end')])))
    expect(puts().map(({ status }) => status)).toEqual([200])
    expect(mount!.vfs.unsent).toEqual([])
  })
})

describe('what has been sent of a file is not stored', () => {
  /** What is done before the file is closed, and what is stored then. */
  const changes: Record<string, (fs: FileSystem, file: OpenFile) => Promise<[string, Buffer] | undefined>> = {
    'when a byte of it is changed': async (_, file) => {
      await file.write(Buffer.from('!'), 5)
      const bytes = bytesOf(bigBlocks)
      bytes.write('!', 5)
      return ['a.bin', bytes]
    },
    'when something is left out': async (_, file) => {
      await file.write(Buffer.from('far'), (bigBlocks + 1) * mib)
      return ['a.bin', Buffer.concat([bytesOf(bigBlocks), Buffer.alloc(mib), Buffer.from('far')])]
    },
    'when it is truncated': async (_, file) => {
      await file.truncate(3)
      return ['a.bin', block.subarray(0, 3)]
    },
    'when it is renamed': async (fs) => {
      await fs.rename(`${here}/a.bin`, `${here}/b.bin`)
      return ['b.bin', bytesOf(bigBlocks)]
    },
    'when it is removed': async (fs) => {
      await fs.unlink(`${here}/a.bin`)
      return undefined
    },
  }
  it.each(Object.keys(changes))('%s', async (what) => {
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    const expected = await changes[what]!(fs, file)
    await file.close()
    const stored = puts().filter(({ status }) => status === 200)
    expect(stored).toHaveLength(expected ? 1 : 0)
    expect(await fs.list(here)).toEqual(expected ? [expected[0]] : [])
    if (expected) expect(await storedMd5(expected[0])).toBe(md5(expected[1]))
    expect(mount!.vfs.unsent).toEqual([])
  })

  it('when the connection breaks off: the old file stays until close() has stored the new one', async () => {
    await put('a.bin', 'old')
    const fs = await start()
    emulator.control.setFaults([
      { method: 'PUT', path: '**/a.bin', times: 1, fault: { kind: 'cut-upload', afterBytes: 20 * mib } },
    ])
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await expect.poll(() => puts()[0]?.durationMs, { timeout: 10_000, interval: 5 }).toBeDefined()
    expect(await storedMd5('a.bin')).toBe(md5(Buffer.from('old')))
    await append(file, 1, bigBlocks)
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks + 1)))
    expect(puts().filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('when somebody else has changed the file meanwhile: ESTALE, and the bytes are kept', async () => {
    await put('a.bin', 'old')
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    await put('a.bin', 'theirs')
    expect(await codeOf(file.close())).toBe('ESTALE')
    expect(await storedMd5('a.bin')).toBe(md5(Buffer.from('theirs')))
    expect(mount!.vfs.unsent.map(({ sizeBytes }) => sizeBytes)).toEqual([bigBlocks * mib])
  })

  it('when somebody else has made a file of this name: EEXIST, and the bytes are kept', async () => {
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    await put('a.bin', 'theirs')
    expect(await codeOf(file.close())).toBe('EEXIST')
    expect(await storedMd5('a.bin')).toBe(md5(Buffer.from('theirs')))
    expect(mount!.vfs.unsent).toHaveLength(1)
  })
})

describe('a file that is not sent while it is written', () => {
  /** @returns the bytes of the file that the server got before close() */
  async function sentBefore(fs: FileSystem, name: string, blocks: number): Promise<number[]> {
    const file = await fs.open(`${here}/${name}`, 'w')
    await append(file, blocks)
    await fs.list('TEST/1/MR1/scans') // an answer of the server, asked for later than a stream would have been
    const before = puts().filter(({ path }) => path.includes(name))
    await file.close()
    return before.map(({ requestBytes }) => requestBytes)
  }

  it('is a small one, one with a temporary name, or any in the mode back', async () => {
    const fs = await start()
    expect(await sentBefore(fs, 'small.bin', 31)).toEqual([])
    expect(await sentBefore(fs, 'temporary.bin~', bigBlocks)).toEqual([])
    expect(await storedMd5('small.bin')).toBe(md5(bytesOf(31)))
    expect(await storedMd5('temporary.bin~')).toBeUndefined()
    await fs.unlink(`${here}/temporary.bin~`)
    await mount!.stop()
    const back = await start({ writeMode: 'back', writeBackDelay: 3600 })
    expect(await sentBefore(back, 'back.bin', bigBlocks)).toEqual([])
  })

  it('is one where there are few connections, or enough of them are used so', async () => {
    const few = await start({ connections: 3 })
    expect(await sentBefore(few, 'few.bin', bigBlocks)).toEqual([])
    await mount!.stop()
    const fs = await start({ connections: 4 })
    const file = await fs.open(`${here}/first.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    expect(await sentBefore(fs, 'second.bin', bigBlocks)).toEqual([])
    expect(await storedMd5('second.bin')).toBe(md5(bytesOf(bigBlocks)))
    await file.close()
    expect(await storedMd5('first.bin')).toBe(md5(bytesOf(bigBlocks)))
  })

  it.each([411, 400, 501])('is any after the server has refused one with %s', async (status) => {
    const fs = await start()
    emulator.control.setFaults([
      { method: 'PUT', path: '**/a.bin', times: 1, fault: { kind: 'status', status } },
    ])
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await expect.poll(() => puts()[0]?.durationMs, { timeout: 10_000, interval: 5 }).toBeDefined()
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks)))
    expect(await sentBefore(fs, 'b.bin', bigBlocks)).toEqual([])
    expect(await storedMd5('b.bin')).toBe(md5(bytesOf(bigBlocks)))
    expect(mount!.lines.filter((line) => line.includes('unknown length'))).toHaveLength(1)
  })
})

describe('fsync() in the middle of a big file', () => {
  it('stores what has been written, and close() the whole', async () => {
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    await file.sync()
    expect(puts()).toHaveLength(1)
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks)))
    await append(file, 2, bigBlocks)
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks + 2)))
    expect(puts()).toHaveLength(2)
  })
})

describe('a big file that replaces another', () => {
  it('is sent while it is written, and replaces it by its close()', async () => {
    await put('a.bin', 'old')
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    expect(await storedMd5('a.bin')).toBe(md5(Buffer.from('old')))
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks)))
    expect(puts()).toHaveLength(1)
  })

  it('does not wait for others of its resource, nor they for it', async () => {
    const fs = await start()
    const file = await fs.open(`${here}/a.bin`, 'w')
    await append(file, bigBlocks)
    await underWay()
    const small = await fs.open(`${here}/small.txt`, 'w')
    await small.write(Buffer.from('small'))
    await small.close()
    expect(await storedMd5('small.txt')).toBe(md5(Buffer.from('small')))
    await file.close()
    expect(await storedMd5('a.bin')).toBe(md5(bytesOf(bigBlocks)))
  })
})
