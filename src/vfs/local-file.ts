import type { Archive, FileEntry } from '../archive/archive.js'
import type { StagingFile } from '../data/staging-file.js'
import type { Outgoing } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import { keepFolders } from './folders.js'
import type { Hidden, Node } from './node.js'
import { isTemporaryName } from './temporary-names.js'

export interface LocalFileOptions {
  readonly archive: Archive
  readonly node: Node
  readonly staging: StagingFile
  /** The stored file that an upload replaces, as it was when it was opened; undefined = it is new. */
  readonly replaces: FileEntry | undefined
  readonly mtimeMs: number
  /** Frees what the bytes below the staging file need. */
  readonly releaseBase: () => void
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

/** The bytes of a node that are here and perhaps not on the server. */
export class LocalFile implements Outgoing {
  readonly staging: StagingFile
  mtimeMs: number
  replaces: FileEntry | undefined
  origin: Origin | undefined
  /** The stored file under the present name that is not shown because of this one, and is not its older version. */
  covers: Hidden | undefined
  readonly #archive: Archive
  readonly #node: Node
  readonly #releaseBase: () => void
  readonly #onStored: () => void
  /** Which revision the server has under the present name; undefined = none. */
  #storedRevision: number | undefined
  #failure: { readonly revision: number; readonly error: unknown } | undefined

  constructor(options: LocalFileOptions) {
    this.#archive = options.archive
    this.#node = options.node
    this.staging = options.staging
    this.replaces = options.replaces
    this.mtimeMs = options.mtimeMs
    this.#releaseBase = options.releaseBase
    this.#onStored = options.onStored
    this.#storedRevision = options.replaces ? options.staging.revision : undefined
  }

  get path(): string {
    return this.#node.path
  }

  get storedRevision(): number | undefined {
    return this.#storedRevision
  }

  get isNew(): boolean {
    return this.#storedRevision === undefined
  }

  isBeingWritten(): boolean {
    return this.#node.writers > 0
  }

  /** The server lacks bytes, or still has them under a name that the file no longer has. */
  isDirty(): boolean {
    return this.hasUnstoredBytes || (this.origin !== undefined && !isTemporaryName(this.#node.name))
  }

  get hasUnstoredBytes(): boolean {
    return !this.#node.isRemoved && this.#storedRevision !== this.staging.revision
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
    this.replaces = replaces
    this.#storedRevision = undefined
  }

  /** The file is back under the name where its stored bytes are. */
  returnTo(origin: Origin): void {
    this.replaces = origin.hidden.hidden
    this.#storedRevision = origin.storedRevision
    this.origin = undefined
  }

  /** @returns how to go back to what is stored where as of now */
  snapshot(): () => void {
    const { replaces, origin, covers } = this
    const storedRevision = this.#storedRevision
    return () => {
      this.replaces = replaces
      this.origin = origin
      this.covers = covers
      this.#storedRevision = storedRevision
    }
  }

  async upload(): Promise<void> {
    try {
      await this.staging.withBytes((revision) => this.#send(revision))
      await this.#leaveOrigin()
      this.#failure = undefined
    } catch (error) {
      this.#failure = { revision: this.staging.revision, error }
      throw error
    }
    this.#onStored()
  }

  /** Waits for an upload that is under way. */
  async settled(): Promise<void> {
    await this.staging.idle()
  }

  /** Deletes what the server has under the name the file was renamed from: it is deleted itself. */
  async removeOrigin(): Promise<void> {
    await this.#leaveOrigin()
  }

  async discard(): Promise<void> {
    this.#releaseBase()
    await this.staging.remove()
  }

  async #send(revision: number): Promise<void> {
    const { parent, name } = this.#node
    if (!this.hasUnstoredBytes || !parent) return
    const source = { path: this.staging.path, sizeBytes: this.staging.sizeBytes }
    const stored = await this.#archive.store(parent.directory, name, source, this.replaces)
    this.replaces = stored
    this.covers = undefined
    this.#storedRevision = revision
    const node = this.#node
    // The time of the last write stays: the server's own is that of the upload, and tools compare times.
    node.overrides.mtimeMs ??= this.mtimeMs
    node.entry = stored
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }

  /** A file that has got the old name meanwhile is another one, and stays. */
  async #leaveOrigin(): Promise<void> {
    const { origin } = this
    if (!origin) return
    const { overlay } = origin.parent
    if (overlay.get(origin.name) === origin.hidden) {
      await this.#archive.remove(origin.hidden.hidden)
      const now = overlay.get(origin.name)
      if (now === origin.hidden) overlay.delete(origin.name)
      // Made anew while it was deleted: there is nothing stored any more that it replaces.
      else if (now && 'ino' in now) now.local?.retarget(undefined)
      keepFolders(origin.parent, this.#archive)
    }
    this.origin = undefined
  }
}
