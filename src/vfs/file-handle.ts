import type { Reading } from '../data/file-readers.js'
import type { ReadAhead } from '../data/read-ahead.js'
import type { SizedFile } from '../data/sized-file.js'
import type { Node } from './node.js'

/** State of one open(). */
export interface FileHandle {
  readonly node: Node
  readonly canWrite: boolean
  /** The version that was opened: what is read is of this one or an error. */
  readonly file: SizedFile | undefined
  /** As the node has it while it is that version, or what was made of it here. */
  versions: number
  reading: Reading | undefined
  ahead: ReadAhead | undefined
  /** Who opened it drops what the kernel has of other versions, and has done so when the handle is used or closed. */
  isDropping: boolean
  /** Counted in the node's `writers`: may write, and no close() has been seen since it last did. */
  isWriting: boolean
  /** See Orders. */
  refusal?: unknown
}
