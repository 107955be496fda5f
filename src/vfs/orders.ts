import type { Archive, FileEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import type { InodeTable } from './inode-table.js'
import type { Node } from './node.js'
import { OrderText } from './order-text.js'

export interface OrdersOptions {
  readonly archive: Archive
  readonly table: InodeTable
  /** The kernel is not to believe any more what it was told of a name. Where the driver can. */
  readonly dropName?: ((parent: number, name: string) => void) | undefined
}

/** A file that is open, by one descriptor or several. */
interface OrderHandle {
  readonly node: Node
  /** Why the order that was given last by closing it was refused. */
  refusal?: unknown
}

/**
 * Files that give orders to the server and are not stored (Archive.orders): what is written is gathered here and given
 * by close(), whose errno says how that went. An order is given once: nothing of it is kept or tried again.
 */
export class Orders {
  readonly #options: OrdersOptions
  /** Directories that go as a whole, in which something else was to be removed. */
  readonly #inDoubt = new WeakSet<Node>()

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

  /**
   * Removing a name here takes something from somebody. Who removes what he names has not opened the directory; `rm -r`
   * and its like hold it open while they remove whatever they found in it, and mean files. A program that closes it first
   * (Python's `rmtree`) has met refusals below: who goes on all the same has to say it twice.
   * @throws FsError EPERM while the directory is open, and once after `refused`
   */
  requireMeant(parent: Node, node: Node): void {
    const { name } = node
    if (!this.areGivenIn(parent, name)) return
    const refuse = (reason: string, nextStep: string): never => {
      throw new FsError('EPERM', `${parent.path}/${name}: ${reason}`, { nextStep })
    }
    if (parent.handles > parent.holds)
      refuse(
        'what is in .xnat is not removed together with its directory',
        'if it is meant, remove it by its name',
      )
    if (this.#inDoubt.delete(node))
      refuse(
        'something in it was to be removed before, as by a recursive delete',
        'if it is meant, remove it once more',
      )
  }

  /** Something in a directory was to be removed, and must not be. */
  refused(directory: Node): void {
    for (let node = directory; node.parent; node = node.parent)
      if (this.#options.archive.orders(node.parent.directory, node.name) === 'by-removal')
        this.#inDoubt.add(node)
  }

  /** Whether a rename asks for another of the same kind of the same item, as for another role of somebody. */
  isExchange(node: Node, to: { readonly parent: Node; readonly name: string }): boolean {
    const { parent, name } = node
    if (!parent || name !== to.name || parent.parent === undefined || parent.parent !== to.parent.parent)
      return false
    const { archive } = this.#options
    return [parent, to.parent].every((directory) => archive.orders(directory.directory, name) === 'by-name')
  }

  /** Gives the order of the new place, and takes back that of the old one where the server has not done so. */
  async exchange(node: Node, to: Node, signal?: AbortSignal): Promise<void> {
    const { archive, table } = this.#options
    const old = node.file
    await archive.give(to.directory, node.name, Buffer.alloc(0), signal)
    if (old) await archive.remove(old, [], signal)
    const now = await archive.lookup(to.directory, node.name, signal)
    table.rename(node, to, node.name)
    if (now) node.adopt(now)
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

  /** close(2) or fsync(2) of one. What was refused is so for its duplicates, too: some close one at once, and ask the other. */
  async give(handle: OrderHandle, order: OrderText, signal?: AbortSignal): Promise<void> {
    const { parent, name } = handle.node
    if (!order.isPending && handle.refusal !== undefined) throw handle.refusal
    if (!order.isPending || !parent) return
    handle.refusal = undefined
    try {
      await this.#options.archive.give(parent.directory, name, await order.take(), signal)
    } catch (error) {
      handle.refusal = error
      throw error
    }
  }

  /** The descriptor is gone. From the last one on the file is what the server says. */
  released(node: Node, order: OrderText): void {
    order.writers--
    if (order.writers > 0) return
    node.order = undefined
    const { parent, name } = node
    if (parent?.overlay.get(name) !== node) return
    parent.overlay.delete(name)
    this.#options.dropName?.(parent.ino, name) // there may be no such file on the server
  }

  async #load(file: FileEntry): Promise<Buffer> {
    const { body } = await this.#options.archive.fetch(file, undefined, 'foreground')
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
}
