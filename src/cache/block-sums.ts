import { crc32 } from 'node:zlib'
import { blockCount, versionKey } from './block-cache.js'
import type { VersionKey } from './block-cache.js'

/** Index and CRC-32 of a block, and a CRC-32 of these two: a record that was cut or torn is none. */
const recordBytes = 12

/**
 * What lies beside the bytes of a cached file: a line of JSON, behind its CRC-32, that says which file it is, then a record
 * for each block that is there. Records are appended as blocks come; a later record of a block counts.
 */
export class BlockSums {
  readonly key: VersionKey
  readonly blockSizeBytes: number
  readonly #sums: Map<number, number>

  constructor(key: VersionKey, blockSizeBytes: number, sums: Map<number, number> = new Map()) {
    this.key = key
    this.blockSizeBytes = blockSizeBytes
    this.#sums = sums
  }

  get isComplete(): boolean {
    return this.#sums.size === blockCount(this.key.sizeBytes, this.blockSizeBytes)
  }

  get count(): number {
    return this.#sums.size
  }

  get indexes(): Iterable<number> {
    return this.#sums.keys()
  }

  has(index: number): boolean {
    return this.#sums.has(index)
  }

  matches(index: number, bytes: Uint8Array): boolean {
    return this.#sums.get(index) === crc32(bytes)
  }

  /** @param sum its CRC-32 where it is known @returns the record to append */
  add(index: number, bytes: Uint8Array, sum = crc32(bytes)): Buffer {
    this.#sums.set(index, sum)
    return record(index, sum)
  }

  forget(index: number): void {
    this.#sums.delete(index)
  }

  header(): Buffer {
    const { file, version, answerVersion, sizeBytes, digest } = this.key
    const head = { file, version, answerVersion, sizeBytes, digest, blockSizeBytes: this.blockSizeBytes }
    const text = JSON.stringify(head)
    return Buffer.from(`${crc32(text).toString(16)} ${text}\n`)
  }

  encode(): Buffer {
    return Buffer.concat([this.header(), ...[...this.#sums].map(([index, sum]) => record(index, sum))])
  }

  /** Undefined for what is no such text. */
  static parse(bytes: Buffer): BlockSums | undefined {
    const headEnd = bytes.indexOf(10)
    if (headEnd < 0) return undefined
    const head = parseHead(bytes.toString('utf8', 0, headEnd))
    if (!head) return undefined
    const blocks = blockCount(head.key.sizeBytes, head.blockSizeBytes)
    const sums = new Map<number, number>()
    for (let at = headEnd + 1; at + recordBytes <= bytes.length; at += recordBytes) {
      const index = bytes.readUInt32LE(at)
      const isSound = bytes.readUInt32LE(at + 8) === crc32(bytes.subarray(at, at + 8))
      if (isSound && index < blocks) sums.set(index, bytes.readUInt32LE(at + 4))
    }
    return new BlockSums(head.key, head.blockSizeBytes, sums)
  }
}

function record(index: number, sum: number): Buffer {
  const bytes = Buffer.alloc(recordBytes)
  bytes.writeUInt32LE(index, 0)
  bytes.writeUInt32LE(sum, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}

function parseHead(line: string): { key: VersionKey; blockSizeBytes: number } | undefined {
  const [, sum, text] = /^([0-9a-f]+) (\{.*\})$/.exec(line) ?? []
  if (text === undefined || crc32(text).toString(16) !== sum) return undefined
  const value: unknown = JSON.parse(text)
  const { file, version, answerVersion, sizeBytes, digest, blockSizeBytes } = value as Record<string, unknown>
  if (typeof file !== 'string' || typeof version !== 'string' || typeof answerVersion !== 'string')
    return undefined
  if (!isNatural(sizeBytes) || !isNatural(blockSizeBytes) || blockSizeBytes === 0) return undefined
  const listed = { file, version, sizeBytes, digest: typeof digest === 'string' ? digest : undefined }
  return { key: versionKey(listed, answerVersion), blockSizeBytes }
}

function isNatural(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
