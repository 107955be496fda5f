import type { Archive, Capability } from '../archive/archive.js'
import type { WriteBack } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import { longestNameBytes } from '../util/longest-name.js'
import { keepFolder } from './folders.js'
import type { InodeTable } from './inode-table.js'
import type { LocalFile } from './local-file.js'
import type { Namespace } from './namespace.js'
import { isHidden } from './node.js'
import { leaveHidden } from './removals.js'
import type { Hidden, Node } from './node.js'
import type { LocalFiles } from './local-files.js'
import type { Orders } from './orders.js'

export interface ChangesOptions {
  readonly archive: Archive
  readonly table: InodeTable
  readonly names: Namespace
  readonly locals: LocalFiles
  readonly orders: Orders
  readonly writeBack: WriteBack
  readonly isReadOnly: boolean
}

/** What git, Mercurial and Subversion keep a repository in: thousands of small files that are renamed and locked. */
const repositoryNames: ReadonlySet<string> = new Set(['.git', '.hg', '.svn'])

/** What changes names: files and directories come and go. (Renames: rename.ts.) */
export class Changes {
  readonly #options: ChangesOptions
  readonly #hidden = new Map<Node, { parent: Node; name: string; hidden: Hidden }>()

  constructor(options: ChangesOptions) {
    this.#options = options
  }

  /** A file that does not exist yet. Nothing goes to the server before it is closed. */
  async create(parent: Node, name: string): Promise<Node> {
    const { table, locals, orders } = this.#options
    this.#requireName(name)
    this.#requireCapability(parent, 'create', name)
    if (orders.areGivenIn(parent, name)) return orders.startNew(parent, name)
    const node = table.internLocal(parent, 'file', name, undefined)
    const before = parent.overlay.get(name)
    await locals.startNew(node, isHidden(before) ? before : undefined)
    parent.overlay.set(name, node)
    return node
  }

  async mkdir(parent: Node, name: string, signal?: AbortSignal): Promise<Node> {
    const { archive, table, names } = this.#options
    this.#requireName(name)
    if (await names.find(parent, name, signal)) throw new FsError('EEXIST', `${parent.path}/${name} exists`)
    if (repositoryNames.has(name)) {
      const reason = 'no version control in an archive: XNAT has neither links nor locks for it'
      const nextStep = 'keep the repository elsewhere and copy what is in it'
      throw new FsError('EPERM', `${parent.path}/${name}: ${reason}`, { nextStep })
    }
    this.#requireCapability(parent, 'make-directory', name)
    if (archive.keepsEmpty(parent.directory)) {
      return table.intern(parent, await archive.makeDirectory(parent.directory, name, signal))
    }
    const node = table.internLocal(parent, 'directory', name, archive.folder(parent.directory, name))
    keepFolder(node)
    return node
  }

  async rmdir(parent: Node, name: string, signal?: AbortSignal): Promise<void> {
    const { archive, table, names } = this.#options
    const node = await names.require(parent, name, signal)
    if (node.kind !== 'directory') throw new FsError('ENOTDIR', `${node.path} is no directory`)
    this.#requireRemovable(parent, node)
    const isWhole = archive.orders(parent.directory, name) === 'by-removal'
    const inside = isWhole ? [] : await names.list(node, signal)
    if (inside.length > 0) throw new FsError('ENOTEMPTY', `${node.path} has ${inside.length} entries`)
    await this.#finishRenamesFrom(node)
    if (node.isLocalFolder) {
      node.isLocalFolder = false
      parent.overlay.delete(name)
    } else {
      await archive.remove(node.directory, [], signal)
    }
    table.detach(node)
  }

  async unlink(parent: Node, name: string, signal?: AbortSignal): Promise<void> {
    const { table, names } = this.#options
    const node = await names.require(parent, name, signal)
    if (node.kind === 'directory') throw new FsError('EISDIR', `${node.path} is a directory`)
    this.#requireRemovable(parent, node)
    // An upload that comes to its end meanwhile must not let go of bytes whose delete may be refused.
    const release = this.#options.locals.hold(node)
    try {
      await this.#options.locals.bringHomeRemoved(node, signal)
      if (node.local) await this.#unlinkLocal(node, node.local)
      else if (node.file) await this.#options.locals.removals.remove(parent, node.file)
      if (parent.overlay.get(name) === node) parent.overlay.delete(name)
      table.detach(node)
      node.isLost = node.local === undefined
    } finally {
      release()
    }
  }

