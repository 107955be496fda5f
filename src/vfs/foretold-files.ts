import type { Archive, FileEntry } from '../archive/archive.js'
import type { FileReaders } from '../data/file-readers.js'
import type { Pieces } from '../util/pieces.js'
import { sizedFile } from './ascertain.js'
import { sizeOf } from './attributes.js'
import type { InodeTable } from './inode-table.js'
import type { Namespace } from './namespace.js'
import { neverOpened } from './node.js'
import type { Node } from './node.js'
import { surroundingsOf } from './surroundings.js'

/** A file that could be opened and read without a question to anybody. */
export interface Foretold {
  readonly node: Node
  readonly bytes: Pieces
  /** See `Opened`. */
  readonly untilChanged: (stop: () => void) => boolean
}

export interface ForetoldFilesOptions {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly table: InodeTable
  readonly names: Namespace
  /** Larger ones are of no use to who is told. */
  readonly mostBytes: number
}

/** Files that come before anybody opens them, as those of a directory do that is read from end to end. */
export class ForetoldFiles {
  readonly #options: ForetoldFilesOptions

  constructor(options: ForetoldFilesOptions) {
    this.#options = options
  }

  /** Tells of each that the kernel knows, and that it may open without anything being looked after. */
  observe(tell: (file: Foretold) => void): void {
    this.#options.readers.whenArrived((directory, file, bytes) => {
      const node = file.sizeBytes <= this.#options.mostBytes ? this.#nodeOf(directory, file) : undefined
      if (!node) return
      node.openedVersion = file.version // of which the kernel may have pages from now on
      tell({ node, bytes, untilChanged: (stop) => node.watch(file, stop) })
    })
  }

  /** One of them is opened: so far its directory has been read. */
  opened(ino: number): void {
    const { table, readers, archive } = this.#options
    const node = table.find(ino)
    const file = sizedFile(node?.file)
    if (node && file) readers.glanced(file, surroundingsOf(node, archive))
  }

  /** What `OpenFiles.open` looks after, where nothing of it has to be waited for. */
  #nodeOf(directory: number, file: FileEntry): Node | undefined {
    const parent = this.#options.table.find(directory)
    if (!parent || file.digest === undefined || file.isMade || file.isToldWhenOpened) return undefined
    const node = this.#options.names.find(parent, file.name)
    if (node instanceof Promise) {
      node.catch(() => {}) // who opens it gets the failure
      return undefined
    }
    const isSame = node?.file?.key === file.key && node.file.version === file.version
    if (!isSame || node.lookups === 0 || node.local || node.isRemoved || node.isLost) return undefined
    // Who has just opened it may have been told to drop the pages of an older version, and not have done so yet.
    if (node.handles > 0) return undefined
    if (node.openedVersion !== neverOpened && node.openedVersion !== file.version) return undefined
    const isAsReported = node.reportedSizeBytes === undefined || node.reportedSizeBytes === sizeOf(node)
    return isAsReported && node.resizes === node.settledResizes ? node : undefined
  }
}
