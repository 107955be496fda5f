import { unlink } from 'node:fs/promises'
import { hasErrorCode } from './fs-error.js'

/** Removes a file if it is there. (`rm` looks at it first, which costs another turn of a thread.) */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!hasErrorCode(error, 'ENOENT')) throw error
  })
}
