import type { Archive, FileEntry } from '../archive/archive.js'
import { entryId, removeEntry, removeRecord, writeRecord } from '../data/journal-record.js'
import type { JournalRecord } from '../data/journal-record.js'
import type { StagingFile } from '../data/staging-file.js'
import type { Outgoing } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import type { ErrnoName } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { LocalStream } from './local-stream.js'
import type { Hidden, Node } from './node.js'
import { isTemporaryName } from './temporary-names.js'

export interface LocalFileOptions {
  readonly archive: Pick<Archive, 'store'>
  readonly node: Node
  readonly staging: StagingFile
  /** The stored file that an upload replaces, as it was when it was opened; undefined = it is new. */
  readonly replaces: FileEntry | undefined
  readonly mtimeMs: number
  /** The bytes are those of a journal entry that another process has left; 'stored': the server has them too. */
  readonly resumedAs?: 'unsent' | 'stored' | undefined
  /** Frees what the bytes below the staging file need. */
  readonly releaseBase: () => void
  /** The bytes are safe in the journal, so the old name may be deleted before the new one is stored. */
  readonly removesOriginFirst: boolean
  /** Deletes a stored file. */
  readonly removeStored: (parent: Node, file: FileEntry) => Promise<void>
  /** Called after each upload that succeeded. */
  readonly onStored: () => void
}

/** Where the stored bytes of a file lie that was renamed here, and not there yet. */
export interface Origin {
  readonly parent: Node
  readonly name: string
  readonly hidden: Hidden
  /** The revision of the local bytes that the server has there. */
  readonly storedRevision: number | undefined
}

/** Failures of an upload that may be over the next time. */
const passing: ReadonlySet<ErrnoName> = new Set(['EIO', 'ETIMEDOUT', 'EBUSY'])

/** The version in the journal: which bytes, and whether it would survive a power failure. */
interface Kept {
  readonly path: string
  readonly revision: number
  readonly isDurable: boolean
  /** It can be compared with what the server has: nothing of it is there only. */
  readonly isComplete: boolean
}

/** The bytes of a node that are here and perhaps not on the server. */
export class LocalFile implements Outgoing {
  readonly staging: StagingFile
  readonly stream = new LocalStream()
  mtimeMs: number
  replaces: FileEntry | undefined
  origin: Origin | undefined
  /** The stored file under the present name that is not shown because of this one, and is not its older version. */
  covers: Hidden | undefined
  readonly #archive: Pick<Archive, 'store'>
  readonly node: Node
  readonly #removesOriginFirst: boolean
  readonly #releaseBase: () => void
  readonly #removeStored: LocalFileOptions['removeStored']
  readonly #onStored: () => void
  /** Which revision the server has under the present name; undefined = none. */
  #storedRevision: number | undefined
  #failure: { readonly revision: number; readonly error: unknown } | undefined
  #kept: Kept | undefined
  #isLeavingOrigin = false
  readonly #uploads = new Set<Promise<void>>()

  constructor(options: LocalFileOptions) {
    this.#archive = options.archive
    this.node = options.node
    this.staging = options.staging
    this.replaces = options.replaces
    this.mtimeMs = options.mtimeMs
    this.#removesOriginFirst = options.removesOriginFirst
    this.#releaseBase = options.releaseBase
    this.#removeStored = options.removeStored
    this.#onStored = options.onStored
    const { revision, path } = options.staging
    if (options.resumedAs)
      this.#kept = { path, revision, isDurable: true, isComplete: options.staging.isComplete }
    if (options.replaces && options.resumedAs !== 'unsent') this.#storedRevision = revision
  }

  /** Names it in the journal. */
  get id(): string {
    return entryId(this.staging.path)
  }

  get path(): string {
    return this.node.path
  }

  get storedRevision(): number | undefined {
    return this.#storedRevision
  }

  get isNew(): boolean {
    return this.#storedRevision === undefined
  }

  isBeingWritten(): boolean {
    return this.node.writers > 0
  }

  isOpen(): boolean {
    return this.node.handles > 0
  }

  isWorthAnotherTry(): boolean {
    const error = this.#failure?.error
    return this.hasFailed && error instanceof FsError && passing.has(error.code)
  }

  /** The server lacks bytes, or still has them under a name that the file no longer has. */
  isDirty(): boolean {
    return this.hasUnstoredBytes || (this.origin !== undefined && !isTemporaryName(this.node.name))
  }

