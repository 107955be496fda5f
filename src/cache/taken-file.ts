import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { blockCount, blockLength } from './block-cache.js'
import type { VersionKey } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import type { CacheFs } from './cache-disk.js'
import { isAbsent } from './cache-disk.js'
import { readExactly, temporaryPath, withDirectory } from './cache-layout.js'

/**
 * Another name, in the cache, for a file that is not written to any more: its bytes are there once. Where a name cannot
 * be given, as on another disk, a copy. @returns the path
 */
export async function takeFile(fs: CacheFs, server: string, writer: string, path: string): Promise<string> {
  const temporary = temporaryPath(server, writer)
  await withDirectory(fs, temporary, async () => {
    try {
      await fs.link(path, temporary)
    } catch (error) {
      if (isAbsent(error)) throw error
      await fs.copyFile(path, temporary, constants.COPYFILE_FICLONE)
    }
  })
  return temporary
}

/** The sums of a file, if it has the size and the digest that it should have. */
export async function proveFile(
  fs: CacheFs,
  path: string,
  key: VersionKey,
  blockSizeBytes: number,
): Promise<BlockSums | undefined> {
  const handle = await fs.open(path, 'r')
  try {
    if ((await handle.stat()).size !== key.sizeBytes) return undefined
    const sums = new BlockSums(key, blockSizeBytes)
    const hash = createHash('md5')
    const buffer = Buffer.allocUnsafeSlow(blockSizeBytes)
    for (let index = 0; index < blockCount(key.sizeBytes, blockSizeBytes); index++) {
      const length = blockLength(key.sizeBytes, blockSizeBytes, index)
      const bytes = await readExactly(handle, index * blockSizeBytes, length, buffer)
      if (!bytes) return undefined
      sums.add(index, bytes)
      hash.update(bytes)
    }
    return key.digest === undefined || hash.digest('hex') === key.digest ? sums : undefined
  } finally {
    await handle.close()
  }
}
