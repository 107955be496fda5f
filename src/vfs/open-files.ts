import type { Archive, FileEntry, MaybePromise } from '../archive/archive.js'
import type { FileReader, SizedFile } from '../data/file-reader.js'
import type { FileReaders } from '../data/file-readers.js'
import { ReadAhead } from '../data/read-ahead.js'
import type { JournalEntry } from '../data/journal-record.js'
import { StagingFile } from '../data/staging-file.js'
import type { WriteBack } from '../data/write-back.js'
import { inBackground } from '../util/background.js'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { SingleFlight, withSignal } from '../util/single-flight.js'
import { sizeOf } from './attributes.js'
import { HandleTable } from './handle-table.js'
import type { InodeTable } from './inode-table.js'
import { LocalFile } from './local-file.js'
import type { Namespace } from './namespace.js'
import type { Hidden, Node } from './node.js'
import { Removals } from './removals.js'
import { baseOf, sizedFile } from './stored-base.js'
import { isTemporaryName } from './temporary-names.js'

/** When the bytes of a file must be on the server: when close() returns, or some time after. */
export type WriteMode = 'close' | 'back'

export interface OpenFilesOptions {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly writeBack: WriteBack
  readonly table: InodeTable
  readonly names: Namespace
  /** The journal: where the bytes of files being written are kept. */
  readonly stagingDirectory: string
  readonly isReadOnly: boolean
  readonly writeMode: WriteMode
  readonly log: Log
  readonly now: () => number
}

export interface Opened {
  readonly handle: number
  /** The kernel may keep what it has read of the file: its bytes are those of the last open. */
  readonly keepCache: boolean
}

/** State of one open(). */
interface FileHandle {
  readonly node: Node
  readonly canWrite: boolean
  /** The version that was opened: what is read is of this one or an error. */
  readonly file: SizedFile | undefined
  reader: FileReader | undefined
  ahead: ReadAhead | undefined
  /** Counted in the node's `writers`: may write, and no close() has been seen since it last did. */
  isWriting: boolean
}

/** What is done with files that are open, and how their bytes get home. */
export class OpenFiles {
  readonly removals: Removals
  readonly #options: OpenFilesOptions
  readonly #handles = new HandleTable<FileHandle>()
  readonly #makingLocal = new SingleFlight<LocalFile>()
  /** Files with bytes here, whether or not they are on their way. */
  readonly #locals = new Set<LocalFile>()

  constructor(options: OpenFilesOptions) {
    this.#options = options
    this.removals = new Removals({
      ...options,
      makeLocal: (node) => this.makeLocal(node),
      acknowledge: (node, local) => this.acknowledge(node, local),
      settle: (node, local) => this.settle(node, local),
      hold: (node) => this.hold(node),
    })
  }

  /** Keeps local bytes although an upload may come to its end. @returns the end of that */
  hold(node: Node): () => void {
    this.#options.table.ref(node, 'handles')
    return () => {
      this.#options.table.unref(node, 'handles')
      if (node.local) this.settle(node, node.local)
    }
  }

  async open(node: Node, canWrite: boolean, signal?: AbortSignal): Promise<Opened> {
    if (node.kind === 'directory') throw new FsError('EISDIR', `${node.path} is a directory`)
    await this.#options.names.refresh(node, signal)
    if (canWrite) this.requireWritable(node)
    if (!node.local) await this.#checkReported(node, signal)
    return this.addHandle(node, canWrite)
  }

