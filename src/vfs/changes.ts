import type { Archive, Capability, FileEntry } from '../archive/archive.js'
import type { WriteBack } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import { keepFolder, keepFolders } from './folders.js'
import type { InodeTable } from './inode-table.js'
import type { LocalFile } from './local-file.js'
import type { Namespace } from './namespace.js'
import { isHidden } from './node.js'
import type { Node } from './node.js'
import type { OpenFiles } from './open-files.js'
import { leaveOrigin } from './origin.js'

export interface ChangesOptions {
  readonly archive: Archive
  readonly table: InodeTable
  readonly names: Namespace
  readonly files: OpenFiles
  readonly writeBack: WriteBack
  readonly isReadOnly: boolean
}

const longestNameBytes = 255

/** What changes names: files and directories come and go. (Renames: rename.ts.) */
export class Changes {
  readonly #options: ChangesOptions

  constructor(options: ChangesOptions) {
    this.#options = options
  }

  /** A file that does not exist yet. Nothing goes to the server before it is closed. */
  async create(parent: Node, name: string): Promise<Node> {
    const { archive, table, files } = this.#options
    this.#requireName(name)
    this.#requireCapability(parent, 'create', name)
    const before = parent.overlay.get(name)
    const replaces = isHidden(before) ? before.hidden : undefined
    if (replaces) {
      const lack = archive.lacks(replaces, 'write')
      if (lack) throw lack
    }
    const node = table.internLocal(parent, 'file', name, undefined)
    await files.startNew(node, replaces)
    parent.overlay.set(name, node)
    return node
  }

  async mkdir(parent: Node, name: string, signal?: AbortSignal): Promise<Node> {
    const { archive, table, names } = this.#options
    this.#requireName(name)
    if (await names.find(parent, name, signal)) throw new FsError('EEXIST', `${parent.path}/${name} exists`)
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
    this.#requireCapability(node, 'remove')
    const inside = await names.list(node, signal)
    if (inside.length > 0) throw new FsError('ENOTEMPTY', `${node.path} has ${inside.length} entries`)
    if (node.isLocalFolder) {
      node.isLocalFolder = false
      parent.overlay.delete(name)
    } else {
      await archive.remove(node.directory, signal)
    }
    table.detach(node)
  }

  async unlink(parent: Node, name: string, signal?: AbortSignal): Promise<void> {
    const { table, names } = this.#options
    const node = await names.require(parent, name, signal)
    if (node.kind === 'directory') throw new FsError('EISDIR', `${node.path} is a directory`)
    this.#requireCapability(node, 'remove')
    if (node.local) await this.#unlinkLocal(node, node.local)
    else if (node.file) await this.#removeStored(parent, node.file)
    if (parent.overlay.get(name) === node) parent.overlay.delete(name)
    table.detach(node)
    if (node.local) this.#options.files.settle(node, node.local)
  }

  /** @throws FsError when the mount or the archive does not allow it */
  #requireCapability(node: Node, capability: Capability, newName?: string): void {
    if (this.#options.isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack = node.entry && this.#options.archive.lacks(node.entry, capability, newName)
    if (lack) throw lack
  }

  #requireName(name: string): void {
    if (Buffer.byteLength(name) > longestNameBytes) {
      throw new FsError('ENAMETOOLONG', `'${name.slice(0, 40)}…' is longer than ${longestNameBytes} bytes`)
    }
  }

  async #unlinkLocal(node: Node, local: LocalFile): Promise<void> {
    this.#options.writeBack.cancel(local)
    node.isRemoved = true // an upload that has not begun will not begin
    try {
      await local.settled()
      if (local.replaces && node.parent) await this.#removeStored(node.parent, local.replaces)
      await leaveOrigin(local, this.#options.archive) // deleted under its new name, so gone under the old one too
    } catch (error) {
      node.isRemoved = false
      if (local.isDirty()) this.#options.writeBack.later(local)
      throw error
    }
  }

  async #removeStored(parent: Node, file: FileEntry): Promise<void> {
    await this.#options.archive.remove(file)
    keepFolders(parent, this.#options.archive)
  }
}
