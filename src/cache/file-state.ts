import type { CacheFs } from './cache-disk.js'

/** Changes with everything that is done to a file: another one of its name, a byte of it, its length. */
export async function fileState(fs: CacheFs, path: string): Promise<string> {
  return stateText(await fs.stat(path, { bigint: true }))
}

/** Of an open file, whatever its name is now. */
export async function openFileState(handle: Awaited<ReturnType<CacheFs['open']>>): Promise<string> {
  return stateText(await handle.stat({ bigint: true }))
}

function stateText(stat: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}
