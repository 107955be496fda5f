import { writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { FsError } from '../util/fs-error.js'

/** What ends beyond this, Node writes wherever its descriptor stands, and says nothing. */
export function requireSafeEnd(endBytes: number): void {
  if (endBytes <= Number.MAX_SAFE_INTEGER) return
  throw new FsError('EFBIG', `a file of ${endBytes} bytes is larger than any disk takes`, {
    nextStep: 'write at a smaller offset',
  })
}

/** Writes all of the bytes, or fails: a single write(2) may do less, on a full disk for example. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  requireSafeEnd(position + bytes.length)
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

/**
 * Fills all of `into`.
 * @param handle of the file, which may be another one by the time of the next read(2)
 * @returns false where the file ends before that: the rest stays as it is
 */
export async function readAll(
  handle: () => FileHandle,
  into: Uint8Array,
  position: number,
): Promise<boolean> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle().read(into, done, into.length - done, position + done)
    if (bytesRead === 0) return false
    done += bytesRead
  }
  return true
}

/** Of a file of this machine that has lost what was written to it. */
export function cutShort(path: string): FsError {
  return new FsError('EIO', `${path} is shorter than what was written to it`, {
    nextStep: 'see whether that disk is well, and write the file again',
  })
}
