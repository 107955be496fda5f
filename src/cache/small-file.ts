import { createHash } from 'node:crypto'
import { blockCount, blockLength } from './block-cache.js'
import type { ListedVersion, VersionKey } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import { isAbsent } from './cache-disk.js'
import type { CacheDisk } from './cache-disk.js'
import { putInPlace, sumsSuffix, temporaryPath } from './cache-layout.js'

/** What is larger is read in blocks: it may not be wanted as a whole. */
const wholeBytes = 256 * 1024

/** A complete file and its sums, as they lie on the disk: nothing of it is proven. */
export interface SmallFile {
  readonly sums: Buffer
  readonly blocks: readonly Uint8Array[]
}

/**
 * Reads a small file and its sums in one go.
 * @param touchBeforeMs when it was last used before this time, that is noted
 * @returns undefined where that cannot be done; what is absent fails
 */
export async function readSmall(
  disk: CacheDisk,
  path: string,
  { sizeBytes }: ListedVersion,
  options: { readonly blockSizeBytes: number; readonly touchBeforeMs: number },
): Promise<SmallFile | undefined> {
  const { wholeFiles } = disk
  const { blockSizeBytes, touchBeforeMs } = options
  if (!wholeFiles || sizeBytes > wholeBytes) return undefined
  const blocks = Array.from({ length: blockCount(sizeBytes, blockSizeBytes) }, (_, index) =>
    Buffer.allocUnsafeSlow(blockLength(sizeBytes, blockSizeBytes, index)),
  )
  try {
    return { sums: await wholeFiles.read(path, path + sumsSuffix, blocks, touchBeforeMs), blocks }
  } catch (error) {
    if (isAbsent(error)) throw error
    return undefined // block by block it becomes clear what is wrong
  }
}

/**
 * Makes a complete file of all of its blocks, if they are what its digest says.
 * @returns its sums, and the state in which it has come to its name
 */
export async function storeSmall(
  { disk, server, writer }: { readonly disk: CacheDisk; readonly server: string; readonly writer: string },
  path: string,
  key: VersionKey,
  blocks: readonly { readonly bytes: Uint8Array; readonly isProven: boolean }[],
  blockSizeBytes: number,
): Promise<{ readonly sums: BlockSums; readonly state: string } | undefined> {
  if (key.digest !== undefined && blocks.some(({ isProven }) => !isProven)) {
    const hash = createHash('md5')
    for (const { bytes } of blocks) hash.update(bytes)
    if (hash.digest('hex') !== key.digest) return undefined
  }
  const { wholeFiles } = disk
  const pieces = blocks.map(({ bytes }) => bytes)
  const known = await wholeFiles?.crc32(pieces)
  const sums = new BlockSums(key, blockSizeBytes)
  for (const [index, bytes] of pieces.entries()) sums.add(index, bytes, known?.[index])
  const files = [
    { path, pieces },
    { path: path + sumsSuffix, pieces: [sums.encode()] },
  ]
  const [state] = wholeFiles
    ? await wholeFiles.put(files.map((file) => ({ ...file, temporary: temporaryPath(server, writer) })))
    : await putOneByOne(disk, server, writer, files)
  return { sums, state: state! }
}

interface Bytes {
  readonly path: string
  readonly pieces: readonly Uint8Array[]
}

async function putOneByOne(
  disk: CacheDisk,
  server: string,
  writer: string,
  files: readonly Bytes[],
): Promise<readonly string[]> {
  const states: string[] = []
  for (const { path, pieces } of files) states.push(await putInPlace(disk.fs, server, writer, path, pieces))
  return states
}
