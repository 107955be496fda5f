import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { blockCount, blockLength } from './block-cache.js'
import type { VersionKey } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import type { CacheDisk, CacheFs } from './cache-disk.js'
import {
  completePath,
  fileId,
  partDirectory,
  partSuffix,
  readExactly,
  sumsSuffix,
  withDirectory,
  writeAll,
  writePieces,
} from './cache-layout.js'
import { openFileState } from './file-state.js'

/** One write brings at most this many: who reads what is being written waits for it. */
const blocksAtOnce = 16

type Handle = Awaited<ReturnType<CacheFs['open']>>

/**
 * The part of a large file that is here: a sparse file and its sums, written by this process only. When it is complete
 * and is what its digest says it takes its place among the complete files, and is never written to again.
 */
export class PartFile {
  readonly sums: BlockSums
  readonly #disk: CacheDisk
  readonly #server: string
  readonly #path: string
  readonly #data: Handle
  #records: Handle

  private constructor(
    disk: CacheDisk,
    server: string,
    path: string,
    sums: BlockSums,
    data: Handle,
    records: Handle,
  ) {
    this.#disk = disk
    this.#server = server
    this.#path = path
    this.sums = sums
    this.#data = data
    this.#records = records
  }

  static async create(
    disk: CacheDisk,
    server: string,
    writer: string,
    key: VersionKey,
    blockSizeBytes: number,
  ): Promise<PartFile> {
    const path = join(partDirectory(server, fileId(key.file, key.version)), writer)
    const { fs } = disk
    // What is there already could not be taken over, and may be open elsewhere: nothing is ever cut off.
    await disk.remove(path + sumsSuffix)
    await disk.remove(path + partSuffix)
    const data = await withDirectory(fs, path, () => fs.open(path + partSuffix, 'wx+', 0o600))
    let records: Handle | undefined
    try {
      records = await fs.open(path + sumsSuffix, 'a', 0o600)
      const part = new PartFile(disk, server, path, new BlockSums(key, blockSizeBytes), data, records)
      await records.appendFile(part.sums.header())
      return part
    } catch (error) {
      await data.close()
      await records?.close()
      await disk.remove(path + partSuffix)
      throw error
    }
  }

  /** Goes on with what a writer that is dead has left. Undefined when another process was faster, or it is no use. */
  static async takeOver(
    disk: CacheDisk,
    server: string,
    id: string,
    from: string,
    writer: string,
  ): Promise<PartFile | undefined> {
    const { fs } = disk
    const directory = partDirectory(server, id)
    const [old, path] = [join(directory, from), join(directory, writer)]
    if (from !== writer) {
      await fs.rename(old + partSuffix, path + partSuffix)
      await fs.rename(old + sumsSuffix, path + sumsSuffix)
    }
    const sums = BlockSums.parse(await fs.readFile(path + sumsSuffix))
    if (!sums || fileId(sums.key.file, sums.key.version) !== id) {
      await disk.remove(path + sumsSuffix)
      await disk.remove(path + partSuffix)
      return undefined
    }
    const data = await fs.open(path + partSuffix, 'r+')
    try {
      return new PartFile(disk, server, path, sums, data, await writeSums(fs, path, sums))
    } catch (error) {
      await data.close()
      throw error
    }
  }

  /** After a failure: a record may have been written by half, and all that is appended behind it could not be read. */
  async repair(): Promise<void> {
    const old = this.#records
    this.#records = await writeSums(this.#disk.fs, this.#path, this.sums)
    await old.close()
  }

  /** False once it was evicted or taken over: what is written now would be lost. */
  async isInPlace(): Promise<boolean> {
    const { ino, nlink } = await this.#data.stat()
    if (nlink === 0) return false
    const there = await this.#disk.fs.stat(this.#path + partSuffix)
    return there.ino === ino
  }

