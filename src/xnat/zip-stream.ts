import { inflateRawSync } from 'node:zlib'
import { alone } from '../util/pieces.js'
import { ByteQueue } from './byte-queue.js'
import { inflatePart } from './inflate-part.js'

/** One file of an archive, whole. */
export interface ZipEntry {
  /** As the archive has it, with '/' between folders. */
  readonly name: string
  /** Each in memory of its own; of `pieceBytes`, the last one excepted, where the entry is stored. */
  readonly pieces: readonly Buffer[]
}

/** What comes is no zip archive, or one of a kind that cannot be read as it comes. */
export class NotReadable extends Error {
  override readonly name = 'NotReadable'
}

interface LocalHeader {
  readonly name: string
  readonly method: number
  readonly isEncrypted: boolean
  /** The sizes stand behind the data. */
  readonly hasDescriptor: boolean
  readonly packedBytes: number
  readonly sizeBytes: number
}

const localSignature = 0x04034b50
const descriptorSignature = 0x08074b50
/** With one of these the entries are over: central directory, end, end of a ZIP64. */
const endSignatures = new Set([0x02014b50, 0x06054b50, 0x06064b50])
const stored = 0
const deflated = 8
const encryptedFlag = 0x1
const descriptorFlag = 0x8
const zip64Field = 1
const none = Buffer.alloc(0)
const max32 = 0xffffffff

/**
 * The entries of a zip archive as they come: stored and deflated ones, with their sizes before or behind them, with
 * ZIP64 fields (xnat-wire.md §4). Every entry that comes out is complete and has the size that is wanted; whether it
 * is right is for the caller to prove.
 * @param wantedBytes the size that an entry of this name should have; undefined: it is passed over
 * @param pieceBytes how entries are to be kept
 * @throws NotReadable, or Error for an archive that breaks off before its directory
 */
export async function* readZip(
  body: AsyncIterable<Uint8Array>,
  wantedBytes: (name: string) => number | undefined,
  pieceBytes: number,
): AsyncGenerator<ZipEntry> {
  const source = new ByteQueue(body)
  for (;;) {
    const signature = (await source.view(4)).readUInt32LE(0)
    if (endSignatures.has(signature)) return await source.drain()
    if (signature !== localSignature) throw new NotReadable('the archive cannot be understood')
    const header = await readHeader(source)
    const wanted = wantedBytes(header.name)
    const pieces = header.hasDescriptor
      ? await readDescribed(source, header, wanted, pieceBytes)
      : await readSized(source, header, wanted, pieceBytes)
    if (pieces) yield { name: header.name, pieces }
  }
}

async function readHeader(source: ByteQueue): Promise<LocalHeader> {
  const fixed = await source.view(26)
  const flags = fixed.readUInt16LE(2)
  const method = fixed.readUInt16LE(4)
  const sizes = { packedBytes: fixed.readUInt32LE(14), sizeBytes: fixed.readUInt32LE(18) }
  const nameBytes = fixed.readUInt16LE(22)
  const rest = await source.view(nameBytes + fixed.readUInt16LE(24))
  return {
    name: rest.toString('utf8', 0, nameBytes),
    method,
    isEncrypted: (flags & encryptedFlag) !== 0,
    hasDescriptor: (flags & descriptorFlag) !== 0,
    ...(sizes.packedBytes === max32 || sizes.sizeBytes === max32
      ? largeSizes(rest.subarray(nameBytes))
      : sizes),
  }
}

/** In a local header the ZIP64 field has both sizes, the true one first. */
function largeSizes(extra: Buffer): { packedBytes: number; sizeBytes: number } {
  for (let at = 0; at + 4 <= extra.length;) {
    const length = extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === zip64Field && length >= 16 && at + 20 <= extra.length) {
      return { sizeBytes: readSize(extra, at + 4), packedBytes: readSize(extra, at + 12) }
    }
    at += 4 + length
  }
  throw new NotReadable('the archive has an entry without its size')
}

function readSize(bytes: Buffer, at: number): number {
  const size = Number(bytes.readBigUInt64LE(at))
  if (!Number.isSafeInteger(size)) throw new NotReadable('the archive has an entry of an impossible size')
  return size
}

/** An entry whose header tells where it ends: what is not wanted need not be understood. */
async function readSized(
  source: ByteQueue,
  { method, isEncrypted, packedBytes, sizeBytes }: LocalHeader,
  wantedBytes: number | undefined,
  pieceBytes: number,
): Promise<Buffer[] | undefined> {
  const isStored = method === stored && packedBytes === sizeBytes
  const isDeflated = method === deflated && packedBytes <= 2 * sizeBytes + 64
  if (sizeBytes !== wantedBytes || isEncrypted || !(isStored || isDeflated)) {
    await source.skip(packedBytes)
    return undefined
  }
  return isStored
    ? source.takePieces(packedBytes, pieceBytes)
    : inflated((await source.takePieces(packedBytes, packedBytes))[0], sizeBytes)
}

function inflated(packed: Buffer | undefined, sizeBytes: number): Buffer[] | undefined {
  try {
    const bytes = inflateRawSync(packed ?? none, { maxOutputLength: Math.max(sizeBytes, 1) })
    return bytes.length === sizeBytes ? [alone(bytes)] : undefined
  } catch {
    return undefined // damaged on its way; the next entry begins where it should all the same
  }
}

/** An entry whose sizes come behind it: its own end, or the size that is wanted, tells where that is. */
async function readDescribed(
  source: ByteQueue,
  { method, isEncrypted }: LocalHeader,
  wantedBytes: number | undefined,
  pieceBytes: number,
): Promise<Buffer[] | undefined> {
  if (isEncrypted || (method !== deflated && (method !== stored || wantedBytes === undefined))) {
    throw new NotReadable('the archive has an entry whose end cannot be found')
  }
  if (method === stored) {
    const pieces = await source.takePieces(wantedBytes!, pieceBytes)
    await skipDescriptor(source, wantedBytes!, wantedBytes!)
    return pieces
  }
  const { bytes, sizeBytes, packedBytes } = await inflatePart(source, wantedBytes ?? 0)
  await skipDescriptor(source, packedBytes, sizeBytes)
  return bytes && sizeBytes === wantedBytes ? [alone(bytes)] : undefined
}

/** With or without a signature, and with sizes of 32 or 64 bits: those that are known tell which. */
async function skipDescriptor(source: ByteQueue, packedBytes: number, sizeBytes: number): Promise<void> {
  const first = await source.view(4)
  if (first.readUInt32LE(0) === descriptorSignature) await source.skip(4)
  const sizes = await source.view(8)
  const isShort = sizes.readUInt32LE(0) === packedBytes && sizes.readUInt32LE(4) === sizeBytes
  if (isShort) return
  const packed = Number(sizes.readBigUInt64LE(0))
  const size = Number((await source.view(8)).readBigUInt64LE(0))
  if (packed !== packedBytes || size !== sizeBytes) {
    throw new NotReadable('the archive has an entry that does not end where it should')
  }
}
