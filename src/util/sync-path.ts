import { open } from 'node:fs/promises'

/** Makes what is there now survive a power failure: the bytes of a file, the names in a directory. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