  /** Writes those blocks that are not there yet. @param onStored is told of their bytes as they are */
  async add(blocks: ReadonlyMap<number, Uint8Array>, onStored: (sizeBytes: number) => void): Promise<void> {
    const missing = [...blocks].filter(([index]) => !this.sums.has(index))
    for (const { first, pieces } of stretchesOf(missing)) {
      await writePieces(this.#data, pieces, first * this.sums.blockSizeBytes)
      const known = await this.#disk.wholeFiles?.crc32(pieces)
      const records = pieces.map((bytes, i) => this.sums.add(first + i, bytes, known?.[i]))
      await this.#records.appendFile(Buffer.concat(records))
      onStored(pieces.reduce((sum, { length }) => sum + length, 0))
    }
  }

  /** @param into memory that is used again */
  read(index: number, into?: Buffer): Promise<Buffer | undefined> {
    const { key, blockSizeBytes } = this.sums
    const lengthBytes = blockLength(key.sizeBytes, blockSizeBytes, index)
    return readExactly(this.#data, index * blockSizeBytes, lengthBytes, into)
  }

  /**
   * Reads all of it once more and makes a complete file of it.
   * @returns the state in which it was found right; undefined when it is not what it should be, and is removed
   */
  async complete(): Promise<string | undefined> {
    const { fs } = this.#disk
    const { key } = this.sums
    if (!(await this.#isRight())) {
      await this.discard()
      return undefined
    }
    const target = completePath(this.#server, fileId(key.file, key.version))
    await this.touch()
    await withDirectory(fs, target, () => fs.rename(this.#path + partSuffix, target))
    await fs.rename(this.#path + sumsSuffix, target + sumsSuffix)
    await this.#disk.remove(dirname(this.#path), 'directory')
    return openFileState(this.#data)
  }

  async discard(): Promise<void> {
    await this.#disk.remove(this.#path + sumsSuffix)
    await this.#disk.remove(this.#path + partSuffix)
    await this.#disk.remove(dirname(this.#path), 'directory')
  }

  async touch(): Promise<void> {
    await this.#disk.fs.utimes(this.#path + sumsSuffix, this.#disk.now() / 1000, this.#disk.now() / 1000)
  }

  async close(): Promise<void> {
    await this.#data.close()
    await this.#records.close()
  }

  /** Every block by its sum, and the whole by its digest, where there is one. */
  async #isRight(): Promise<boolean> {
    const { key, blockSizeBytes } = this.sums
    if ((await this.#data.stat()).size !== key.sizeBytes) return false
    const hash = createHash('md5')
    const buffer = Buffer.allocUnsafeSlow(blockSizeBytes)
    for (let index = 0; index < blockCount(key.sizeBytes, blockSizeBytes); index++) {
      const bytes = await this.read(index, buffer)
      if (!bytes || !this.sums.matches(index, bytes)) return false
      hash.update(bytes)
    }
    return key.digest === undefined || hash.digest('hex') === key.digest
  }
}

/** Blocks that follow one another, as many as one write may bring. */
interface Stretch {
  readonly first: number
  readonly pieces: Uint8Array[]
}

function stretchesOf(blocks: readonly (readonly [index: number, bytes: Uint8Array])[]): Stretch[] {
  const stretches: Stretch[] = []
  for (const [index, bytes] of blocks.toSorted(([a], [b]) => a - b)) {
    const last = stretches.at(-1)
    const isNext = last !== undefined && last.first + last.pieces.length === index
    if (isNext && last.pieces.length < blocksAtOnce) last.pieces.push(bytes)
    else stretches.push({ first: index, pieces: [bytes] })
  }
  return stretches
}

/** @returns a handle to append to them */
async function writeSums(fs: CacheFs, path: string, sums: BlockSums): Promise<Handle> {
  const written = await fs.open(path + sumsSuffix + '.new', 'w', 0o600)
  try {
    await writeAll(written, sums.encode(), 0)
  } finally {
    await written.close()
  }
  await fs.rename(path + sumsSuffix + '.new', path + sumsSuffix)
  return fs.open(path + sumsSuffix, 'a')
}
