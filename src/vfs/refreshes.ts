import type { Archive } from '../archive/archive.js'
import type { InodeTable } from './inode-table.js'
import { namesOf } from './namespace.js'
import type { Namespace } from './namespace.js'
import type { Node } from './node.js'

/** What the kernel believes, as far as it can be told. */
export interface KernelMemory {
  dropAttributes(ino: number): void
  dropName(parent: number, name: string): void
}

export interface RefreshesOptions {
  readonly archive: Pick<Archive, 'refresh' | 'refreshWithin'>
  readonly table: InodeTable
  readonly names: Namespace
}

/** What is known of the server is asked for anew. What is here and not there stays: it is no listing's. */
export class Refreshes {
  readonly #options: RefreshesOptions

  constructor(options: RefreshesOptions) {
    this.#options = options
  }

  everything(kernel: KernelMemory | undefined): void {
    this.#options.archive.refresh()
    if (kernel) for (const node of this.#options.table.lookedUp()) drop(node, kernel)
  }

  /** @returns the path that was found */
  async path(path: string, kernel: KernelMemory | undefined): Promise<string> {
    const { archive, table } = this.#options
    const way = await this.#options.names.follow(path)
    const last = way.at(-1)!
    const directories = way.filter((node) => node.kind === 'directory' && !node.isLocalFolder)
    // Each names the next, which may be another one by now.
    for (const node of directories) archive.refresh(node.directory)
    archive.refreshWithin(directories.at(-1)!.directory)
    if (kernel) {
      const absent = namesOf(path)[way.length - 1]
      if (absent !== undefined) kernel.dropName(last.ino, absent)
      for (const node of table.lookedUp()) if (way.includes(node) || isBelow(node, last)) drop(node, kernel)
    }
    return last.path
  }
}

function isBelow(node: Node, above: Node): boolean {
  for (let { parent } = node; parent; { parent } = parent) if (parent === above) return true
  return false
}

function drop(node: Node, kernel: KernelMemory): void {
  kernel.dropAttributes(node.ino)
  if (node.parent) kernel.dropName(node.parent.ino, node.name)
}
