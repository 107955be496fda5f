import type { FileHandle } from 'node:fs/promises'

const endSignature = 0x06054b50
const locator64Signature = 0x07064b50
const end64Signature = 0x06064b50
const entrySignature = 0x02014b50
const endBytes = 22
const longestCommentBytes = 0xffff
const max16 = 0xffff
const max32 = 0xffffffff
const zip64Field = 1

/**
 * The sizes of the files in a zip archive, by the directory at its end. Undefined where that is not whole: the server
 * writes it last, so an archive that broke off has none.
 */
export async function zipFileSizes(file: FileHandle, sizeBytes: number): Promise<number[] | undefined> {
  const tailBytes = Math.min(sizeBytes, endBytes + longestCommentBytes)
  const tail = await readAt(file, sizeBytes - tailBytes, tailBytes)
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== endSignature || at + endBytes + tail.readUInt16LE(at + 20) !== tailBytes)
      continue
    const end = sizeBytes - tailBytes + at
    const span = isLong(tail, at)
      ? await longSpan(file, end)
      : {
          count: tail.readUInt16LE(at + 10),
          bytes: tail.readUInt32LE(at + 12),
          start: tail.readUInt32LE(at + 16),
        }
    if (!span || span.start + span.bytes > end) return undefined
    return sizesIn(await readAt(file, span.start, span.bytes), span.count)
  }
  return undefined
}

interface Span {
  readonly count: number
  readonly bytes: number
  readonly start: number
}

function isLong(tail: Buffer, at: number): boolean {
  return (
    tail.readUInt16LE(at + 10) === max16 ||
    tail.readUInt32LE(at + 12) === max32 ||
    tail.readUInt32LE(at + 16) === max32
  )
}

/** Beyond 65,535 files or 4 GiB the numbers stand in a record of ZIP64, which a locator before the end points to. */
async function longSpan(file: FileHandle, end: number): Promise<Span | undefined> {
  if (end < 20) return undefined
  const locator = await readAt(file, end - 20, 20)
  if (locator.readUInt32LE(0) !== locator64Signature) return undefined
  const at = Number(locator.readBigUInt64LE(8))
  if (!(at + 56 <= end)) return undefined
  const record = await readAt(file, at, 56)
  if (record.readUInt32LE(0) !== end64Signature) return undefined
  const [count, bytes, start] = [32, 40, 48].map((field) => Number(record.readBigUInt64LE(field)))
  return { count: count!, bytes: bytes!, start: start! }
}

function sizesIn(directory: Buffer, count: number): number[] | undefined {
  const sizes: number[] = []
  let at = 0
  while (sizes.length < count) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== entrySignature) return undefined
    const nameBytes = directory.readUInt16LE(at + 28)
    const extraBytes = directory.readUInt16LE(at + 30)
    const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes)
    const size = directory.readUInt32LE(at + 24)
    sizes.push(size === max32 ? longSize(extra) : size)
    at += 46 + nameBytes + extraBytes + directory.readUInt16LE(at + 32)
  }
  return sizes
}

/** The true size comes first in the field of ZIP64. */
function longSize(extra: Buffer): number {
  for (let at = 0; at + 12 <= extra.length; at += 4 + extra.readUInt16LE(at + 2))
    if (extra.readUInt16LE(at) === zip64Field) return Number(extra.readBigUInt64LE(at + 4))
  return max32
}

async function readAt(file: FileHandle, position: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(lengthBytes)
  for (let done = 0; done < lengthBytes;) {
    const { bytesRead } = await file.read(buffer, done, lengthBytes - done, position + done)
    if (bytesRead === 0) throw new Error('the archive is shorter than it was')
    done += bytesRead
  }
  return buffer
}
