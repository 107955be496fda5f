import type { FileHandle } from 'node:fs/promises'

/** Writes all of the bytes, or fails: a single write(2) may do less, on a full disk for example. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
