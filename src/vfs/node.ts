import type { DirectoryEntry, Entry, FileEntry, SymlinkEntry } from '../archive/archive.js'
import type { JournalRecord } from '../data/journal-record.js'
import type { KernelTraits } from './kernel-traits.js'
import type { LocalFile } from './local-file.js'
import type { OrderText } from './order-text.js'

export type NodeKind = Entry['kind']

/** What chmod, chown and utimens set: kept here, for XNAT has no place for it. */
export const neverOpened = Symbol('never opened')

export interface Overrides {
  mode?: number
  uid?: number
  gid?: number
  atimeMs?: number
  mtimeMs?: number
}

/** A name that exists on the server but not in the mount: renamed away here, not yet replaced there. */
export interface Hidden {
  readonly hidden: FileEntry
  /** While it is deleted there: a new file of that name is sent when that is done. */
  leaving?: Promise<void>
  /** A delete has failed in a way that does not tell whether it was, or will be, carried out. */
  mayBeGone?: boolean
}

/** Where the stored bytes of a file lie that was renamed here, and not there yet. */
export interface Origin {
  readonly parent: Node
  readonly name: string
  readonly hidden: Hidden
  /** The revision of the local bytes that the server has there. */
  readonly storedRevision: number | undefined
}

/** What the journal says of it. @param isLeaving the server is being asked to delete it */
export function originRecord(origin: Origin, isLeaving: boolean): NonNullable<JournalRecord['origin']> {
  const { hidden, mayBeGone } = origin.hidden
  return { path: originPath(origin), file: hidden, ...((isLeaving || mayBeGone) && { isLeaving: true }) }
}

/** XNAT would delete the new file together with the old one (xnat-wire.md §6). */
export function isLongerName({ parent, name }: Node, origin: Origin | undefined): boolean {
  return origin !== undefined && origin.parent === parent && name.startsWith(origin.name)
}

export function originPath({ parent, name }: Origin): string {
  return `${parent.path}/${name}`
}

/**
 * One file or directory known to the kernel. Nodes of directories hold what differs here from the archive: names that
 * are not on the server (yet), and names that are no longer here.
 */
export class Node {
  readonly ino: number
  readonly kind: NodeKind
  parent: Node | undefined
  name: string
  #entry: Entry | undefined
  #local: LocalFile | undefined
  /** It is gone from the server, and its bytes were not brought here: what its name has there now are others. */
  isLost = false
  /** How often the server had another version than before: handles of an older one are of other bytes. */
  versions = 0
  /** It was changed on the server while it was open; its name has another node since. */
  isSetAside = false
  /**
   * What the server has by now, where who has it open keeps the node at the version that was opened, and it cannot be set
   * aside.
   */
  newer: FileEntry | undefined
  #isRemoved = false
  #onChange: (() => void) | undefined
  /** What is being written into a file that gives orders. */
  order: OrderText | undefined
  /** A folder that lives here whether or not the server has files in it. */
  isLocalFolder = false
  readonly overlay = new Map<string, Node | Hidden>()
  overrides: Overrides = {}
  /** The version that this mount has stored, if it did. */
  storedVersion: string | undefined
  #reportedSizeBytes: number | undefined
  /** How often the kernel was told another size than before. It may take up its answers in another order. */
  resizes = 0
  /** Up to which of them it has forgotten the sizes of before. */
  settledResizes = 0
  /**
   * The version whose pages the kernel may have; undefined: nobody knows, as while who has opened a new one drops those of
   * another. It has none before the file is first opened.
   */
  openedVersion: string | typeof neverOpened | undefined = neverOpened
  /** References: by the kernel, by open handles, by nodes below. A node without any may be forgotten. */
  lookups = 0
  handles = 0
  children = 0
  /** How many of `handles` are operations of the mount itself that need the node to stay as it is. */
  holds = 0
  /** How many of `handles` may write. */
  writable = 0
  /** Handles that may write and have not been closed, as far as is known. */
  writers = 0
  /** Versions that came one after the other and happened to have one time. */
  #sameTimes = 0

  constructor(ino: number, kind: NodeKind, parent: Node | undefined, name: string, entry: Entry | undefined) {
    this.ino = ino
    this.kind = kind
    this.parent = parent
    this.name = name
    this.#entry = entry
  }

  /** As the archive lists it. Undefined for a file that was never stored. */
  get entry(): Entry | undefined {
    return this.#entry
  }

