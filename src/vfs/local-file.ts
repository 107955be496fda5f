import type { FileEntry } from '../archive/archive.js'
import { entryId } from '../data/journal-record.js'
import type { StagingFile } from '../data/staging-file.js'
import type { HeldBytes, StagingState } from '../data/staging-state.js'
import type { Outgoing } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import { Lock } from '../util/lock.js'
import { causeChain } from '../util/log.js'
import { DoubtfulUploads } from './doubtful-uploads.js'
import { FailedUpload } from './failed-upload.js'
import { KeptBytes } from './kept-bytes.js'
import type { Describe } from './kept-bytes.js'
import { LocalStream } from './local-stream.js'
import type { LocalFileOptions } from './local-file-options.js'
import { isLongerName, originRecord } from './node.js'
import type { Hidden, Node, Origin } from './node.js'
import { leaveHidden } from './removals.js'
import { isBackupName, isTemporaryName } from './temporary-names.js'

/** Of local bytes that are not here any more. */
const olderRevision = -1

/** The bytes of a node that are here and perhaps not on the server. */
export class LocalFile implements Outgoing {
  readonly staging: StagingFile
  readonly stream = new LocalStream()
  readonly doubtful: DoubtfulUploads
  /** Its entry in the journal. */
  readonly kept: KeptBytes
  mtimeMs: number
  replaces: FileEntry | undefined
  origin: Origin | undefined
  /** The stored file under the present name that is not shown because of this one, and is not its older version. */
  covers: Hidden | undefined
  /** The journal entry of the file that had the present name before this one was renamed. */
  displaces: string | undefined
  readonly #archive: LocalFileOptions['archive']
  readonly node: Node
  readonly #removesOriginFirst: boolean
  readonly #releaseBase: () => void
  readonly #removeStored: LocalFileOptions['removeStored']
  readonly #onStored: LocalFileOptions['onStored']
  /** Which revision the server has under the present name; undefined = none. */
  #storedRevision: number | undefined
  #hasLeftQueue = false
  #failure: FailedUpload | undefined
  #isLeavingOrigin = false
  #turn: AbortController | undefined
  readonly #uploads = new Set<Promise<void>>()
  readonly #turns = new Lock()
  /** The upload that was asked for last, while it is under way. */
  #running: { readonly revision: number; readonly upload: Promise<void> } | undefined

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
    this.doubtful = new DoubtfulUploads(options.resumed?.record.doubtful)
    const { staging, resumed } = options
    const describe: Describe = (state) => this.#describe(state)
    const isWanted = (): boolean => !this.node.isRemoved
    this.kept = new KeptBytes({ staging, describe, isWanted, resumed: resumed?.record })
    if (options.replaces && (!resumed || resumed.isStored)) this.#storedRevision = staging.revision
  }

  /** Names it in the journal. */
  get id(): string {
    return entryId(this.staging.path)
  }

  get path(): string {
    return this.node.path
  }

  get isLeavingOrigin(): boolean {
    return this.#isLeavingOrigin
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
    return this.hasFailed && this.#failure!.isPassing
  }

  /**
   * It is on its way to another name, and the server hears nothing of it before: neither of a new file of such a name, nor
   * of a stored one that was renamed as backups are.
   */
  get staysHere(): boolean {
    const { name } = this.node
    if (this.replaces || !isTemporaryName(name)) return false
    return this.origin === undefined || isBackupName(name)
  }

  /** The server lacks bytes, or still has them under a name that the file no longer has. */
  isDirty(): boolean {
    return this.hasUnstoredBytes || (this.origin !== undefined && !this.staysHere)
  }

  get hasUnstoredBytes(): boolean {
    return !this.node.isRemoved && this.#storedRevision !== this.staging.revision
  }

  /** Bytes that are nowhere but here. A backup of vim's, renamed and unchanged, still lies under its old name. */
  get isUnsent(): boolean {
    const isAtOrigin = this.isOriginThere && this.origin?.storedRevision === this.staging.revision
    return this.hasUnstoredBytes && !isAtOrigin
  }

  /** The server has a file under the old name, and no other file has got that. */
  get isOriginThere(): boolean {
    const { origin } = this
    return origin !== undefined && origin.parent.overlay.get(origin.name) === origin.hidden
  }

  /** The last upload failed, and nothing was written since. */
  get hasFailed(): boolean {
    return this.#failure?.revision === this.staging.revision
  }

  /** The last upload failed because somebody else has changed or made the file: it will fail again and again. */
  get isOutrun(): boolean {
    return this.#failure?.isOutrun ?? false
  }

  get failure(): unknown {
    return this.#failure?.error
  }

  /** From now on the bytes belong under another name, where they may replace a stored file, or one that may be stored. */
  retarget(replaces: FileEntry | undefined, displaced?: LocalFile): void {
    this.kept.outdate()
    this.doubtful.restart(displaced?.doubtful)
    this.stream.abandon()
    this.replaces = replaces
    this.#storedRevision = undefined
  }

  /** The stored file that it was to replace is gone. */
  replacesNothing(): void {
    this.retarget(undefined)
    this.covers = undefined
  }

  /** The file is back under the name where its stored bytes are. */
  returnTo(origin: Origin): void {
    this.kept.outdate()
    this.replaces = origin.hidden.hidden
    this.#storedRevision = origin.storedRevision
    this.origin = undefined
  }

  /** @returns how to go back to what is stored where as of now */
  snapshot(): () => void {
    const { replaces, origin, covers, displaces } = this
    const storedRevision = this.#storedRevision
    return () => {
      this.kept.outdate()
      this.replaces = replaces
      this.origin = origin
      this.covers = covers
      this.displaces = displaces
      this.#storedRevision = storedRevision
    }
  }

  /** Sends what the server lacks. Those who ask for the same bytes meanwhile get the same answer. */
  async upload(): Promise<void> {
    // Within an upload it is called for what a delete has taken along: see removeOrigin.
    const { revision } = this.staging
    if (this.#isLeavingOrigin) return this.#counted(this.#upload(revision))
    if (this.#running?.revision === revision) return this.#running.upload
    const upload = this.#turns.run(() => (this.isDirty() ? this.#upload(revision) : undefined))
    this.#running = { revision, upload }
    return this.#counted(upload)
  }

  async #counted(upload: Promise<void>): Promise<void> {
    this.#uploads.add(upload)
    try {
      await upload
    } finally {
      this.#uploads.delete(upload)
      if (this.#running?.upload === upload) this.#running = undefined
    }
  }

  /** @param asked the revision that was there when this was asked for */
  async #upload(asked: number): Promise<void> {
    this.#hasLeftQueue = false
    let revision = asked
    try {
      if (this.#removesOriginFirst && isLongerName(this.node, this.origin)) await this.#leaveOriginFirst()
      const send = (held: HeldBytes): Promise<void> => {
        this.#requireAsked(held, asked)
        revision = held.revision
        return this.#send(held)
      }
      await this.doubtful.whenStaying(this.staging, send).finally(() => this.stream.abandon())
      await this.removeOrigin()
      this.#failure = undefined
    } catch (error) {
      this.#failure = new FailedUpload(revision, error)
      // That of thousands at once need not be told: each would be written to the disk anew.
      const reason = this.#hasLeftQueue ? undefined : causeChain(error)
      const isKept = reason !== undefined && this.kept.revision === revision
      await (isKept ? this.kept.restate(reason) : this.keep({ isDurable: true, reason, onlyOf: revision }))
      throw error
    }
    if (this.node.isRemoved) return // who deletes it needs the bytes until that is done, or refused
    await this.#onStored()
  }

  /**
   * Makes sure that the bytes as they are now, and what is to become of them, outlive this process.
   * @param options.isDurable and a power failure
   */
  keep(options: Parameters<KeptBytes['keep']>[0]): Promise<void> {
    return this.kept.keep(options)
  }

  /** No upload begins meanwhile, but for one that deletes an old name, and may wait for this very task. */
  undisturbed<T>(task: () => Promise<T>): Promise<T> {
    return this.origin ? task() : this.#turns.run(task)
  }

  /** It need not be sent any more, unless that has begun. */
  leaveQueue(): void {
    this.#hasLeftQueue = true
    this.stream.abandon()
    const nextStep = 'mount again: the journal has it'
    this.#turn?.abort(new FsError('EIO', `${this.path}: it is not to be sent any more`, { nextStep }))
  }

  /** Waits for uploads that are under way, from their first step to their last. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#uploads)
    await this.staging.idle()
  }

  /**
   * Finds out whether an upload of which no answer came was stored all the same: then that is this file's older version,
   * or the file itself.
   */
  async settleDoubt(): Promise<void> {
    const { parent, name } = this.node
    const found = parent && (await this.doubtful.find(this.#archive, parent.directory, name))
    if (!found || found.file.version === this.replaces?.version) return
    this.kept.outdate()
    this.#failure = undefined
    const { revision = olderRevision } = found
    if (revision === this.staging.revision) this.#becomeStored(found.file, revision)
    else {
      this.replaces = found.file
      this.#storedRevision = revision
    }
  }

  /** Nobody needs the bytes any more. */
  async discard(): Promise<void> {
    this.stream.abandon()
    this.#releaseBase()
    await this.kept.remove()
  }

  /** This file, which is still being written, has got the name of another, whose bytes it replaces when it is kept. */
  adopt(displaced: LocalFile): void {
    this.kept.adopt(displaced.kept)
  }

  /**
   * The file is about to be deleted. Until the server's older version of it is gone, the journal says so: that must not
   * come to light when this process ends in between.
   * @returns how to take that back when the server does not delete it
   */
  async doom(): Promise<() => Promise<void>> {
    if (this.replaces || this.origin) return this.kept.doom()
    await this.kept.forget()
    return () => Promise.resolve()
  }

  /** Leaves the bytes in the journal, for another mount or for their owner. */
  async leave(): Promise<void> {
    this.stream.abandon()
    const reason = this.#hasLeftQueue ? undefined : this.#failure && causeChain(this.#failure.error)
    // The beginning of a file that is written anew does not take the place of what was promised.
    const isShorter = this.isBeingWritten() && this.staging.sizeBytes < (this.kept.sizeBytes ?? 0)
    await (isShorter ? this.kept.restate(reason) : this.keep({ isDurable: true, reason }))
    this.#releaseBase()
    await this.staging.close()
  }

  #describe(state: StagingState): ReturnType<Describe> {
    const { origin, replaces, displaces } = this
    const { parent, name, path, overrides } = this.node
    if (!parent) return undefined
    return {
      path,
      directory: parent.directory,
      name,
      ...state,
      mtimeMs: overrides.mtimeMs ?? this.mtimeMs,
      ...(replaces && { replaces }),
      ...(this.covers && { covers: true }),
      ...(displaces !== undefined && { displaces }),
      ...(origin && this.isOriginThere && { origin: originRecord(origin, this.#isLeavingOrigin) }),
      ...this.doubtful.record,
    }
  }

  /** What was asked for is in the journal; what is there now may be half of something, which was promised to nobody. */
  #requireAsked({ revision }: HeldBytes, asked: number): void {
    if (revision === asked || this.kept.revision !== asked || !this.isBeingWritten()) return
    throw new FsError('EBUSY', `${this.path} is being written again`, { nextStep: 'wait until it is closed' })
  }

  async #send(held: HeldBytes): Promise<void> {
    const { revision } = held
    const { parent, name } = this.node
    // Just what is sent is in the journal: who finds it there after a kill can tell whether the server has it.
    if (!this.node.isRemoved) await this.keep({ isDurable: false, held })
    if (!this.hasUnstoredBytes || !parent) return
    await this.covers?.leaving?.catch(() => {}) // whoever deletes it is told
    await this.settleDoubt()
    if (!this.hasUnstoredBytes) return
    const { path, sizeBytes, bytes } = this.staging
    const started = this.stream.end(sizeBytes)
    const { signal: unwanted } = (this.#turn = new AbortController())
    const source = { path, sizeBytes, ...(bytes && { bytes }), ...(started && { started }), unwanted }
    try {
      const stored = await this.#archive.store(parent.directory, name, source, this.replaces)
      this.#becomeStored(stored, revision)
    } catch (error) {
      if (error === unwanted.reason) {
        if (this.node.isRemoved) return // nothing was sent
        throw error
      }
      await this.doubtful.note(source, revision)
      throw error
    }
  }

  #becomeStored(stored: FileEntry, revision: number): void {
    this.doubtful.restart()
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

  async #leaveOriginFirst(): Promise<void> {
    await this.settleDoubt() // the delete may take a file of this name along
    await this.staging.withBytes((held) => this.keep({ isDurable: true, held }))
    await this.removeOrigin()
  }

  /**
   * Deletes what is stored under the old name, if no other file has got that. Where the new name begins with the old
   * one, the delete takes these bytes along, and they are stored once more (Removals): a call within itself.
   */
  async removeOrigin(): Promise<void> {
    const { origin } = this
    if (!origin || this.#isLeavingOrigin) return
    this.#isLeavingOrigin = true
    try {
      // Where that is not possible, the delete is looked after as long as this process lives.
      const isRecordOnly = this.kept.id !== undefined || this.isBeingWritten()
      await (isRecordOnly ? this.kept.restate() : this.keep({ isDurable: true })).catch(() => {})
      await leaveHidden(origin, { remove: this.#removeStored })
      this.origin = undefined
    } finally {
      this.#isLeavingOrigin = false
    }
  }
}