  /** A handle for a node that is known to be openable. */
  addHandle(node: Node, canWrite: boolean): Opened {
    const file = sizedFile(node.file)
    const version = node.local ? undefined : file?.version
    const keepCache = version !== undefined && node.openedVersion === version
    node.openedVersion = version
    this.#options.table.ref(node, 'handles')
    if (canWrite) {
      node.writers++
      if (node.local) this.#options.writeBack.cancel(node.local)
    }
    const handle = this.#handles.add({
      node,
      canWrite,
      file,
      reader: undefined,
      ahead: undefined,
      isWriting: canWrite,
    })
    return { handle, keepCache }
  }

  requireWritable(node: Node): void {
    if (this.#options.isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack = node.entry && this.#options.archive.lacks(node.entry, 'write')
    if (lack) throw lack
  }

  read(number: number, offset: number, lengthBytes: number, signal?: AbortSignal): MaybePromise<Uint8Array> {
    const handle = this.#handles.get(number)
    const { node, file } = handle
    if (node.local) return node.local.staging.read(offset, lengthBytes, signal)
    if (!file) return new Uint8Array(0)
    this.#requireOpenedVersion(handle)
    handle.reader ??= this.#options.readers.acquire(file)
    handle.ahead ??= new ReadAhead(file.sizeBytes)
    const bytes = handle.reader.read(offset, lengthBytes, signal)
    const ahead = handle.ahead.observe(offset, lengthBytes)
    if (ahead) this.#options.readers.readAhead(handle.reader, ahead)
    return bytes
  }

  async write(number: number, offset: number, bytes: Uint8Array): Promise<void> {
    const handle = this.#handles.get(number)
    const { node, canWrite } = handle
    if (!canWrite) throw new FsError('EBADF', `${node.path} is not open for writing`)
    if (!handle.isWriting) {
      handle.isWriting = true // one descriptor of several was closed; this is another
      node.writers++
    }
    if (!node.local) this.#requireOpenedVersion(handle)
    const local = node.local ?? (await this.makeLocal(node))
    await local.staging.write(offset, bytes)
    this.#touch(node, local)
  }

  async truncate(node: Node, sizeBytes: number): Promise<void> {
    this.requireWritable(node)
    const release = this.hold(node)
    try {
      if (sizeBytes === 0 && node.local?.isOutrun && node.handles <= 2)
        await this.#startOver(node, node.local)
      const local = node.local ?? (await this.makeLocal(node))
      await local.staging.truncate(sizeBytes)
      this.#touch(node, local)
      // Without a handle there is no close() that could store it, or tell that it failed.
      if (node.writers === 0) await this.acknowledge(node, local)
    } finally {
      release()
    }
  }

  /**
   * Somebody else has changed the file, so these bytes can never be stored; now it is overwritten from its beginning.
   * They stay in the journal, and the file is what the server has.
   */
  async #startOver(node: Node, local: LocalFile): Promise<void> {
    this.#options.log.warn(
      `${node.path} was changed by somebody else; what was written before is kept: xnatfs pending export`,
    )
    await this.leave(node, local)
    try {
      await this.#options.names.refresh(node)
    } catch (error) {
      if (!(error instanceof FsError && error.code === 'ENOENT')) throw error
      node.entry = undefined
      await this.startNew(node, undefined)
      node.parent?.overlay.set(node.name, node)
    }
  }

  /** Leaves local bytes in the journal; the node is what the server has. */
  async leave(node: Node, local: LocalFile): Promise<void> {
    this.#options.writeBack.cancel(local)
    await local.leave()
    this.#release(node, local)
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }

  /**
   * close(2) of a descriptor. The last one of a file that may write stores what was written, or in the mode 'back'
   * makes sure that it will be, as the others do; its error is the errno of close(). The kernel's release() comes later.
   */
  async flush(number: number, signal?: AbortSignal): Promise<void> {
    const handle = this.#handles.get(number)
    const { node } = handle
    this.#stopWriting(handle)
    const { local } = node
    if (!handle.canWrite || !local?.isDirty()) return
    // Another descriptor writes on: what this one has written is not sent yet, but outlives this process.
    const done = node.writers > 0 ? local.keep({ isDurable: true }) : this.acknowledge(node, local)
    await withSignal(done, signal)
  }

  /**
   * What has to be done before a program may believe that its bytes are safe: they are stored, or in the journal. A
   * temporary name is not sent at all. A new file that is still empty is sent a little later: the shell closes the
   * first descriptor of `>` before a program writes to the second.
   */
  acknowledge(node: Node, local: LocalFile): Promise<void> {
    const mayWait = isTemporaryName(node.name) || (local.isNew && local.staging.sizeBytes === 0)
    if (this.#options.writeMode === 'close' && !mayWait) return this.#options.writeBack.flush(local)
    return local.keep({ isDurable: true })
  }

  async fsync(number: number, signal?: AbortSignal): Promise<void> {
    const { node } = this.#handles.get(number)
    const { local } = node
    if (!local?.isDirty()) return
    const done = isTemporaryName(node.name)
      ? local.keep({ isDurable: true })
      : this.#options.writeBack.flush(local)
    await withSignal(done, signal)
  }

  release(number: number): void {
    const handle = this.#handles.remove(number)
    const { node, reader } = handle
    if (reader) this.#options.readers.release(reader)
    this.#stopWriting(handle)
    node.handles--
    if (node.local) this.settle(node, node.local)
    this.#options.table.release(node)
  }

  /** Lets go of local bytes that nobody needs: not open, and on the server or not wanted there. */
  settle(node: Node, local: LocalFile): void {
    const { writeMode } = this.#options
    if (node.handles > 0 || node.local !== local) return
    if (local.isDirty()) {
      const isHopeless = local.hasFailed && !(writeMode === 'back' && local.isWorthAnotherTry())
      if (!isTemporaryName(node.name) && !isHopeless) this.#sendLater(node, local)
      return
    }
    if (isTemporaryName(node.name) && !node.isRemoved) return
    this.#letGo(node, local)
  }

  /** Written through a memory map after close(), say: nobody has been promised anything yet. */
  #sendLater(node: Node, local: LocalFile): void {
    this.#options.writeBack.later(local)
    inBackground(this.#options.log, `keep the bytes of ${node.path}`, local.keep({ isDurable: true }))
  }

  #letGo(node: Node, local: LocalFile): void {
    this.#options.writeBack.cancel(local)
    this.#release(node, local)
    inBackground(this.#options.log, `remove the local bytes of ${node.path}`, local.discard())
  }

  #release(node: Node, local: LocalFile): void {
    this.#locals.delete(local)
    node.local = undefined
    node.openedVersion = undefined
    this.#options.table.release(node)
  }

  /** Files whose bytes are nowhere but here. */
  get unsent(): readonly LocalFile[] {
    return [...this.#locals].filter((local) => local.isUnsent)
  }

  /** Files about which the server has to be told something. */
  get dirty(): readonly LocalFile[] {
    return [...this.#locals].filter((local) => local.isDirty())
  }

  /** Nobody wants these bytes on the server. */
  async discard(local: LocalFile): Promise<void> {
    const { node } = local
    this.#options.writeBack.cancel(local)
    await local.settled()
    await local.forget()
    const { origin } = local
    if (origin && origin.parent.overlay.get(origin.name) === origin.hidden)
      origin.parent.overlay.delete(origin.name)
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
    if (!node.entry) this.#options.table.detach(node)
    this.#letGo(node, local)
  }

  /** Leaves everything that is unsent in the journal. */
  async leaveAll(): Promise<void> {
    for (const local of this.unsent) await this.leave(local.node, local)
  }

  /**
   * A place for the bytes of a new file.
   * @param covers the stored file of that name which is hidden here: the new one replaces it
   */
  async startNew(node: Node, covers: Hidden | undefined): Promise<void> {
    const staging = await StagingFile.create(this.#options.stagingDirectory)
    node.local = this.#localFile(node, staging, undefined, () => {})
    node.local.covers = covers
    if (covers) node.local.retarget(covers.hidden)
  }

  /** Prepares a stored file for changes. */
  makeLocal(node: Node): Promise<LocalFile> {
    return this.#makingLocal.run(String(node.ino), undefined, async () => {
      if (node.local) return node.local
      const file = sizedFile(node.file)
      if (!file) throw new FsError('EIO', `${node.path} has no bytes to change`)
      const reader = this.#options.readers.acquire(file)
      const release = (): void => this.#options.readers.release(reader)
      try {
        const staging = await StagingFile.create(this.#options.stagingDirectory, baseOf(file, reader))
        node.local = this.#localFile(node, staging, file, release)
        return node.local
      } catch (error) {
        release()
        throw error
      }
    })
  }

  /** Local bytes that another process has left. @param isStored the server has exactly these */
  async resumeLocal(node: Node, entry: JournalEntry, isStored: boolean): Promise<LocalFile> {
    const { record, stagingPath } = entry
    const file = record.baseEnd > 0 ? sizedFile(record.replaces) : undefined
    const reader = file && this.#options.readers.acquire(file)
    const release = (): void => reader && this.#options.readers.release(reader)
    try {
      const staging = await StagingFile.open(stagingPath, record, file && reader && baseOf(file, reader))
      const replaces = isStored ? node.file : record.replaces
      node.local = this.#localFile(node, staging, replaces, release, isStored ? 'stored' : 'unsent')
      node.local.mtimeMs = record.mtimeMs
      return node.local
    } catch (error) {
      release()
      throw error
    }
  }

  #localFile(
    node: Node,
    staging: StagingFile,
    replaces: FileEntry | undefined,
    releaseBase: () => void,
    resumedAs?: 'unsent' | 'stored',
  ): LocalFile {
    const local: LocalFile = new LocalFile({
      archive: this.#options.archive,
      removeStored: (parent, stored) => this.removals.remove(parent, stored),
      node,
      staging,
      replaces,
      mtimeMs: this.#options.now(),
      resumedAs,
      releaseBase,
      onStored: () => this.settle(node, local),
    })
    this.#locals.add(local)
    return local
  }

  /** The kernel keeps one set of pages for all handles of a file: those of two versions would mix in it. */
  #requireOpenedVersion({ node, file }: FileHandle): void {
    if (!file || file.version === node.file?.version) return
    throw new FsError('ESTALE', `${node.path} was changed on the server; open it again`)
  }

  #stopWriting(handle: FileHandle): void {
    if (handle.isWriting) handle.node.writers--
    handle.isWriting = false
  }

  #touch(node: Node, local: LocalFile): void {
    local.mtimeMs = this.#options.now()
    delete node.overrides.mtimeMs
  }

  /**
   * The kernel believes the size it was last told, and would take a file that has grown for ended there. An ESTALE of
   * open() makes it look the name up anew and open it again.
   */
  async #checkReported(node: Node, signal: AbortSignal | undefined): Promise<void> {
    const { file } = node
    if (file && file.sizeBytes === undefined) {
      await this.#options.readers.measure(file, signal)
      await this.#options.names.refresh(node, signal)
    }
    if (node.reportedSizeBytes === undefined || node.reportedSizeBytes === sizeOf(node)) return
    throw new FsError('ESTALE', `${node.path} has another size than before; it is looked up again`)
  }
}
