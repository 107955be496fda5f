import type { Archive } from '../archive/archive.js'
import type { InodeTable } from './inode-table.js'
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
    const names = path.split('/').filter((name) => name !== '')
    const way = await this.#walk(names)
    const last = way.at(-1)!
    const directories = way.filter((node) => node.kind === 'directory' && !node.isLocalFolder)
    // Each names the next, which may be another one by now.
    for (const node of directories) archive.refresh(node.directory)
    archive.refreshWithin(directories.at(-1)!.directory)
    if (kernel) {
      const absent = names[way.length - 1]
      if (absent !== undefined) kernel.dropName(last.ino, absent)
      for (const node of table.lookedUp()) if (way.includes(node) || isBelow(node, last)) drop(node, kernel)
    }
    return last.path
  }

  /** The nodes from the root on, as far as they are known or can be found. */
  async #walk(names: readonly string[]): Promise<Node[]> {
    const way = [this.#options.table.root]
    for (const name of names) {
      const parent = way.at(-1)!
      const node = parent.kind === 'directory' ? await this.#options.names.find(parent, name) : undefined
      if (!node) break
      way.push(node)
    }
    return way
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
