import type { Archive, FileEntry, MaybePromise } from '../archive/archive.js'
import type { FileReaders } from '../data/file-readers.js'
import { resizedMeanwhile, sizedFile } from './ascertain.js'
import type { InodeTable } from './inode-table.js'
import type { KernelTraits } from './kernel-traits.js'
import type { Namespace } from './namespace.js'
import type { Node } from './node.js'

export interface LookupsOptions extends Pick<KernelTraits, 'opensUntold'> {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly table: InodeTable
  readonly names: Namespace
}

/** Who looks a file up and opens it then means the same file, whatever became known meanwhile. */
const sameOpenMs = 1000

/**
 * Names that the kernel asks for. One that opens files without telling goes by what it is told here: what is otherwise
 * looked after when a file is opened is so before its name is known.
 */
export class Lookups {
  readonly #options: LookupsOptions

  constructor(options: LookupsOptions) {
    this.#options = options
  }

  /** @param give takes what was found, at once: as soon as it is counted as looked up, it stays what it is */
  find<T>(
    directory: Node,
    name: string,
    signal: AbortSignal | undefined,
    give: (node: Node | undefined) => T,
  ): MaybePromise<T> {
    const found = this.#options.names.find(directory, name, signal)
    const settle = (node: Node | undefined): MaybePromise<T> =>
      !node || this.isSettled(node) ? give(node) : this.#settle(node, signal, give)
    return found instanceof Promise ? found.then(settle) : settle(found)
  }

  /** Whether the kernel may know the node as it is. */
  isSettled({ file }: Node): boolean {
    if (!this.#options.opensUntold || !file) return true
    const sized = sizedFile(file)
    return sized !== undefined && !file.isToldWhenOpened && this.#options.readers.isSettled(sized)
  }

  /** How long the kernel may open the file by its name without asking for it; undefined: as long as it believes names. */
  nameTimeoutMs({ file, parent }: Node): number | undefined {
    const { opensUntold, archive } = this.#options
    if (!opensUntold || !file) return undefined
    const directory = parent?.entry
    const leftMs = directory?.kind === 'directory' ? archive.believedMs?.(directory) : undefined
    if (file.isToldWhenOpened) return sameOpenMs
    return leftMs === undefined ? undefined : Math.max(leftMs, sameOpenMs)
  }

  async #settle<T>(
    first: Node,
    signal: AbortSignal | undefined,
    give: (node: Node | undefined) => T,
  ): Promise<T> {
    const { names, table, archive } = this.#options
    const parent = first.parent!
    let node: Node | undefined = first
    for (let asked: string | undefined; node?.file; node = await names.find(parent, first.name, signal)) {
      const { file }: Node = node
      if (file.isToldWhenOpened) return give(table.intern(parent, await archive.told(file, signal)))
      if (this.isSettled(node)) break
      // It was asked for, and is the same: as while the server does not answer, and what is known has to do.
      if (asked === file.version) {
        if (file.sizeBytes !== undefined) break
        throw resizedMeanwhile(node)
      }
      asked = file.version
      await this.#ask(file, signal)
    }
    return give(node)
  }

  async #ask(file: FileEntry, signal: AbortSignal | undefined): Promise<void> {
    const { readers } = this.#options
    const sized = sizedFile(file)
    if (!sized) await readers.measure(file, signal)
    else if (sized.sizeBytes === 0) await readers.checkEmpty(sized, signal)
    else await readers.recheck(sized, signal)
  }
}
