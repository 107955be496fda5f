import type { Archive, FileEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import type { ErrnoName } from '../util/fs-error.js'
import { keepFolders } from './folders.js'
import type { LocalFile } from './local-file.js'
import type { Namespace } from './namespace.js'
import { isHidden } from './node.js'
import type { Hidden, Node } from './node.js'

export interface RemovalsOptions {
  readonly archive: Archive
  readonly names: Namespace
  /** Prepares a stored file for changes. */
  readonly makeLocal: (node: Node) => Promise<LocalFile>
  /** Stores local bytes, or makes sure that they will be. */
  readonly acknowledge: (local: LocalFile) => Promise<void>
  /** Lets go of local bytes that nobody needs. */
  readonly settle: (node: Node, local: LocalFile) => void
  /** Keeps local bytes although an upload may come to its end meanwhile. @returns the end of that */
  readonly hold: (node: Node) => () => void
  /**
   * Waits for uploads of files whose paths begin so, or began so before a rename that the server is told of now.
   * @returns how many files this mount has stored so far, wherever
   */
  readonly uploadsBelow: (path: string) => Promise<number>
}

/** Failures of a delete that has not been done, and would fail again. After any other nobody knows. */
const refusals: ReadonlySet<ErrnoName> = new Set(['EBUSY', 'EPERM', 'EACCES'])

export function isRefusal(error: unknown): boolean {
  return error instanceof FsError && refusals.has(error.code)
}

/** It is left because it is another file by now. */
function isOther(error: unknown): boolean {
  return error instanceof FsError && error.code === 'ESTALE'
}

/** How often a delete is tried while files are stored that it would take along. */
const mostAttempts = 5

/**
 * Deletes stored files. XNAT deletes every file whose path begins like the one it was asked for (xnat-wire.md §6).
 * Where those others were stored by this mount, as `a.nii.gz` is by a compressor that then deletes `a.nii`, their bytes
 * are brought home and into the journal first, and stored again when the delete is done. Files of others are not touched
 * in this way: then the delete is refused.
 */
export class Removals {
  readonly #options: RemovalsOptions

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  /** @throws FsError EBUSY when XNAT would delete files that this mount did not store */
  async requirePossible(parent: Node, file: FileEntry): Promise<void> {
    await this.#patiently(parent, file, () => this.#takenAlong(parent, file))
  }

  /** @throws FsError as `requirePossible`; then nothing was deleted */
  remove(parent: Node, file: FileEntry): Promise<void> {
    return this.#patiently(parent, file, () => this.#remove(parent, file))
  }

  /** What an upload under way has just stored is this mount's as soon as the upload has ended. */
  async #patiently<Result>(parent: Node, file: FileEntry, attempt: () => Promise<Result>): Promise<Result> {
    const { uploadsBelow } = this.#options
    const path = `${parent.path}/${file.name}`
    let stored = -1
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof FsError) || error.code !== 'EBUSY' || attempts === mostAttempts) throw error
        await leavingWith(parent, file)
        const now = await uploadsBelow(path)
        if (now === stored) throw error
        stored = now
      }
    }
  }

  async #remove(parent: Node, file: FileEntry): Promise<void> {
    const others = await this.#takenAlong(parent, file)
    const releases = others.map(({ node }) => this.#options.hold(node))
    try {
      await this.#removeWith(others, parent, file)
    } finally {
      for (const release of releases) release()
    }
  }

  async #removeWith(others: readonly TakenAlong[], parent: Node, file: FileEntry): Promise<void> {
    const { archive, acknowledge, makeLocal, settle } = this.#options
    const rescued: Rescued[] = []
    for (const { node, listed } of others)
      rescued.push({ node, listed, local: node.local ?? (await makeLocal(node)) })
    // An upload that begins meanwhile would look for what it replaces while that is deleted.
    const kept = await undisturbed(rescued, () => this.#removeRescued(rescued, parent, file))
    keepFolders(parent, archive)
    // Of what somebody has begun to write since, the journal has what was there before, until that is closed.
    for (const [i, { local }] of rescued.entries())
      if (!local.isBeingWritten() || local.staging.revision === kept[i]) await acknowledge(local)
    for (const { node, local } of rescued) settle(node, local)
  }

  /** @returns which revisions of them the journal has */
  async #removeRescued(rescued: readonly Rescued[], parent: Node, file: FileEntry): Promise<number[]> {
    const undos: (() => void)[] = []
    const revisions: number[] = []
    const entries: FileEntry[] = []
    let isAsked = false
    try {
      for (const other of rescued) {
        const { entry, undo, revision } = await this.#rescue(parent, file, other)
        undos.push(undo)
        entries.push(entry)
        revisions.push(revision)
      }
      isAsked = true
      await this.#options.archive.remove(file, entries)
      return revisions
    } catch (error) {
      // Of what a delete may have taken along, the bytes are kept until they are seen on the server, or stored again.
      if (!isAsked || isRefusal(error)) for (const undo of undos.toReversed()) undo()
      throw error
    } finally {
      for (const { local } of rescued) local.doubtful.hasGone()
    }
  }

  async #takenAlong(parent: Node, file: FileEntry): Promise<TakenAlong[]> {
    const { archive, names } = this.#options
    const taken: TakenAlong[] = []
    for (const entry of await archive.takenAlong(parent.directory, file)) {
      const node = await names.find(parent, entry.name)
      if (!node || !mayGo(node, entry)) {
        const reason = `XNAT deletes by prefix and would take '${entry.name}' with it`
        throw new FsError('EBUSY', `remove ${file.name}: ${reason}, and nothing was deleted`, {
          nextStep: 'remove that first',
        })
      }
      if (isBeingChanged(node)) throw isWritten(file, node)
      taken.push({ node, listed: entry })
    }
    return taken
  }

  /**
   * Brings the bytes home, as those of a file that the server does not have.
   * @returns which revision of them the journal has from then on
   */
  async #rescue(
    parent: Node,
    file: FileEntry,
    { node, listed, local }: Rescued,
  ): Promise<{ readonly entry: FileEntry; readonly undo: () => void; readonly revision: number }> {
    const entry = local.replaces ?? listed
    const restore = local.snapshot()
    const undo = (): void => {
      restore()
      if (parent.overlay.get(node.name) === node && !local.isDirty()) parent.overlay.delete(node.name)
      this.#options.settle(node, local)
    }
    try {
      const revision = await local.staging.withBytes(async (held) => {
        // What somebody has begun to write meanwhile is nothing that was promised.
        if (isBeingChanged(node)) throw isWritten(file, node)
        local.retarget(undefined)
        local.doubtful.goesWith(entry, file)
        parent.overlay.set(node.name, node)
        await local.keep({ isDurable: true, held })
        return held.revision
      })
      return { entry, undo, revision }
    } catch (error) {
      undo()
      throw error
    }
  }
}

