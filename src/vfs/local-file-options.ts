import type { Archive, FileEntry } from '../archive/archive.js'
import type { JournalRecord } from '../data/journal-record.js'
import type { StagingFile } from '../data/staging-file.js'
import type { Node } from './node.js'

export interface LocalFileOptions {
  readonly archive: Pick<Archive, 'store' | 'lookup' | 'refresh' | 'isReachable'>
  readonly node: Node
  readonly staging: StagingFile
  /** The stored file that an upload replaces, as it was when it was opened; undefined = it is new. */
  readonly replaces: FileEntry | undefined
  readonly mtimeMs: number
  /** The bytes are those of a journal entry that another process has left. `isStored`: the server has them too. */
  readonly resumed?: { readonly record: JournalRecord; readonly isStored: boolean } | undefined
  /** Frees what the bytes below the staging file need. */
  readonly releaseBase: () => void
  /** The bytes are safe in the journal, so the old name may be deleted before the new one is stored. */
  readonly removesOriginFirst: boolean
  /** Deletes a stored file. */
  readonly removeStored: (parent: Node, file: FileEntry) => Promise<void>
  /** Called after each upload that succeeded. */
  readonly onStored: () => Promise<void>
}
