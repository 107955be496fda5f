import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { blockCount, blockLength } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import { isAbsent } from './cache-disk.js'
import type { CacheDisk } from './cache-disk.js'
import { fileId, readExactly } from './cache-layout.js'
import { removeEntry } from './cache-room.js'
import { sumsPath, survey } from './cache-survey.js'
import type { CacheEntry } from './cache-survey.js'

export interface BadEntry {
  /** As the server names the file, where that can still be told. */
  readonly file: string
  readonly reason: string
}

export interface Verdict {
  /** Complete files that are what their catalog says, or have no digest there. */
  readonly goodFiles: number
  readonly goodParts: number
  readonly checkedBytes: number
  /** They are removed. */
  readonly bad: readonly BadEntry[]
}

/** Compares everything cached with its sums, and complete files with the digests of their catalogs. */
export async function verifyCache(disk: CacheDisk, root: string): Promise<Verdict> {
  const { entries } = await survey(disk.fs, root)
  const bad: BadEntry[] = []
  const good = { file: 0, part: 0 }
  let checkedBytes = 0
  for (const entry of entries) {
    if (entry.kind === 'listing') continue
    const result = await check(disk, entry)
    if (result === undefined) continue // evicted meanwhile, or just begun
    checkedBytes += entry.sizeBytes
    if (result.reason === undefined) good[entry.kind]++
    else {
      bad.push({ file: result.file, reason: result.reason })
      await removeEntry(disk, entry)
    }
  }
  return { goodFiles: good.file, goodParts: good.part, checkedBytes, bad }
}

/** @returns undefined for an entry that is not there yet, or no longer */
async function check(
  disk: CacheDisk,
  entry: CacheEntry,
): Promise<{ file: string; reason: string | undefined } | undefined> {
  try {
    const bytes = await disk.fs.readFile(sumsPath(entry.path))
    if (entry.kind === 'part' && !bytes.includes(10)) return undefined // begun only: nothing of it counts yet
    const sums = BlockSums.parse(bytes)
    if (!sums) return { file: entry.path, reason: 'what it is cannot be read' }
    return { file: sums.key.file, reason: await problemOf(disk, entry, sums) }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function problemOf(disk: CacheDisk, entry: CacheEntry, sums: BlockSums): Promise<string | undefined> {
  const { key, blockSizeBytes } = sums
  const isFile = entry.kind === 'file'
  if (isFile && basename(entry.path) !== fileId(key.file, key.version)) return 'it lies under another name'
  const blocks = blockCount(key.sizeBytes, blockSizeBytes)
  if (isFile && !sums.isComplete) return `it has ${sums.count} of its ${blocks} blocks`
  const hash = createHash('md5')
  const handle = await disk.fs.open(entry.path, 'r')
  try {
    const { size } = await handle.stat()
    if (isFile && size !== key.sizeBytes) return `it has ${size} bytes, not ${key.sizeBytes}`
    for (let index = 0; index < blocks; index++) {
      if (!sums.has(index)) continue
      const length = blockLength(key.sizeBytes, blockSizeBytes, index)
      const bytes = await readExactly(handle, index * blockSizeBytes, length)
      if (!bytes || !sums.matches(index, bytes)) return `block ${index} is damaged`
      hash.update(bytes)
    }
  } finally {
    await handle.close()
  }
  if (!isFile || key.digest === undefined || hash.digest('hex') === key.digest) return undefined
  return 'it is not what its catalog says'
}
