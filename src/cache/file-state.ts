import type { CacheFs } from './cache-disk.js'

/** Changes with everything that is done to a file: another one of its name, a byte of it, its length. */
export async function fileState(fs: CacheFs, path: string): Promise<string> {
  return stateOf(await fs.stat(path, { bigint: true }))
}

/** Of an open file, whatever its name is now. */
export async function openFileState(handle: Awaited<ReturnType<CacheFs['open']>>): Promise<string> {
  return stateOf(await handle.stat({ bigint: true }))
}

/** By what was asked already. */
export function stateOf(stat: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}