  set entry(entry: Entry | undefined) {
    if (!isSameFile(this.#entry, entry) || this.#entry?.mtimeMs !== entry?.mtimeMs) this.#changed()
    this.#entry = entry
  }

  /** The bytes of a file that is being written, or was and is still open. */
  get local(): LocalFile | undefined {
    return this.#local
  }

  set local(local: LocalFile | undefined) {
    this.#changed()
    this.newer = undefined
    // What was written through the kernel is as long as it believes.
    if (this.#local && !local) this.#reportedSizeBytes = this.#local.staging.sizeBytes
    this.#local = local
  }

  /** Removed by name; lives on for its handles. */
  get isRemoved(): boolean {
    return this.#isRemoved
  }

  set isRemoved(isRemoved: boolean) {
    this.#changed()
    this.newer = undefined
    this.#isRemoved = isRemoved
  }

  /**
   * Calls `stop`, once, just before the file gets other bytes than those of `file`, or other attributes, or is removed.
   * It takes the place of the one that was given before.
   * @returns false where that has happened
   */
  watch(file: FileEntry, stop: () => void): boolean {
    if (this.#local || this.#isRemoved || !isSameFile(this.#entry, file)) return false
    this.#onChange = stop
    return true
  }

  /**
   * The file is about to change: whoever has it open without being known here is known from now on, by the `stop` of
   * `watch`, and counts in `handles`.
   */
  expectChange(): void {
    this.#changed()
  }

  /** Attributes that were set here. */
  override(attributes: Overrides): void {
    this.#changed()
    Object.assign(this.overrides, attributes)
  }

  #changed(): void {
    const stop = this.#onChange
    this.#onChange = undefined
    stop?.()
  }

  /** What the kernel was last told; it may believe it for the attribute timeout. */
  get reportedSizeBytes(): number | undefined {
    return this.#reportedSizeBytes
  }

  /** The kernel is told so. */
  report(sizeBytes: number): void {
    const known = this.#reportedSizeBytes
    if (!this.#local && known !== undefined && known !== sizeBytes) this.resizes++
    this.#reportedSizeBytes = sizeBytes
  }

  get directory(): DirectoryEntry {
    if (this.entry?.kind !== 'directory') throw new TypeError(`${this.path} is no directory`)
    return this.entry
  }

  get file(): FileEntry | undefined {
    return this.entry?.kind === 'file' ? this.entry : undefined
  }

  get link(): SymlinkEntry | undefined {
    return this.entry?.kind === 'symlink' ? this.entry : undefined
  }

  get isPinned(): boolean {
    return (
      this.lookups > 0 ||
      this.handles > 0 ||
      this.children > 0 ||
      this.overlay.size > 0 ||
      this.local !== undefined ||
      this.order !== undefined ||
      this.isLocalFolder
    )
  }

  /** From the mountpoint, for messages. */
  get path(): string {
    return this.parent ? `${this.parent.path}/${this.name}` : ''
  }

  /** Takes over what the archive says now. Times set here go when somebody else has changed the bytes. */
  adopt(entry: Entry): void {
    const old = this.file
    if (old && entry.kind === 'file' && entry.isUnread) return
    const shown = this.shownTimeMs
    this.entry = entry
    if (!old || entry.kind !== 'file' || old.version === entry.version) return
    this.versions++
    delete this.overrides.mtimeMs
    delete this.overrides.atimeMs
    if (this.shownTimeMs === shown) this.#sameTimes++
  }

  /** It is what the server has by now, for all who have it open. */
  catchUp(): void {
    if (this.newer) this.adopt(this.newer)
    this.newer = undefined
  }

  /**
   * Who has opened a version of it would be told of another one, and is not to be. Where the kernel keeps them apart, who may
   * write is told, and others read on past the kernel.
   */
  isReadAsOther(
    entry: Entry,
    { opensApart, opensUntold }: Required<Pick<KernelTraits, 'opensApart' | 'opensUntold'>>,
  ): entry is FileEntry {
    const { file } = this
    if (!file || entry.kind !== 'file' || entry.isUnread || (file.isMade && !opensUntold)) return false
    if (file.version === entry.version || this.#local || this.order) return false
    this.#changed() // from now on who reads it is known
    const isOpen = this.handles > this.holds || (opensUntold && this.lookups > 0)
    return isOpen && !(opensApart && this.writable > 0)
  }

  /** It has the name of another one now, and what was set there. */
  follow({ overrides: { mode, uid, gid }, shownTimeMs }: Node): void {
    this.overrides = {
      ...(mode !== undefined && { mode }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    }
    if (this.shownTimeMs === shownTimeMs) this.shiftTime()
  }

  /** It has another time than before, so that a kernel that goes by times drops what it has of its bytes. */
  shiftTime(): void {
    this.#sameTimes++
  }

  /**
   * The time of the entry, to the second; for files the milliseconds tell versions apart. Kernels and tools that find
   * size and time unchanged take the bytes for unchanged too, and XNAT's times do not change with each version.
   */
  get shownTimeMs(): number {
    // Who looks whether it has changed is told that it has.
    const entry = this.newer ?? this.entry
    if (entry?.kind !== 'file') return entry?.mtimeMs ?? 0
    const seconds = Math.floor(entry.mtimeMs / 1000)
    return seconds * 1000 + ((hashOf(entry.version) + this.#sameTimes) % 1000)
  }
}

export function isHidden(found: Node | Hidden | undefined): found is Hidden {
  return found !== undefined && 'hidden' in found
}

function isSameFile(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one?.kind !== 'file' || other?.kind !== 'file') return false
  return one.key === other.key && one.version === other.version
}

function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return Math.abs(hash)
}
