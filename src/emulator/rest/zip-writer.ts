import { open, type FileHandle } from 'node:fs/promises'
import { createDeflateRaw, crc32 } from 'node:zlib'
import type { BodySink } from '../http/body-sink.js'
import { toError } from '../unknown.js'

/**
 * Writes zip archives byte for byte the way java.util.zip.ZipOutputStream does for XNAT: STORED entries are read
 * twice so that checksum and sizes stand in the local header, DEFLATED ones carry a data descriptor; ZIP64 appears
 * where a number does not fit (xnat-wire.md §4).
 */

const STORED = 0
const DEFLATED = 8
const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const DESCRIPTOR = 0x08074b50
const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const MAX32 = 0xffffffff
const MAX16 = 0xffff
/** Names are UTF-8, and ZipOutputStream always says so. */
const FLAG_UTF8 = 0x800
const FLAG_DESCRIPTOR = 0x8
const READ_SIZE = 512 * 1024
/** What is shorter is collected, headers and small members, before it is passed on. */
const WRITE_SIZE = 64 * 1024

export interface ArchiveMember {
  readonly name: string
  readonly path: string
  readonly size: number
  readonly modifiedMs: number
}

interface WrittenEntry {
  readonly name: Buffer
  readonly method: number
  readonly flags: number
  readonly dosTime: number
  readonly crc: number
  readonly compressedSize: number
  readonly size: number
  readonly offset: number
}

/** Two members of one name: ZipOutputStream throws when it meets the second. */
export class DuplicateEntry extends Error {
  override readonly name = 'DuplicateEntry'
}

export class ZipWriter {
  readonly #sink: BodySink
  readonly #method: number
  readonly #entries: WrittenEntry[] = []
  readonly #names = new Set<string>()
  #offset = 0
  #collected: Buffer[] = []
  #collectedBytes = 0

  constructor(sink: BodySink, compressed: boolean) {
    this.#sink = sink
    this.#method = compressed ? DEFLATED : STORED
  }

