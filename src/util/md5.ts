import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Lower-case hex MD5 of bytes that lie in pieces. They must stay as they are until it is there. */
export type Md5 = (pieces: readonly Uint8Array[]) => string | Promise<string>

/** By the thread that asks. */
export function md5Here(pieces: readonly Uint8Array[]): string {
  const hash = createHash('md5')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

/**
 * Lower-case hex MD5 of a local file, as XNAT's catalogs have it.
 * @param sizeBytes only so much of its beginning
 */
export async function md5OfFile(path: string, sizeBytes = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('md5')
  if (sizeBytes === 0) return hash.digest('hex')
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024, end: sizeBytes - 1 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** The same of bytes that are in a file or, where they are given, in memory. */
export async function md5OfSource(source: {
  readonly path: string
  readonly sizeBytes: number
  readonly bytes?: Buffer
}): Promise<string> {
  const { path, sizeBytes, bytes } = source
  return bytes ? md5Here([bytes]) : md5OfFile(path, sizeBytes)
}