  /**
   * Takes the name of an open file away, for a driver whose library does so instead of removing or replacing it. What
   * is stored stays until `unhide`, or until another file of this name replaces it.
   */
  async hide(parent: Node, name: string, signal?: AbortSignal): Promise<Node> {
    const { table, names } = this.#options
    const node = await names.require(parent, name, signal)
    this.#requireRemovable(parent, node)
    const { newer } = node
    await this.#options.locals.bringHomeRemoved(node, signal)
    if (node.local) await this.#stopSending(node, node.local)
    try {
      await node.local?.settleDoubt()
    } catch (error) {
      node.isRemoved = false
      throw error
    }
    await node.local?.kept.forget()
    const stored = newer ?? (node.local ? node.local.replaces : node.file)
    if (stored) {
      const hidden: Hidden = { hidden: stored }
      parent.overlay.set(name, hidden)
      this.#hidden.set(node, { parent, name, hidden })
    } else parent.overlay.delete(name)
    table.ref(node, 'lookups') // its last handle is released before `unhide`
    table.detach(node)
    return node
  }

  /** The last handle of a hidden file is closed: if nothing has replaced it, it goes from the server too. */
  async unhide(node: Node): Promise<void> {
    const place = this.#hidden.get(node)
    this.#hidden.delete(node)
    try {
      if (node.local) {
        await node.local.removeOrigin()
        this.#options.locals.settle(node, node.local)
      }
      if (place) await leaveHidden(place, this.#options.locals.removals)
    } finally {
      if (place?.parent.overlay.get(place.name) === place?.hidden) place?.parent.overlay.delete(place.name)
      this.#options.table.unref(node, 'lookups')
    }
  }

  /** @throws FsError when the mount or the archive does not allow it */
  #requireCapability(node: Node, capability: Capability, newName?: string): void {
    if (this.#options.isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack = node.entry && this.#options.archive.lacks(node.entry, capability, newName)
    if (lack) throw lack
  }

  #requireRemovable(parent: Node, node: Node): void {
    try {
      this.#requireCapability(node, 'remove')
      this.#options.orders.requireMeant(parent, node)
    } catch (error) {
      this.#options.orders.refused(parent)
      throw error
    }
  }

  /** An upload that is under way comes to its end; one that has not begun will not begin. */
  async #stopSending(node: Node, local: LocalFile): Promise<void> {
    this.#options.writeBack.cancel(local)
    node.isRemoved = true
    local.leaveQueue()
    await local.settled()
  }

  /** Files that were renamed out of a directory are on the server under their old names until they are sent. */
  async #finishRenamesFrom(directory: Node): Promise<void> {
    const { locals, writeBack } = this.#options
    const renamed = locals.dirty.filter(({ origin }) => origin?.parent === directory)
    await Promise.all(renamed.map((local) => writeBack.flush(local)))
  }

  #requireName(name: string): void {
    if (Buffer.byteLength(name) > longestNameBytes) {
      throw new FsError('ENAMETOOLONG', `'${name.slice(0, 40)}…' is longer than ${longestNameBytes} bytes`)
    }
  }

  async #unlinkLocal(node: Node, local: LocalFile): Promise<void> {
    let unDoom = (): Promise<void> => Promise.resolve()
    try {
      await this.#stopSending(node, local)
      await local.settleDoubt()
      unDoom = await local.doom()
      // What somebody else has made of the file is theirs.
      if (local.replaces && !local.isOutrun && node.parent)
        await this.#options.locals.removals.remove(node.parent, local.replaces)
      await local.removeOrigin()
      await local.kept.forget()
    } catch (error) {
      node.isRemoved = false
      await unDoom()
      // Of what is still being written, nothing was promised: it is not kept before it is closed.
      if (local.isUnsent && !local.isBeingWritten()) await local.keep({ isDurable: true })
      this.#options.locals.settle(node, local)
      throw error
    }
  }
}
