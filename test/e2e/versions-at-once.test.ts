import { open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SeededRandom } from '../crash/seeded-random.js'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { multipart } from '../support/multipart.js'
import { Server } from '../support/server.js'

/**
 * Files that are read in several ways at once, beside one who replaces them on the server and one who does so by the mount:
 * whatever is read is one version, and all of it, or an error.
 */

const resource = '/data/experiments/XNAT_E00001/resources/V'
const rounds = 24
const names = ['f0', 'f1', 'f2']
const lineCounts = [1, 3, 60, 700, 6000, 16_000]
const headBytes = 60
const { ESTALE, ENOENT, EBUSY, EEXIST, EIO } = constants.errno
const seed = Number(process.env['XNATFS_VERSIONS_SEED'] ?? 1)

/** Each line tells which one it is, of how many, in which version. */
function textOf(version: string, lineCount: number): Buffer {
  return Buffer.from(Array.from({ length: lineCount }, (_, i) => `${version} n${lineCount} i${i}\n`).join(''))
}

/** @returns what a reader has to be shown where it is not this */
function wholeOf(bytes: Buffer): Buffer {
  const [version = '', lineCount = ''] = bytes.toString('latin1').split('\n', 1)[0]!.split(' n')
  return textOf(version, Number.parseInt(lineCount) || 1)
}

function isErrno(error: unknown, expected: readonly number[]): boolean {
  return error instanceof Error && 'errno' in error && expected.includes(-(error.errno as number))
}

let server: Server
let mount: Mount
let random: SeededRandom
let readCount: number
let versions: number
beforeEach(async () => {
  server = await Server.start()
  await server.rest('PUT', resource)
  random = new SeededRandom(seed)
  readCount = versions = 0
})
afterEach(async () => {
  await mount.stop([/ESTALE|EBUSY|EEXIST|EIO|out of date|by somebody else|somebody reads it/])
  await server.stop()
})

function next(): Buffer {
  return textOf(`v${++versions}`, random.pick(lineCounts))
}

/** By a form, which the server stores at once: nobody sees half of it. */
async function put(name: string): Promise<void> {
  const { headers, body } = multipart({ [name]: next() })
  const authorization = `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`
  const url = `${server.url}${resource}/files/${name}?overwrite=true`
  const answer = await request(url, { method: 'PUT', headers: { ...headers, authorization }, body })
  await answer.body.dump()
}

async function change(path: string): Promise<void> {
  const isRemoved = random.chance(0.3)
  const bytes = next()
  try {
    if (isRemoved) return await unlink(path)
    await writeFile(`${path}.part`, bytes)
    await rename(`${path}.part`, path)
  } catch (error) {
    if (!isErrno(error, [ESTALE, ENOENT, EBUSY, EEXIST, EIO])) throw error
  }
}

async function rest(handle: FileHandle, atOnce: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(atOnce), 0, atOnce)
    if (bytesRead === 0) return Buffer.concat(pieces)
    pieces.push(buffer.subarray(0, bytesRead))
  }
}

/** Compares what is read, unless that is refused. */
async function check(how: string, read: () => Promise<Buffer>): Promise<void> {
  try {
    const bytes = await read()
    const isWhole = bytes.equals(wholeOf(bytes))
    expect([how, isWhole || bytes.toString('latin1').slice(-200)]).toEqual([how, true])
    readCount++
  } catch (error) {
    if (!isErrno(error, [ESTALE, ENOENT, EBUSY])) throw error
  }
}

async function opened<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path)
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

/** Opens it, reads its beginning, and the rest when that is asked for. */
async function keepOpen(path: string): Promise<() => Promise<void>> {
  const handle = await open(path).catch(() => undefined)
  if (!handle) return () => Promise.resolve()
  const head = handle.read(Buffer.alloc(headBytes), 0, headBytes)
  head.catch(() => {})
  return async () => {
    await check(`${path}, kept open`, async () => {
      const { bytesRead, buffer } = await head
      return Buffer.concat([buffer.subarray(0, bytesRead), await rest(handle, 65_536)])
    })
    await handle.close()
  }
}

it.each(drivers)(
  'what is read is one version, and all of it (%s)',
  async (driver) => {
    mount = await Mount.start(server, { flags: ['--driver', driver, '--listing-ttl', '1'] })
    const directory = join(mount.path, 'TEST/1/MR1/resources/V')
    for (const name of names) await put(name)
    await mount.refresh()
    const any = (): string => join(directory, random.pick(names))
    const ofSize = (handle: FileHandle): Promise<Buffer> =>
      handle.stat().then(async ({ size }) => {
        const bytes = await rest(handle, Math.max(size, 1))
        expect(bytes.length).toBe(size)
        return bytes
      })
    let finish = (): Promise<void> => Promise.resolve()
    for (let round = 0; round < rounds; round++) {
      const paths = [any(), any(), any()] as const
      await Promise.all([
        put(random.pick(names)),
        ...(round % 2 === 1 ? [change(any())] : []),
        check(`${paths[0]} at once`, () => readFile(paths[0])),
        check(`${paths[1]} in pieces`, () => opened(paths[1], (handle) => rest(handle, 1000))),
        check(`${paths[2]} by its size`, () => opened(paths[2], ofSize)),
      ])
      if (round % 2 === 0) {
        await finish()
        finish = await keepOpen(any())
      }
      if (round % 3 === 2) await mount.refresh()
    }
    await finish()
    console.log(`seed ${seed}, ${driver}: ${readCount} of ${versions} versions were read`)
    expect(readCount).toBeGreaterThan(rounds / 2)
  },
  60_000,
)
