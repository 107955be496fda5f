import type { Archive, FileEntry } from '../archive/archive.js'
import type { StagingFile } from '../data/staging-file.js'
import type { Outgoing } from '../data/write-back.js'
import type { Hidden, Node } from './node.js'

export interface LocalFileOptions {
  readonly archive: Pick<Archive, 'store'>
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

/** The bytes of a node that are here and perhaps not on the server. */
export class LocalFile implements Outgoing {
  readonly staging: StagingFile
  mtimeMs: number
  replaces: FileEntry | undefined
  /** Where the stored bytes of a file still lie that was renamed here, and not yet there. */
  origin:
    | { readonly parent: Node; readonly name: string; readonly hidden: Hidden; readonly revision: number }
    | undefined
  readonly #archive: Pick<Archive, 'store'>
  readonly #node: Node
  readonly #releaseBase: () => void
  readonly #onStored: () => void
  #hasFailed = false
  #storedRevision: number | undefined

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

  get isNew(): boolean {
    return this.#storedRevision === undefined
  }

  isDirty(): boolean {
    return !this.#node.isRemoved && this.#storedRevision !== this.staging.revision
  }

  /** Renamed here and unchanged, and the server still has the bytes under the old name: a backup of vim's, say. */
  get isCopyOfStored(): boolean {
    const { origin } = this
    return (
      origin !== undefined &&
      origin.revision === this.staging.revision &&
      origin.parent.overlay.get(origin.name) === origin.hidden
    )
  }

  /** The last upload failed, and nothing has changed since that another one would be better for. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** From now on the bytes belong under another name, where they may replace a stored file. */
  retarget(replaces: FileEntry | undefined): void {
    this.replaces = replaces
    this.#storedRevision = undefined
  }

  /** The bytes are again those of this stored file, as of `revision`. */
  returnTo(file: FileEntry, revision: number): void {
    this.replaces = file
    this.#storedRevision = revision
    this.origin = undefined
  }

  /** @returns how to go back to what is stored where as of now */
  snapshot(): () => void {
    const { replaces, origin } = this
    const storedRevision = this.#storedRevision
    return () => {
      this.replaces = replaces
      this.origin = origin
      this.#storedRevision = storedRevision
    }
  }

  async upload(): Promise<void> {
    this.#hasFailed = true
    await this.staging.withBytes((revision) => this.#send(revision))
    this.#hasFailed = false
    this.#onStored()
  }

  /** Waits for an upload that is under way. */
  async settled(): Promise<void> {
    await this.staging.idle()
  }

  async discard(): Promise<void> {
    this.#releaseBase()
    await this.staging.remove()
  }

  async #send(revision: number): Promise<void> {
    const { parent, name } = this.#node
    if (!this.isDirty() || !parent) return
    const source = { path: this.staging.path, sizeBytes: this.staging.sizeBytes }
    const stored = await this.#archive.store(parent.directory, name, source, this.replaces)
    this.replaces = stored
    this.#storedRevision = revision
    this.#becomeStored(stored)
  }

  #becomeStored(stored: FileEntry): void {
    const node = this.#node
    // The time of the last write stays: the server's own is that of the upload, and tools compare times.
    node.overrides.mtimeMs ??= this.mtimeMs
    node.entry = stored
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }
}
