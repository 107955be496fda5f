import type { Archive, FileEntry } from '../archive/archive.js'
import type { InodeTable } from './inode-table.js'
import type { Node } from './node.js'
import { OrderText } from './order-text.js'

export interface OrdersOptions {
  readonly archive: Archive
  readonly table: InodeTable
}

/**
 * Files that give orders to the server and are not stored (Archive.orders): what is written is gathered here and given
 * by close(), whose errno says how that went. An order is given once: nothing of it is kept or tried again.
 */
export class Orders {
  readonly #options: OrdersOptions

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** @param name of what is in the directory or is to be made there */
  areGivenIn(directory: Node, name: string): boolean {
    return this.#options.archive.orders(directory.directory, name) !== undefined
  }

  isGivenBy({ kind, parent, name }: Node): boolean {
    return kind === 'file' && parent !== undefined && this.areGivenIn(parent, name)
  }

  /** A file that is not there yet, seen by its name while it is open. */
  startNew(parent: Node, name: string): Node {
    const { archive, table } = this.#options
    const node = table.internLocal(parent, 'file', name, undefined)
    node.order = new OrderText(undefined, archive.orders(parent.directory, name) === 'by-name')
    parent.overlay.set(name, node)
    return node
  }

  /** A descriptor that may write. */
  opened(node: Node): void {
    const { file } = node
    node.order ??= new OrderText(
      file && { sizeBytes: file.sizeBytes ?? 0, load: () => this.#load(file) },
      false,
    )
    node.order.writers++
  }

  /** close(2) or fsync(2) of one. */
  async give(node: Node, order: OrderText, signal?: AbortSignal): Promise<void> {
    if (!order.isPending || !node.parent) return
    await this.#options.archive.give(node.parent.directory, node.name, await order.take(), signal)
  }

  /** The descriptor is gone. From the last one on the file is what the server says. */
  released(node: Node, order: OrderText): void {
    order.writers--
    if (order.writers > 0) return
    node.order = undefined
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }

  async #load(file: FileEntry): Promise<Buffer> {
    const { body } = await this.#options.archive.fetch(file, undefined, 'foreground')
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
}
