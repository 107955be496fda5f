import type { FileEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import type { ChangesOptions } from './changes.js'
import type { LocalFile } from './local-file.js'
import { isHidden } from './node.js'
import type { Node } from './node.js'
import { leaveOrigin } from './origin.js'
import { isTemporaryName } from './temporary-names.js'

export interface RenameOptions extends ChangesOptions {
  readonly log: Log
}

interface Destination {
  readonly parent: Node
  readonly name: string
  /** What has this name now. */
  readonly displaced: Node | undefined
  /** The stored file of this name, which the renamed one replaces. */
  readonly replaces: FileEntry | undefined
}

/**
 * Renames. XNAT has none for files: the bytes are brought here, stored under the new name, and the old name is deleted
 * when that is proved. A file that has not been sent yet only changes the name under which it will be.
 */
export class Renames {
  readonly #options: RenameOptions

  constructor(options: RenameOptions) {
    this.#options = options
  }

  async rename(
    from: { readonly parent: Node; readonly name: string },
    to: { readonly parent: Node; readonly name: string },
    options: { readonly mayReplace: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const node = await this.#options.names.require(from.parent, from.name, signal)
    const displaced = await this.#options.names.find(to.parent, to.name, signal)
    if (displaced === node) return
    if (displaced && !options.mayReplace) throw new FsError('EEXIST', `${displaced.path} exists`)
    if (node.kind === 'directory') return this.#renameDirectory(node, to.parent, to.name, displaced)
    if (displaced?.kind === 'directory') throw new FsError('EISDIR', `${displaced.path} is a directory`)
    this.#requireAllowed(node, to, displaced)

    const before = to.parent.overlay.get(to.name)
    const replaces = isHidden(before) ? before.hidden : (displaced?.local?.replaces ?? displaced?.file)
    return this.#renameFile(node, { ...to, displaced, replaces })
  }

  #requireAllowed(node: Node, to: { parent: Node; name: string }, displaced: Node | undefined): void {
    const { archive, isReadOnly } = this.#options
    if (isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack =
      (node.entry && archive.lacks(node.entry, 'remove')) ??
      archive.lacks(to.parent.directory, 'create', to.name) ??
      (displaced?.entry && archive.lacks(displaced.entry, 'write'))
    if (lack) throw lack
  }

  /** Only a folder that has nothing on the server can be renamed; EXDEV makes mv copy and delete. */
  async #renameDirectory(node: Node, parent: Node, name: string, displaced: Node | undefined): Promise<void> {
    const { archive, names, table, isReadOnly } = this.#options
    if (isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack =
      archive.lacks(node.directory, 'remove') ?? archive.lacks(parent.directory, 'make-directory', name)
    if (lack) throw lack
    const inside = await names.list(node)
    const isMovable = node.isLocalFolder && !archive.keepsEmpty(parent.directory)
    if (!isMovable || displaced || inside.length > 0) {
      throw new FsError(
        'EXDEV',
        `${node.path}: XNAT cannot rename directories; copy it and delete the old one`,
      )
    }
    node.parent?.overlay.delete(node.name)
    node.entry = archive.folder(parent.directory, name)
    table.rename(node, parent, name)
    parent.overlay.set(name, node)
  }

  async #renameFile(node: Node, to: Destination): Promise<void> {
    const { files, table, writeBack } = this.#options
    const local = node.local ?? (await files.makeLocal(node))
    writeBack.cancel(local)
    // Waits for an upload that is under way, and brings the stored bytes here: they go with the old name.
    const revision = await local.staging.withBytes((current) => Promise.resolve(current))
    const undo = this.#snapshot(node, local, to)
    try {
      this.#move(node, local, to, revision)
      if (await this.#store(node, local)) await this.#leave(node, local)
    } catch (error) {
      undo()
      files.settle(node, local)
      throw error
    }
    if (to.displaced) {
      if (to.displaced.local) writeBack.cancel(to.displaced.local)
      table.detach(to.displaced)
      if (to.displaced.local) files.settle(to.displaced, to.displaced.local)
    }
    files.settle(node, local)
  }

  #move(node: Node, local: LocalFile, to: Destination, revision: number): void {
    const { parent, name } = node
    const stored = local.isNew ? undefined : local.replaces
    const { origin } = local
    node.overrides.mtimeMs ??= stored && !local.isDirty() ? stored.mtimeMs : local.mtimeMs
    this.#options.table.rename(node, to.parent, to.name)
    parent!.overlay.delete(name)
    to.parent.overlay.set(to.name, node)
    if (stored) {
      local.origin = { parent: parent!, name, hidden: { hidden: stored }, revision }
      parent!.overlay.set(name, local.origin.hidden)
      node.entry = undefined
    }
    if (origin && to.replaces === origin.hidden.hidden) {
      // Back under the name where its stored bytes still are: there may be nothing to do.
      node.entry = to.replaces
      local.returnTo(to.replaces, origin.revision)
      if (!local.isDirty()) to.parent.overlay.delete(to.name)
    } else {
      local.retarget(to.replaces)
    }
  }

  /** @returns how to put everything back as it is now */
  #snapshot(node: Node, local: LocalFile, to: Destination): () => void {
    const { table } = this.#options
    const { name, entry } = node
    const parent = node.parent!
    const restoreFrom = overlaySnapshot(parent, name)
    const restoreTo = overlaySnapshot(to.parent, to.name)
    const restoreLocal = local.snapshot()
    return () => {
      table.rename(node, parent, name)
      if (to.displaced) table.rename(to.displaced, to.parent, to.name)
      restoreTo()
      restoreFrom()
      restoreLocal()
      node.entry = entry
    }
  }

  /** @returns whether the server has the file under its new name now */
  async #store(node: Node, local: LocalFile): Promise<boolean> {
    if (isTemporaryName(node.name)) return false
    if (node.writers > 0) return false // its close() stores it
    await this.#options.writeBack.flush(local)
    return true
  }

  /** The new name is stored: deletes the old one, or else the new one again. */
  async #leave(node: Node, local: LocalFile): Promise<void> {
    const { archive, log } = this.#options
    try {
      await leaveOrigin(local, archive)
    } catch (error) {
      log.warn(
        `rename to ${node.path}: the old name cannot be deleted, so the new one is: ${causeChain(error)}`,
      )
      if (node.file) await archive.remove(node.file)
      throw error
    }
  }
}

function overlaySnapshot(parent: Node, name: string): () => void {
  const found = parent.overlay.get(name)
  return () => {
    if (found) parent.overlay.set(name, found)
    else parent.overlay.delete(name)
  }
}
