import { writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** Writes all of the bytes, or fails: a single write(2) may do less, on a full disk for example. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** The same at once, into an empty file: for a few bytes, which the kernel takes faster than a thread would begin. */
export function writeAllNow(handle: FileHandle, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(handle.fd, bytes, done, bytes.length - done, done)
}