  async add(member: ArchiveMember): Promise<void> {
    if (this.#names.has(member.name)) throw new DuplicateEntry(`duplicate entry: ${member.name}`)
    this.#names.add(member.name)
    const file = await open(member.path, 'r')
    try {
      await (this.#method === STORED ? this.#addStored(member, file) : this.#addDeflated(member, file))
    } finally {
      await file.close()
    }
  }

  async finish(): Promise<void> {
    const start = this.#offset
    for (const entry of this.#entries) await this.#write(centralHeader(entry))
    await this.#write(endRecords(this.#entries.length, start, this.#offset))
    await this.flush()
  }

  /** Passes on what was collected. */
  async flush(): Promise<void> {
    if (this.#collectedBytes === 0) return
    const data = Buffer.concat(this.#collected)
    this.#collected = []
    this.#collectedBytes = 0
    await this.#sink.write(data)
  }

  async #addStored(member: ArchiveMember, file: FileHandle): Promise<void> {
    let crc = 0
    let size = 0
    let whole: Buffer[] = []
    for await (const chunk of chunks(file, member.size)) {
      crc = crc32(chunk, crc)
      size += chunk.length
      whole = size <= READ_SIZE ? [...whole, chunk] : []
    }
    const entry = this.#entry(member, { flags: FLAG_UTF8, crc, compressedSize: size, size })
    await this.#write(localHeader(entry))
    if (size <= READ_SIZE) for (const chunk of whole) await this.#write(chunk)
    else for await (const chunk of chunks(file, size)) await this.#write(chunk)
    this.#entries.push(entry)
  }

  async #addDeflated(member: ArchiveMember, file: FileHandle): Promise<void> {
    const flags = FLAG_UTF8 | FLAG_DESCRIPTOR
    const entry = this.#entry(member, { flags, crc: 0, compressedSize: 0, size: 0 })
    await this.#write(localHeader(entry))
    let crc = 0
    let size = 0
    const before = this.#offset
    const deflate = createDeflateRaw()
    const feed = async (): Promise<void> => {
      for await (const chunk of chunks(file, member.size)) {
        crc = crc32(chunk, crc)
        size += chunk.length
        if (!deflate.write(chunk)) await new Promise((resolve) => deflate.once('drain', resolve))
      }
      deflate.end()
    }
    const fed = feed().catch((error: unknown) => deflate.destroy(toError(error)))
    for await (const chunk of deflate as AsyncIterable<Buffer>) await this.#write(chunk)
    await fed
    const done = { ...entry, crc, size, compressedSize: this.#offset - before }
    await this.#write(dataDescriptor(done))
    this.#entries.push(done)
  }

  #entry(
    member: ArchiveMember,
    numbers: Pick<WrittenEntry, 'flags' | 'crc' | 'compressedSize' | 'size'>,
  ): WrittenEntry {
    return {
      name: Buffer.from(member.name, 'utf8'),
      method: this.#method,
      dosTime: dosTime(member.modifiedMs),
      offset: this.#offset,
      ...numbers,
    }
  }

  async #write(data: Buffer): Promise<void> {
    this.#offset += data.length
    if (data.length >= WRITE_SIZE) {
      await this.flush()
      return this.#sink.write(data)
    }
    this.#collected.push(data)
    this.#collectedBytes += data.length
    if (this.#collectedBytes >= WRITE_SIZE) await this.flush()
  }
}

/** @param size how much there probably is: memory for it and one byte, so that one read finds the end as well */
async function* chunks(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  let position = 0
  for (;;) {
    const length = Math.min(READ_SIZE, Math.max(size - position, 0) + 1)
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
    if (bytesRead < length) return
  }
}

/** MS-DOS date and time, two seconds' resolution, in server time (here UTC). */
export function dosTime(ms: number): number {
  const date = new Date(ms)
  const year = date.getUTCFullYear()
  if (year < 1980) return (1 << 21) | (1 << 16)
  const day = ((year - 1980) << 25) | ((date.getUTCMonth() + 1) << 21) | (date.getUTCDate() << 16)
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1)
  return (day | time) >>> 0
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

function extraField(values: readonly number[]): Buffer {
  if (values.length === 0) return Buffer.alloc(0)
  const head = Buffer.alloc(4)
  head.writeUInt16LE(1, 0)
  head.writeUInt16LE(values.length * 8, 2)
  return Buffer.concat([head, ...values.map(uint64)])
}

function localHeader(entry: WrittenEntry): Buffer {
  const zip64 = entry.size >= MAX32 || entry.compressedSize >= MAX32
  const extra = extraField(zip64 ? [entry.size, entry.compressedSize] : [])
  const header = Buffer.alloc(30)
  header.writeUInt32LE(LOCAL, 0)
  header.writeUInt16LE(zip64 ? 45 : entry.method === STORED ? 10 : 20, 4)
  header.writeUInt16LE(entry.flags, 6)
  header.writeUInt16LE(entry.method, 8)
  header.writeUInt32LE(entry.dosTime, 10)
  header.writeUInt32LE(entry.crc, 14)
  header.writeUInt32LE(zip64 ? MAX32 : entry.compressedSize, 18)
  header.writeUInt32LE(zip64 ? MAX32 : entry.size, 22)
  header.writeUInt16LE(entry.name.length, 26)
  header.writeUInt16LE(extra.length, 28)
  return Buffer.concat([header, entry.name, extra])
}

function dataDescriptor(entry: WrittenEntry): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(DESCRIPTOR, 0)
  head.writeUInt32LE(entry.crc, 4)
  if (entry.size >= MAX32 || entry.compressedSize >= MAX32) {
    return Buffer.concat([head, uint64(entry.compressedSize), uint64(entry.size)])
  }
  const sizes = Buffer.alloc(8)
  sizes.writeUInt32LE(entry.compressedSize, 0)
  sizes.writeUInt32LE(entry.size, 4)
  return Buffer.concat([head, sizes])
}

function centralHeader(entry: WrittenEntry): Buffer {
  const large = [entry.size, entry.compressedSize, entry.offset].filter((value) => value >= MAX32)
  const extra = extraField(large)
  const header = Buffer.alloc(46)
  const version = large.length > 0 ? 45 : entry.method === STORED ? 10 : 20
  header.writeUInt32LE(CENTRAL, 0)
  header.writeUInt16LE(version, 4)
  header.writeUInt16LE(version, 6)
  header.writeUInt16LE(entry.flags, 8)
  header.writeUInt16LE(entry.method, 10)
  header.writeUInt32LE(entry.dosTime, 12)
  header.writeUInt32LE(entry.crc, 16)
  header.writeUInt32LE(Math.min(entry.compressedSize, MAX32), 20)
  header.writeUInt32LE(Math.min(entry.size, MAX32), 24)
  header.writeUInt16LE(entry.name.length, 28)
  header.writeUInt16LE(extra.length, 30)
  header.writeUInt32LE(Math.min(entry.offset, MAX32), 42)
  return Buffer.concat([header, entry.name, extra])
}

function endRecords(count: number, start: number, end: number): Buffer {
  const size = end - start
  const record = Buffer.alloc(22)
  record.writeUInt32LE(END, 0)
  record.writeUInt16LE(Math.min(count, MAX16), 8)
  record.writeUInt16LE(Math.min(count, MAX16), 10)
  record.writeUInt32LE(Math.min(size, MAX32), 12)
  record.writeUInt32LE(Math.min(start, MAX32), 16)
  if (count < MAX16 && size < MAX32 && start < MAX32) return record
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(END64, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE(45, 12)
  end64.writeUInt16LE(45, 14)
  end64.writeBigUInt64LE(BigInt(count), 24)
  end64.writeBigUInt64LE(BigInt(count), 32)
  end64.writeBigUInt64LE(BigInt(size), 40)
  end64.writeBigUInt64LE(BigInt(start), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(LOCATOR64, 0)
  locator.writeBigUInt64LE(BigInt(end), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([end64, locator, record])
}
