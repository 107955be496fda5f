import type { CacheDisk } from './cache-disk.js'
import type { CacheWriterId } from './cache-writer-id.js'
import type { OpenHandles } from './open-handles.js'

/** What the files of one server share. */
export interface DiskFileContext {
  readonly disk: CacheDisk
  readonly server: string
  readonly writer: CacheWriterId
  readonly blockSizeBytes: number
  readonly handles: OpenHandles
  /** Bytes that wait to be written, and no longer do. */
  readonly onPending: (bytes: Uint8Array) => void
  readonly onDone: (bytes: Uint8Array) => void
  /** So many bytes have come to lie on the disk. */
  readonly onStored: (sizeBytes: number) => void
  /** An entry was not what its sums say, and was removed. */
  readonly onCorrupt: () => void
}