interface TakenAlong {
  readonly node: Node
  readonly listed: FileEntry
}

interface Rescued extends TakenAlong {
  readonly local: LocalFile
}

/** Runs a task while no upload of these files begins. */
function undisturbed<T>(files: readonly Rescued[], task: () => Promise<T>): Promise<T> {
  const [first, ...others] = files
  return first ? first.local.undisturbed(() => undisturbed(others, task)) : task()
}

/** What it is to be is not known yet, and what it was would be gone. */
function isBeingChanged({ local }: Node): boolean {
  return local !== undefined && local.isBeingWritten() && local.isDirty()
}

function isWritten({ name }: FileEntry, other: Node): FsError {
  return new FsError('EBUSY', `remove ${name}: '${other.name}', which goes with it, is being written`, {
    nextStep: 'remove it when that is closed',
  })
}

/** It is this mount's, or about to be replaced by bytes that are here, as after a kill. */
function mayGo({ storedVersion, local }: Node, { version }: FileEntry): boolean {
  if (storedVersion === version) return true
  return local !== undefined && local.isDirty() && local.replaces?.version === version
}

/** Waits for what is being deleted already of that which a delete would take along. */
async function leavingWith({ overlay }: Node, { name }: FileEntry): Promise<void> {
  for (const [other, there] of overlay)
    if (other !== name && other.startsWith(name) && isHidden(there)) await there.leaving?.catch(() => {})
}

/** Deletes what is still stored under a name that is gone here, unless another file has got the name. */
export async function leaveHidden(
  { parent, name, hidden }: { readonly parent: Node; readonly name: string; readonly hidden: Hidden },
  removals: { remove(parent: Node, file: FileEntry): Promise<void> },
): Promise<void> {
  const { overlay } = parent
  if (overlay.get(name) !== hidden) return
  const leave = async (): Promise<void> => {
    try {
      await removals.remove(parent, hidden.hidden)
    } catch (error) {
      hidden.mayBeGone = !isRefusal(error) && !isOther(error)
      throw error
    }
    const now = overlay.get(name)
    if (now === hidden) overlay.delete(name)
    // Made anew while it was deleted: there is nothing stored any more that it replaces.
    else if (now && 'ino' in now) now.local?.replacesNothing()
  }
  const leaving = leave()
  hidden.leaving = leaving
  await leaving
}
