import type { FileEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { removedMeanwhile } from './ascertain.js'
import type { ChangesOptions } from './changes.js'
import type { LocalFile } from './local-file.js'
import { isHidden } from './node.js'
import type { Node } from './node.js'
import { isRefusal } from './removals.js'
import { takeNewer } from './take-newer.js'
import { isBackupName } from './temporary-names.js'

interface Destination {
  readonly parent: Node
  readonly name: string
  /** What has this name now. */
  readonly displaced: Node | undefined
}

/**
 * Renames. XNAT has none for files: the bytes are brought here, stored under the new name, and the old name is deleted
 * when that is proved. A file that has not been sent yet only changes the name under which it will be.
 */
export class Renames {
  readonly #options: ChangesOptions

  constructor(options: ChangesOptions) {
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
    const isExchange = this.#options.orders.isExchange(node, to)
    this.#requireAllowed(node, to, displaced, isExchange)
    if (isExchange) return this.#options.orders.exchange(node, to.parent, signal)
    // It goes with what is there now, not with what somebody has opened.
    if (node.newer) await takeNewer(node, false, this.#options, signal)
    return this.#renameFile(node, { ...to, displaced })
  }

  #requireAllowed(
    node: Node,
    to: { parent: Node; name: string },
    displaced: Node | undefined,
    isExchange: boolean,
  ): void {
    const { archive, isReadOnly, orders } = this.#options
    if (isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack =
      (node.entry && archive.lacks(node.entry, 'remove')) ??
      archive.lacks(to.parent.directory, 'create', to.name) ??
      (displaced?.entry && archive.lacks(displaced.entry, 'write'))
    if (lack) throw lack
    if (isExchange) return
    if (!orders.isGivenBy(node) && !orders.areGivenIn(to.parent, to.name)) return
    throw new FsError('EXDEV', `${node.path}: what gives orders to the server cannot be renamed`, {
      nextStep: 'copy it',
    })
  }

  /** Only a folder that has nothing on the server can be renamed; EXDEV makes mv copy and delete. */
  async #renameDirectory(node: Node, parent: Node, name: string, displaced: Node | undefined): Promise<void> {
    const { archive, names, table, isReadOnly } = this.#options
    if (isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    if (archive.hasRecord(node.directory)) return this.#relabel(node, parent, name, displaced)
    const lack =
      archive.lacks(node.directory, 'remove') ?? archive.lacks(parent.directory, 'make-directory', name)
    if (lack) throw lack
    const inside = await names.list(node)
    const isMovable = node.isLocalFolder && !archive.keepsEmpty(parent.directory)
    if (!isMovable || displaced || inside.length > 0) {
      throw new FsError('EXDEV', `${node.path}: XNAT cannot rename directories`, {
        nextStep: 'copy it and delete the old one',
      })
    }
    node.parent?.overlay.delete(node.name)
    node.entry = archive.folder(parent.directory, name)
    table.rename(node, parent, name)
    parent.overlay.set(name, node)
  }

  async #relabel(node: Node, parent: Node, name: string, displaced: Node | undefined): Promise<void> {
    const { archive, locals, writeBack } = this.#options
    const lack = archive.lacks(node.directory, 'relabel', name)
    if (lack) throw lack
    if (parent !== node.parent) {
      throw new FsError('EPERM', `${node.path}: XNAT can change its label, not move it`, {
        nextStep: 'give it a name in the directory where it is',
      })
    }
    if (displaced) throw new FsError('EEXIST', `${displaced.path} exists`)
    // Their places in the journal are told by path.
    const below = locals.dirty.filter((local) => local.path.startsWith(`${node.path}/`))
    await Promise.all(below.map((local) => writeBack.flush(local)))
    node.entry = await archive.relabel(parent.directory, node.directory, name)
    node.name = name
  }

  async #renameFile(node: Node, to: Destination): Promise<void> {
    const { locals } = this.#options
    const releases = [node, ...(to.displaced ? [to.displaced] : [])].map((one) => locals.hold(one))
    try {
      for (const one of [node, to.displaced]) if (one?.isSetAside) throw removedMeanwhile(one)
      if (node.newer) throw removedMeanwhile(node)
      await this.#renameHeld(node, to)
    } finally {
      for (const release of releases) release()
    }
  }

  async #renameHeld(node: Node, to: Destination): Promise<void> {
    const { archive, locals, table, writeBack } = this.#options
    const local = node.local ?? (await locals.makeLocal(node))
    writeBack.cancel(local)
    const newer = to.displaced?.newer
    if (to.displaced) await locals.bringHome(to.displaced)
    if (to.displaced?.local) {
      writeBack.cancel(to.displaced.local)
      await to.displaced.local.settled()
    }
    await local.settled()
    await local.settleDoubt()
    await this.#finishReplacing(node, local)
    // Stored under its present name already: of two old ones, one would be forgotten.
    if (!local.isNew) await local.removeOrigin()
    // Waits for an upload that is under way, and brings the stored bytes here: they go with the old name.
    await local.staging.withBytes(async (held) => {
      if (local.kept.revision === held.revision) await local.keep({ isDurable: true, held })
    })
    const leaves = local.isNew ? local.covers?.hidden : local.replaces
    if (leaves && !isBackupName(to.name)) await locals.removals.requirePossible(node.parent!, leaves)
    // What loses its name takes its place in the journal along, and with it that its old name is to go.
    await to.displaced?.local?.removeOrigin()
    await to.displaced?.local?.doubtful.gone()
    const covered = to.parent.overlay.get(to.name)
    const replaces = isHidden(covered) ? covered.hidden : (newer ?? storedOf(to.displaced))
    const undo = this.#snapshot(node, local, to)
    let failure: unknown
    try {
      this.#move(node, local, to, replaces)
      // A file that is open for writing is stored by its close().
      if (node.writers === 0 && local.isDirty()) {
        if (to.displaced?.local) await this.#keepInPlaceOf(to.displaced.local, local)
        await locals.acknowledge(local)
      } else if (local.kept.id !== undefined) {
        // What an earlier close() has promised gets the new name at once.
        local.displaces = to.displaced?.local?.kept.id
        await local.kept.restate()
      }
    } catch (error) {
      failure = error
      // The server may still delete what has the old name: the new one must stay, and what is left to do is tried again.
      if (!local.origin?.hidden.mayBeGone) {
        // Stored under its new name, but still there under the old one: as before means without the new one.
        const copy = local.origin && !replaces ? node.file : undefined
        undo()
        for (const file of [local, to.displaced?.local])
          if (file?.isUnsent && !file.isBeingWritten()) await file.keep({ isDurable: true })
        locals.settle(node, local)
        if (copy) await archive.remove(copy)
        throw error
      }
    }
    if (to.displaced) {
      if (to.displaced.local && node.writers > 0) local.adopt(to.displaced.local)
      table.detach(to.displaced)
      to.displaced.isLost = to.displaced.local === undefined
      if (to.displaced.local) locals.settle(to.displaced, to.displaced.local)
    }
    locals.settle(node, local)
    if (failure !== undefined) throw failure
  }

  /** What it was renamed over, and is to replace on the server, must not come back when it moves on. */
  async #finishReplacing(node: Node, local: LocalFile): Promise<void> {
    const { locals, writeBack } = this.#options
    const { replaces, covers } = local
    if (!local.isNew || !replaces || (covers && locals.areRenamedFrom(covers))) return
    if (node.writers === 0 && !covers) return writeBack.flush(local)
    if (!local.origin) local.covers ??= { hidden: replaces }
    else {
      // It has left one stored name behind already, and can take along no second one.
      const restore = local.snapshot()
      try {
        local.retarget(undefined)
        local.doubtful.goesWith(replaces, replaces)
        local.covers = undefined
        if (!local.isBeingWritten()) await local.keep({ isDurable: true })
        await locals.removals.remove(node.parent!, replaces)
      } catch (error) {
        if (isRefusal(error)) restore()
        throw error
      } finally {
        local.doubtful.hasGone()
      }
    }
  }

  /** In the journal the one takes the place of the other at once: two entries of one name would be at odds. */
  async #keepInPlaceOf(displaced: LocalFile, local: LocalFile): Promise<void> {
    const { id } = displaced.kept
    if (id === undefined) return
    local.displaces = id
    await local.keep({ isDurable: true })
    await displaced.kept.forget()
  }

  #move(node: Node, local: LocalFile, to: Destination, replaces: FileEntry | undefined): void {
    const { name } = node
    const parent = node.parent!
    const stored = local.isNew ? undefined : local.replaces
    const { origin } = local
    node.overrides.mtimeMs ??= stored && !local.hasUnstoredBytes ? stored.mtimeMs : local.mtimeMs
    this.#options.table.rename(node, to.parent, to.name)
    parent.overlay.delete(name)
    if (stored) {
      local.origin = { parent, name, hidden: { hidden: stored }, storedRevision: local.storedRevision }
      parent.overlay.set(name, local.origin.hidden)
      node.entry = undefined
    } else if (local.covers) {
      local.origin ??= { parent, name, hidden: local.covers, storedRevision: undefined }
      parent.overlay.set(name, local.covers)
    }
    const covered = to.parent.overlay.get(to.name)
    local.covers = isHidden(covered) ? covered : undefined
    to.parent.overlay.set(to.name, node)
    if (origin && replaces === origin.hidden.hidden) {
      // Back under the name where its stored bytes still are: there may be nothing to do.
      node.entry = replaces
      local.returnTo(origin)
      if (!local.isDirty()) to.parent.overlay.delete(to.name)
    } else {
      local.retarget(replaces, to.displaced?.local)
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
}

/** What the server has of it: nothing, where that was deleted with another file and only its bytes here are left. */
function storedOf(node: Node | undefined): FileEntry | undefined {
  return node?.local ? node.local.replaces : node?.file
}

function overlaySnapshot(parent: Node, name: string): () => void {
  const found = parent.overlay.get(name)
  return () => {
    if (found) parent.overlay.set(name, found)
    else parent.overlay.delete(name)
  }
}
