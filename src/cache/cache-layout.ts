import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { CacheFs } from './cache-disk.js'
import { openFileState } from './file-state.js'

/**
 * Where things lie in a cache directory. Everything is put in place by rename(2), nothing is written into once it is
 * there, and what is removed is unlinked: who has it open goes on reading it. A program of another format finds another
 * directory.
 *
 *     <root>/v1/<server>/about.json                       the server's URL
 *                       /files/<xx>/<id>                  a complete file, its very bytes
 *                       /files/<xx>/<id>.sums             what it is, and a checksum of each block
 *                       /parts/<id>/<writer>.part, .sums  the same of a large file that is not complete: sparse, and
 *                                                         written by one process only
 *                       /writers/<writer>                 a process that writes here, as long as it lives
 *                       /leases/<name>                      a writer is about to fetch what it names
 *                       /tmp/<writer>-<n>                 on its way to its name
 *                       /users/<user>/identity.json       a log-in that succeeded
 *                       /users/<user>/listings/<name>     what this user was listed
 */
export const cacheFormat = 'v1'

export function formatDirectory(root: string): string {
  return join(root, cacheFormat)
}

export function serverDirectory(root: string, url: string): string {
  return join(formatDirectory(root), hashed(url, 16))
}

/** @param user undefined: a guest */
export function userDirectory(server: string, user: string | undefined): string {
  return join(server, 'users', hashed(user === undefined ? 'guest' : `user ${user}`, 16))
}

export function fileId(file: string, version: string): string {
  return hashed(`${file}\n${version}`, 32)
}

export function completePath(server: string, id: string): string {
  return `${server}/files/${id.slice(0, 2)}/${id}`
}

export function partDirectory(server: string, id: string): string {
  return `${server}/parts/${id}`
}

export const sumsSuffix = '.sums'
export const partSuffix = '.part'
export const identityName = 'identity.json'

export function hashed(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits)
}

let count = 0

/** For a file on its way to its name; no two are the same. */
export function temporaryPath(server: string, writer: string): string {
  return `${server}/tmp/${writer}-${++count}`
}

/**
 * Writes a file under a passing name and gives it its own: there is no moment at which it is there in part.
 * @returns its state, which it has until somebody touches it or takes its name
 */
export async function putInPlace(
  fs: CacheFs,
  server: string,
  writer: string,
  path: string,
  pieces: readonly Uint8Array[],
): Promise<string> {
  const temporary = temporaryPath(server, writer)
  const handle = await withDirectory(fs, temporary, () => fs.open(temporary, 'wx', 0o600))
  try {
    await writePieces(handle, pieces, 0)
    await withDirectory(fs, path, () => fs.rename(temporary, path))
    return await openFileState(handle)
  } catch (error) {
    await fs.unlink(temporary).catch(() => {}) // a full disk needs the room
    throw error
  } finally {
    await handle.close()
  }
}

/** Does something in the directory of `path`; makes the directory where it is missing. */
export async function withDirectory<T>(fs: CacheFs, path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return task()
  }
}

type Writable = Awaited<ReturnType<CacheFs['open']>>

export async function writeAll(handle: Writable, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** One behind the other. */
export async function writePieces(
  handle: Writable,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces, position)
  let start = 0
  for (const piece of pieces) {
    const written = Math.min(Math.max(bytesWritten - start, 0), piece.length) // less than all: a full disk says why
    if (written < piece.length) await writeAll(handle, piece.subarray(written), position + start + written)
    start += piece.length
  }
}

/** @param into memory that is used again; default: memory of their own @returns undefined when the file ends before */
export async function readExactly(
  handle: Writable,
  position: number,
  lengthBytes: number,
  into?: Buffer,
): Promise<Buffer | undefined> {
  const buffer = into?.subarray(0, lengthBytes) ?? Buffer.allocUnsafeSlow(lengthBytes)
  for (let done = 0; done < lengthBytes;) {
    const { bytesRead } = await handle.read(buffer, done, lengthBytes - done, position + done)
    if (bytesRead === 0) return undefined
    done += bytesRead
  }
  return buffer
}
