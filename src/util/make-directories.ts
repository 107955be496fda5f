import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasErrorCode } from './fs-error.js'
import { syncPath } from './sync-path.js'

interface MakeOptions {
  readonly mode?: number
  /** What is made survives a power failure. */
  readonly isDurable?: boolean
}

/**
 * Makes a directory and what is missing on the way to it. Node's own `recursive` never ends where a place says ENOENT to
 * whatever is to be made, as /proc does.
 * @returns whether it was made
 */
export async function makeDirectories(path: string, options: MakeOptions = {}): Promise<boolean> {
  try {
    await make(path, options)
    return true
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT') && dirname(path) !== path) {
      await makeDirectories(dirname(path), options)
      return makeOne(path, options)
    }
    return orIsThere(path, error)
  }
}

async function makeOne(path: string, options: MakeOptions): Promise<boolean> {
  try {
    await make(path, options)
    return true
  } catch (error) {
    return orIsThere(path, error)
  }
}

async function make(path: string, { mode, isDurable }: MakeOptions): Promise<void> {
  await mkdir(path, mode)
  if (isDurable) await syncPath(dirname(path))
}

async function orIsThere(path: string, error: unknown): Promise<false> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) return false
  throw error
}
