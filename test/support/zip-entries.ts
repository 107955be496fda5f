import { inflateRawSync } from 'node:zlib'

export interface ZipEntry {
  readonly name: string
  /** 0 stored, 8 deflated. */
  readonly method: number
  /** Sizes stand behind the data (bit 3) instead of in the local header. */
  readonly hasDataDescriptor: boolean
  readonly size: number
  readonly content: Buffer
}

const END = 0x06054b50
const CENTRAL = 0x02014b50
const DATA_DESCRIPTOR_FLAG = 0x08

/** Entries of a whole zip in memory, by its central directory; fails if it has none. */
export function zipEntries(zip: Buffer): ZipEntry[] {
  const end = endOfZip(zip)
  if (end < 0) throw new Error('no end of central directory')
  const entries: ZipEntry[] = []
  let at = zip.readUInt32LE(end + 16)
  for (let count = zip.readUInt16LE(end + 10); count > 0; count--) {
    if (zip.readUInt32LE(at) !== CENTRAL) throw new Error(`no central header at ${at}`)
    const nameLength = zip.readUInt16LE(at + 28)
    const method = zip.readUInt16LE(at + 10)
    const local = zip.readUInt32LE(at + 42)
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const data = zip.subarray(start, start + zip.readUInt32LE(at + 20))
    entries.push({
      name: zip.toString('utf8', at + 46, at + 46 + nameLength),
      method,
      hasDataDescriptor: (zip.readUInt16LE(local + 6) & DATA_DESCRIPTOR_FLAG) !== 0,
      size: zip.readUInt32LE(at + 24),
      content: method === 0 ? data : inflateRawSync(data),
    })
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return entries
}

/** Where the end record begins; -1 in a zip that was cut. */
export function endOfZip(zip: Buffer): number {
  for (let at = zip.length - 22; at >= 0; at--) if (zip.readUInt32LE(at) === END) return at
  return -1
}
