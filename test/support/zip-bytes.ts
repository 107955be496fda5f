import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipPart {
  readonly name: string
  readonly bytes: Buffer
  readonly method?: 'stored' | 'deflated'
  /** Sizes behind the data: with a signature or without, of 32 or of 64 bits. */
  readonly descriptor?: 'signed' | 'bare' | 'signed-64'
  /** Sizes in a ZIP64 field though they would fit. */
  readonly isZip64?: boolean
  readonly flags?: number
}

/** A zip archive with entries of any kind, in the order given. */
export function zipOf(parts: readonly ZipPart[]): Buffer {
  const entries = parts.map(entryOf)
  const central = Buffer.from('PK\x01\x02 and so on', 'latin1')
  return Buffer.concat([...entries, central])
}

function entryOf({ name, bytes, method = 'stored', descriptor, isZip64, flags = 0 }: ZipPart): Buffer {
  const packed = method === 'stored' ? bytes : deflateRawSync(bytes)
  const extra = isZip64 ? zip64Field(bytes.length, packed.length) : Buffer.alloc(0)
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(0x800 | flags | (descriptor ? 8 : 0), 6)
  header.writeUInt16LE(method === 'stored' ? 0 : 8, 8)
  if (!descriptor) {
    header.writeUInt32LE(crc32(bytes), 14)
    header.writeUInt32LE(isZip64 ? 0xffffffff : packed.length, 18)
    header.writeUInt32LE(isZip64 ? 0xffffffff : bytes.length, 22)
  }
  header.writeUInt16LE(Buffer.byteLength(name), 26)
  header.writeUInt16LE(extra.length, 28)
  const after = descriptor ? descriptorOf(descriptor, bytes, packed.length) : Buffer.alloc(0)
  return Buffer.concat([header, Buffer.from(name), extra, packed, after])
}

function zip64Field(sizeBytes: number, packedBytes: number): Buffer {
  const field = Buffer.alloc(4 + 4 + 20)
  field.writeUInt16LE(0x5455, 0) // another field before it
  field.writeUInt16LE(4, 2)
  field.writeUInt16LE(1, 8)
  field.writeUInt16LE(16, 10)
  field.writeBigUInt64LE(BigInt(sizeBytes), 12)
  field.writeBigUInt64LE(BigInt(packedBytes), 20)
  return field
}

function descriptorOf(kind: NonNullable<ZipPart['descriptor']>, bytes: Buffer, packedBytes: number): Buffer {
  const numbers = Buffer.alloc(kind === 'signed-64' ? 20 : 12)
  numbers.writeUInt32LE(crc32(bytes), 0)
  if (kind === 'signed-64') {
    numbers.writeBigUInt64LE(BigInt(packedBytes), 4)
    numbers.writeBigUInt64LE(BigInt(bytes.length), 12)
  } else {
    numbers.writeUInt32LE(packedBytes, 4)
    numbers.writeUInt32LE(bytes.length, 8)
  }
  return kind === 'bare' ? numbers : Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), numbers])
}
