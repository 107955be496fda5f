import type { Archive, FileEntry, MaybePromise } from '../archive/archive.js'
import type { FileReader, SizedFile } from '../data/file-reader.js'
import type { FileReaders } from '../data/file-readers.js'
import { ReadAhead } from '../data/read-ahead.js'
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
import { isTemporaryName } from './temporary-names.js'

export interface OpenFilesOptions {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly writeBack: WriteBack
  readonly table: InodeTable
  readonly names: Namespace
  /** Where the bytes of files being written are kept. */
  readonly stagingDirectory: string
  readonly isReadOnly: boolean
  /** Moves bytes that cannot be sent to where their owner finds them. @returns where, in the order of `files` */
  readonly keepUnsent: (files: readonly LocalFile[]) => Promise<string[]>
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
  readonly #options: OpenFilesOptions
  readonly #handles = new HandleTable<FileHandle>()
  readonly #makingLocal = new SingleFlight<LocalFile>()
  /** Files with bytes here, whether or not they are on their way. */
  readonly #locals = new Set<LocalFile>()

  constructor(options: OpenFilesOptions) {
    this.#options = options
  }

  async open(node: Node, canWrite: boolean, signal?: AbortSignal): Promise<Opened> {
    if (node.kind === 'directory') throw new FsError('EISDIR', `${node.path} is a directory`)
    await this.#options.names.refresh(node, signal)
    if (canWrite) this.requireWritable(node)
    if (!node.local) {
      await this.#ascertain(node, signal)
      this.#checkReported(node)
    }
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
    if (node.handles === 0 && !node.local) await this.#ascertain(node, undefined)
    this.#options.table.ref(node, 'handles') // the bytes are not to be let go of meanwhile
    try {
      if (sizeBytes === 0 && node.local?.isOutrun && node.handles <= 2)
        await this.#startOver(node, node.local)
      const local = node.local ?? (await this.makeLocal(node))
      await local.staging.truncate(sizeBytes)
      this.#touch(node, local)
      // Without a handle there is no close() that could store it, or tell that it failed.
      if (node.writers === 0 && !isTemporaryName(node.name)) await this.#options.writeBack.flush(local)
    } finally {
      this.#options.table.unref(node, 'handles')
      if (node.local) this.settle(node, node.local)
    }
  }

  /**
   * Somebody else has changed the file, so these bytes can never be stored; now it is overwritten from its beginning.
   * They are put aside, and the file is what the server has.
   */
  async #startOver(node: Node, local: LocalFile): Promise<void> {
    const [kept] = await this.#options.keepUnsent([local])
    this.#options.log.warn(
      `${node.path} was changed by somebody else; what was written before is kept as ${kept}`,
    )
    this.#letGo(node, local)
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
    try {
      await this.#options.names.refresh(node)
    } catch (error) {
      if (!(error instanceof FsError && error.code === 'ENOENT')) throw error
      node.entry = undefined
      await this.startNew(node, undefined)
      node.parent?.overlay.set(node.name, node)
    }
  }

  /**
   * close(2) of a descriptor. The last one of a file that may write stores what was written; its error is the errno of
   * close(). Which one is the last is known here only: the kernel's release() comes when close() has long returned.
   * A new file that is still empty waits: the shell closes the first descriptor of `>` before a program writes to the
   * second.
   */
  async flush(number: number, signal?: AbortSignal): Promise<void> {
    const handle = this.#handles.get(number)
    const { node } = handle
    this.#stopWriting(handle)
    const { local } = node
    if (!handle.canWrite || !local?.isDirty() || node.writers > 0 || isTemporaryName(node.name)) return
    if (local.isNew && local.staging.sizeBytes === 0) return
    await withSignal(this.#options.writeBack.flush(local), signal)
  }

  async fsync(number: number, signal?: AbortSignal): Promise<void> {
    const { node } = this.#handles.get(number)
    if (!node.local?.isDirty() || isTemporaryName(node.name)) return
    await withSignal(this.#options.writeBack.flush(node.local), signal)
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
    if (node.handles > 0 || node.local !== local) return
    if (local.isDirty()) {
      if (!isTemporaryName(node.name) && !local.hasFailed) this.#options.writeBack.later(local)
      return
    }
    if (isTemporaryName(node.name) && !node.isRemoved) return
    this.#letGo(node, local)
  }

  #letGo(node: Node, local: LocalFile): void {
    this.#options.writeBack.cancel(local)
    this.#locals.delete(local)
    node.local = undefined
    node.openedVersion = undefined
    this.#options.table.release(node)
    inBackground(this.#options.log, `remove the local bytes of ${node.path}`, local.discard())
  }

  /** Files whose bytes are nowhere but here. */
  get unsent(): readonly LocalFile[] {
    return [...this.#locals].filter((local) => local.isUnsent)
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
      if (node.handles === 0) await this.#ascertain(node, undefined)
      const file = sizedFile(node.file)
      if (!file) throw new FsError('EIO', `${node.path} has no bytes to change`)
      const reader = this.#options.readers.acquire(file)
      const release = (): void => this.#options.readers.release(reader)
      try {
        const staging = await StagingFile.create(this.#options.stagingDirectory, {
          sizeBytes: file.sizeBytes,
          read: (offset, lengthBytes, signal) => reader.read(offset, lengthBytes, signal),
        })
        node.local = this.#localFile(node, staging, file, release)
        return node.local
      } catch (error) {
        release()
        throw error
      }
    })
  }

  #localFile(
    node: Node,
    staging: StagingFile,
    replaces: FileEntry | undefined,
    releaseBase: () => void,
  ): LocalFile {
    const local: LocalFile = new LocalFile({
      archive: this.#options.archive,
      node,
      staging,
      replaces,
      mtimeMs: this.#options.now(),
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

  /** Sees to it that the node is what the server has, where its listing does not say so. */
  async #ascertain(node: Node, signal: AbortSignal | undefined): Promise<void> {
    const { readers, names } = this.#options
    if (node.file && node.file.sizeBytes === undefined) {
      await readers.measure(node.file, signal)
      await names.refresh(node, signal)
    }
    const file = sizedFile(node.file)
    if (!file || file.sizeBytes === 0) return
    await readers.recheck(file, signal)
    await names.refresh(node, signal)
  }

  /**
   * The kernel believes the size it was last told, and would take a file that has grown for ended there. An ESTALE of
   * open() makes it look the name up anew and open it again.
   */
  #checkReported(node: Node): void {
    if (node.reportedSizeBytes === undefined || node.reportedSizeBytes === sizeOf(node)) return
    throw new FsError('ESTALE', `${node.path} has another size than before; it is looked up again`)
  }
}

function sizedFile(file: FileEntry | undefined): SizedFile | undefined {
  return file && file.sizeBytes !== undefined ? { ...file, sizeBytes: file.sizeBytes } : undefined
}
