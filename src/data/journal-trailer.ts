import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { hasErrorCode } from '../util/fs-error.js'

/**
 * The record of a small file lies in the same file, behind its bytes: one write and one sync keep both. What follows
 * the bytes is the record's text, its length in bytes (4, big endian), an MD5 and a mark. The MD5 is over the name of
 * the file and everything before it, so a half that was written counts for nothing, and neither does a copy of such a
 * file that somebody stores.
 */
const mark = Buffer.from('\nxnatfs-journal\n')
const md5Bytes = 16
const lengthBytes = 4
const footerBytes = lengthBytes + md5Bytes + mark.length
/** Nobody writes larger ones: the bytes of a small file, and a record. */
const largestBytes = 1024 * 1024

/** @returns the whole file: the bytes, and what has to be known of them */
export function withTrailer(path: string, bytes: Buffer, text: string): Buffer {
  const record = Buffer.from(text)
  const whole = Buffer.allocUnsafe(bytes.length + record.length + footerBytes)
  bytes.copy(whole)
  record.copy(whole, bytes.length)
  const end = whole.writeUInt32BE(record.length, bytes.length + record.length)
  digest(path, whole.subarray(0, end)).copy(whole, end)
  mark.copy(whole, end + md5Bytes)
  return whole
}

/**
 * @returns the text of the record behind the bytes of a file; undefined if there is none, or the file is not there
 * @throws what else the disk says: nobody knows then whether there is one
 */
export async function readTrailer(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const { size } = await handle.stat()
    if (size < footerBytes || size > largestBytes) return undefined
    const whole = Buffer.alloc(size)
    const { bytesRead } = await handle.read(whole, 0, size, 0)
    return bytesRead === size ? trailerIn(path, whole) : undefined
  } finally {
    await handle.close()
  }
}

function trailerIn(path: string, whole: Buffer): string | undefined {
  const end = whole.length - mark.length - md5Bytes
  if (!whole.subarray(end + md5Bytes).equals(mark)) return undefined
  const start = end - lengthBytes - whole.readUInt32BE(end - lengthBytes)
  if (start < 0 || !digest(path, whole.subarray(0, end)).equals(whole.subarray(end, end + md5Bytes)))
    return undefined
  return whole.toString('utf8', start, end - lengthBytes)
}

function digest(path: string, bytes: Buffer): Buffer {
  return createHash('md5').update(basename(path)).update('\0').update(bytes).digest()
}