  get hasUnstoredBytes(): boolean {
    return !this.node.isRemoved && this.#storedRevision !== this.staging.revision
  }

  /** Bytes that are nowhere but here. A backup of vim's, renamed and unchanged, still lies under its old name. */
  get isUnsent(): boolean {
    const { origin } = this
    const isAtOrigin =
      origin !== undefined &&
      origin.storedRevision === this.staging.revision &&
      origin.parent.overlay.get(origin.name) === origin.hidden
    return this.hasUnstoredBytes && !isAtOrigin
  }

  /** The last upload failed, and nothing was written since. */
  get hasFailed(): boolean {
    return this.#failure?.revision === this.staging.revision
  }

  /** The last upload failed because somebody else has changed or made the file: it will fail again and again. */
  get isOutrun(): boolean {
    const error = this.#failure?.error
    return error instanceof FsError && (error.code === 'ESTALE' || error.code === 'EEXIST')
  }

  get failure(): unknown {
    return this.#failure?.error
  }

  /** From now on the bytes belong under another name, where they may replace a stored file. */
  retarget(replaces: FileEntry | undefined): void {
    this.#outdateRecord()
    this.stream.abandon()
    this.replaces = replaces
    this.#storedRevision = undefined
  }

  /** The file is back under the name where its stored bytes are. */
  returnTo(origin: Origin): void {
    this.#outdateRecord()
    this.replaces = origin.hidden.hidden
    this.#storedRevision = origin.storedRevision
    this.origin = undefined
  }

  /** @returns how to go back to what is stored where as of now */
  snapshot(): () => void {
    const { replaces, origin, covers } = this
    const storedRevision = this.#storedRevision
    return () => {
      this.#outdateRecord()
      this.replaces = replaces
      this.origin = origin
      this.covers = covers
      this.#storedRevision = storedRevision
    }
  }

  async upload(): Promise<void> {
    const upload = this.#upload()
    this.#uploads.add(upload)
    try {
      await upload
    } finally {
      this.#uploads.delete(upload)
    }
  }

  async #upload(): Promise<void> {
    try {
      if (this.#removesOriginFirst && this.#isLongerNameOfOrigin()) await this.#leaveOriginFirst()
      // Complete, so that a process that finds the entry after this one was killed can tell whether it was stored.
      await this.staging.withBytes(() => Promise.resolve())
      if (!this.node.isRemoved) await this.keep({ isDurable: false })
      await this.staging.withBytes((revision) => this.#send(revision)).finally(() => this.stream.abandon())
      await this.#leaveOrigin()
      this.#failure = undefined
    } catch (error) {
      this.#failure = { revision: this.staging.revision, error }
      await this.keep({ isDurable: true, reason: causeChain(error) })
      throw error
    }
    if (!this.isDirty()) await this.forget()
    this.#onStored()
  }

  /**
   * Makes sure that the bytes as they are now, and what is to become of them, outlive this process.
   * @param options.isDurable and a power failure
   */
  async keep(options: { readonly isDurable: boolean; readonly reason?: string }): Promise<void> {
    const before = this.#kept
    const isDurable = options.isDurable || (before?.isDurable ?? false)
    const { revision, isComplete } = this.staging
    const isKept =
      before?.revision === revision && before.isDurable === isDurable && before.isComplete === isComplete
    if (isKept && !options.reason) return
    await this.staging.keep(
      async ({ path, revision, ...state }) => {
        const record = this.#record(state, options.reason)
        if (!record) return
        const replaced = this.#kept
        const supersedes = replaced && replaced.path !== path ? entryId(replaced.path) : undefined
        await writeRecord(path, { ...record, ...(supersedes && { supersedes }) }, { isDurable })
        this.#kept = { path, revision, isDurable, isComplete: this.staging.isComplete }
        if (supersedes) await removeEntry(replaced!.path)
      },
      { isDurable },
    )
  }

  /** Waits for uploads that are under way, from their first step to their last. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#uploads)
    await this.staging.idle()
  }

  /** Deletes what the server has under the name the file was renamed from: it is deleted itself. */
  async removeOrigin(): Promise<void> {
    await this.#leaveOrigin()
  }

  /** Nobody needs the bytes any more. */
  async discard(): Promise<void> {
    this.stream.abandon()
    this.#releaseBase()
    await this.forget()
    await this.staging.remove()
  }

  /** The journal needs the bytes no more: the server has them, or nobody wants them. */
  async forget(): Promise<void> {
    const kept = this.#kept
    if (!kept) return
    this.#kept = undefined
    if (kept.path === this.staging.path) {
      await removeRecord(kept.path)
      this.staging.release()
    } else await removeEntry(kept.path)
  }

  /**
   * The file is about to be deleted. Until the server's older version of it is gone, the journal says so: that must not
   * come to light when this process ends in between.
   */
  async doom(): Promise<void> {
    const kept = this.#kept
    if (!kept || (!this.replaces && !this.origin)) return this.forget()
    const record = this.#recordOf({ sizeBytes: 0, written: [], baseEnd: 0 }, undefined)
    if (record) await writeRecord(kept.path, { ...record, isDeleted: true }, { isDurable: kept.isDurable })
    this.#outdateRecord()
  }

  /** Leaves the bytes in the journal, for another mount or for their owner. */
  async leave(): Promise<void> {
    this.stream.abandon()
    const reason = this.#failure && causeChain(this.#failure.error)
    await this.keep({ isDurable: true, ...(reason !== undefined && { reason }) })
    this.#releaseBase()
    await this.staging.close()
  }

  #record(
    state: Pick<JournalRecord, 'sizeBytes' | 'written' | 'baseEnd'>,
    reason: string | undefined,
  ): JournalRecord | undefined {
    return this.node.isRemoved ? undefined : this.#recordOf(state, reason)
  }

