import { setMaxListeners, type EventEmitter } from 'node:events'
import { open, type FileHandle } from 'node:fs/promises'
import { createInflateRaw } from 'node:zlib'
import type { BodySink } from '../http/body-sink.js'

/** Reads zip archives that lie in a resource, or that are uploaded to be extracted. */

export interface ZipMember {
  readonly name: string
  readonly size: number
  readonly compressedSize: number
  readonly method: number
  readonly localOffset: number
}

/** java.util.zip.ZipException: the file is not an archive. */
export class NotAZip extends Error {
  override readonly name = 'NotAZip'
}

const END = 0x06054b50
const LOCATOR64 = 0x07064b50
const CENTRAL = 0x02014b50
/** The end record, its longest comment and the ZIP64 locator before it. */
const TAIL = 22 + 0xffff + 20

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw new NotAZip('unexpected end of archive')
  return buffer
}

interface Directory {
  readonly offset: number
  readonly size: number
}

async function findDirectory(file: FileHandle): Promise<Directory> {
  const { size } = await file.stat()
  const length = Math.min(size, TAIL)
  const tail = await readAt(file, size - length, length)
  let at = length - 22
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--
  if (at < 0) throw new NotAZip('error in opening zip file')
  const directory = { size: tail.readUInt32LE(at + 12), offset: tail.readUInt32LE(at + 16) }
  if (at < 20 || tail.readUInt32LE(at - 20) !== LOCATOR64) return directory
  const end64 = await readAt(file, Number(tail.readBigUInt64LE(at - 12)), 56)
  return { size: Number(end64.readBigUInt64LE(40)), offset: Number(end64.readBigUInt64LE(48)) }
}

function parseMember(data: Buffer, at: number): { member: ZipMember; next: number } {
  const nameLength = data.readUInt16LE(at + 28)
  const extraLength = data.readUInt16LE(at + 30)
  const values = {
    size: data.readUInt32LE(at + 24),
    compressedSize: data.readUInt32LE(at + 20),
    localOffset: data.readUInt32LE(at + 42),
  }
  let extra = at + 46 + nameLength
  const extraEnd = extra + extraLength
  while (extra + 4 <= extraEnd) {
    const end = extra + 4 + data.readUInt16LE(extra + 2)
    if (data.readUInt16LE(extra) === 1) readZip64(data, extra + 4, values)
    extra = end
  }
  const member = {
    name: data.toString('utf8', at + 46, at + 46 + nameLength),
    method: data.readUInt16LE(at + 10),
    ...values,
  }
  return { member, next: extraEnd + data.readUInt16LE(at + 32) }
}

/** The ZIP64 field holds, in this order, those of the three values that did not fit. */
function readZip64(
  data: Buffer,
  start: number,
  values: { size: number; compressedSize: number; localOffset: number },
): void {
  let at = start
  for (const key of ['size', 'compressedSize', 'localOffset'] as const) {
    if (values[key] !== 0xffffffff) continue
    values[key] = Number(data.readBigUInt64LE(at))
    at += 8
  }
}

async function membersOf(file: FileHandle): Promise<ZipMember[]> {
  const directory = await findDirectory(file)
  const data = await readAt(file, directory.offset, directory.size)
  const members: ZipMember[] = []
  let at = 0
  while (at + 46 <= data.length) {
    if (data.readUInt32LE(at) !== CENTRAL) throw new NotAZip('invalid CEN header (bad signature)')
    const { member, next } = parseMember(data, at)
    members.push(member)
    at = next
  }
  return members
}

export async function listMembers(path: string): Promise<ZipMember[]> {
  const file = await open(path, 'r')
  try {
    return await membersOf(file)
  } finally {
    await file.close()
  }
}

/** The bytes of a member, decompressed. */
export async function* readMember(file: FileHandle, member: ZipMember): AsyncGenerator<Buffer> {
  if (member.compressedSize === 0) return
  const header = await readAt(file, member.localOffset, 30)
  const start = member.localOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
  const raw = file.createReadStream({
    start,
    end: start + member.compressedSize - 1,
    autoClose: false,
  })
  if (member.method === 0) yield* raw as AsyncIterable<Buffer>
  else if (member.method === 8) yield* raw.pipe(createInflateRaw()) as AsyncIterable<Buffer>
  else throw new NotAZip('invalid compression method')
}

/** Opens an archive and hands each member to `visit`, with its bytes. */
export async function eachMember(
  path: string,
  visit: (member: ZipMember, bytes: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'r')
  try {
    setMaxListeners(0, file as unknown as EventEmitter) // each member that is read has one until the end
    for (const member of await membersOf(file)) await visit(member, readMember(file, member))
  } finally {
    await file.close()
  }
}

/** A function that writes one member to a response; undefined if there is none of that name. */
export async function extractMember(
  path: string,
  name: string,
): Promise<((sink: BodySink) => Promise<void>) | undefined> {
  const member = (await listMembers(path)).find((candidate) => candidate.name === name)
  if (!member) return undefined
  return async (sink) => {
    const file = await open(path, 'r')
    try {
      for await (const chunk of readMember(file, member)) await sink.write(chunk)
    } finally {
      await file.close()
    }
  }
}
