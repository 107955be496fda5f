import { blockCount, blockLength } from './block-cache.js'
import type { BlockSums } from './block-sums.js'
import type { CacheFs } from './cache-disk.js'
import { readExactly } from './cache-layout.js'
import { openFileState, stateOf } from './file-state.js'

/** What came out when a file was looked through. */
export type Proof =
  /** Every block is what its sum says, as long as the file is in this state. */
  | { readonly kind: 'right'; readonly state: string }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'given up' }

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
    const state = await openFileState(handle)
    return state === stateOf(before) ? { kind: 'right', state } : { kind: 'given up' }
  } finally {
    await handle.close()
  }
}