  #recordOf(
    state: Pick<JournalRecord, 'sizeBytes' | 'written' | 'baseEnd'>,
    reason: string | undefined,
  ): JournalRecord | undefined {
    const { origin, replaces } = this
    const { parent, name, path, overrides } = this.node
    if (!parent) return undefined
    const isOriginThere = origin !== undefined && origin.parent.overlay.get(origin.name) === origin.hidden
    return {
      format: 1,
      path,
      directory: parent.directory,
      name,
      ...state,
      mtimeMs: overrides.mtimeMs ?? this.mtimeMs,
      ...(replaces && { replaces }),
      ...(isOriginThere && {
        origin: { path: `${origin.parent.path}/${origin.name}`, file: origin.hidden.hidden },
      }),
      at: new Date().toISOString(),
      ...(reason !== undefined && { reason }),
    }
  }

  /** What the journal says of the bytes is true no more: the next `keep` writes it anew. */
  #outdateRecord(): void {
    if (this.#kept) this.#kept = { ...this.#kept, revision: -1 }
  }

  async #send(revision: number): Promise<void> {
    const { parent, name } = this.node
    if (!this.hasUnstoredBytes || !parent) return
    const { path, sizeBytes } = this.staging
    const started = this.stream.end(sizeBytes)
    const source = { path, sizeBytes, ...(started && { started }) }
    const stored = await this.#archive.store(parent.directory, name, source, this.replaces)
    this.replaces = stored
    this.covers = undefined
    this.#storedRevision = revision
    const { node } = this
    // The time of the last write stays: the server's own is that of the upload, and tools compare times.
    node.overrides.mtimeMs ??= this.mtimeMs
    node.entry = stored
    node.storedVersion = stored.version
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }

  /** XNAT would delete the new file together with the old one (xnat-wire.md §6). */
  #isLongerNameOfOrigin(): boolean {
    const { origin, node } = this
    return origin !== undefined && origin.parent === node.parent && node.name.startsWith(origin.name)
  }

  async #leaveOriginFirst(): Promise<void> {
    await this.staging.withBytes(() => Promise.resolve())
    await this.keep({ isDurable: true })
    await this.#leaveOrigin()
  }

  /**
   * A file that has got the old name meanwhile is another one, and stays. Where the new name begins with the old one,
   * the delete takes these bytes along, and they are stored once more (Removals): then this is called within itself.
   */
  async #leaveOrigin(): Promise<void> {
    const { origin } = this
    if (!origin || this.#isLeavingOrigin) return
    this.#isLeavingOrigin = true
    try {
      await this.#removeOrigin(origin)
      this.origin = undefined
    } finally {
      this.#isLeavingOrigin = false
    }
  }

  async #removeOrigin({ parent, name, hidden }: Origin): Promise<void> {
    const { overlay } = parent
    if (overlay.get(name) !== hidden) return
    await this.#removeStored(parent, hidden.hidden)
    const now = overlay.get(name)
    if (now === hidden) overlay.delete(name)
    // Made anew while it was deleted: there is nothing stored any more that it replaces.
    else if (now && 'ino' in now) now.local?.retarget(undefined)
  }
}
