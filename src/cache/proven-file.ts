import { blockCount, blockLength } from './block-cache.js'
import type { BlockSums } from './block-sums.js'
import type { CacheFs } from './cache-disk.js'
import { readExactly } from './cache-layout.js'

/** What came out when a file was looked through. */
export type Proof =
  /** Every block is what its sum says, as long as the file is in this state. */
  | { readonly kind: 'right'; readonly state: string }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'given up' }

/** Changes with everything that is done to a file: another one of its name, a byte of it, its length. */
export async function fileState(fs: CacheFs, path: string): Promise<string> {
  return stateText(await fs.stat(path, { bigint: true }))
}

/** Compares each block of a complete file with its sum. */
export async function proveBlocks(
  fs: CacheFs,
  path: string,
  sums: BlockSums,
  signal: AbortSignal,
): Promise<Proof> {
  const { key, blockSizeBytes } = sums
  const handle = await fs.open(path, 'r')
  try {
    const before = await handle.stat({ bigint: true })
    if (before.size !== BigInt(key.sizeBytes)) return { kind: 'damaged' }
    const buffer = Buffer.allocUnsafeSlow(blockSizeBytes)
    for (let index = 0; index < blockCount(key.sizeBytes, blockSizeBytes); index++) {
      if (signal.aborted) return { kind: 'given up' }
      const length = blockLength(key.sizeBytes, blockSizeBytes, index)
      const bytes = await readExactly(handle, index * blockSizeBytes, length, buffer)
      if (!bytes || !sums.matches(index, bytes)) return { kind: 'damaged' }
    }
    const state = stateText(await handle.stat({ bigint: true }))
    return state === stateText(before) ? { kind: 'right', state } : { kind: 'given up' }
  } finally {
    await handle.close()
  }
}

function stateText(stat: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}
