import type { Archive, MaybePromise } from '../archive/archive.js'
import type { FileReaders } from '../data/file-readers.js'
import { ReadAhead } from '../data/read-ahead.js'
import type { WriteBack } from '../data/write-back.js'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { withSignal } from '../util/single-flight.js'
import type { Pieces } from '../util/pieces.js'
import { ascertain, ascertainSame, changedMeanwhile, checkReported } from './ascertain.js'
import { refreshToOpen, removedMeanwhile, resizedMeanwhile, sizedFile } from './ascertain.js'
import { sizeOf } from './attributes.js'
import type { FileHandle } from './file-handle.js'
import { HandleTable } from './handle-table.js'
import type { InodeTable } from './inode-table.js'
import type { KernelTraits } from './kernel-traits.js'
import type { LocalFile } from './local-file.js'
import type { LocalFiles } from './local-files.js'
import type { Namespace } from './namespace.js'
import { neverOpened } from './node.js'
import type { Node } from './node.js'
import type { Orders } from './orders.js'
import type { Streams } from './streams.js'
import { surroundingsOf } from './surroundings.js'
import { bringUpToDate, overtake } from './take-newer.js'

export interface OpenFilesOptions extends KernelTraits {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly writeBack: WriteBack
  readonly table: InodeTable
  readonly names: Namespace
  readonly locals: LocalFiles
  readonly streams: Streams
  readonly orders: Orders
  readonly isReadOnly: boolean
  readonly log: Log
  readonly now: () => number
}

export interface Opened {
  readonly handle: number
  /** The kernel may keep what it has read of the file: its bytes are those of the last open. */
  readonly keepCache: boolean
  /** The kernel has to ask for each byte that is read by this handle: its pages are for those of an older version. */
  readonly isApart: boolean
  /** A local file with exactly the bytes of what was opened. */
  readonly backingPath?: string
  /** Calls `stop` just before the file gets other bytes. @returns false where it has */
  readonly untilChanged?: (stop: () => void) => boolean
  /** Until then, opening it for reading once more makes no difference. */
  readonly isRepeatable?: boolean
}

/** To copy a larger one would cost as much as what it saves. */
export const smallFileBytes = 256 * 1024

/** What is done with files that are open, and how their bytes get home. */
export class OpenFiles {
  readonly #options: OpenFilesOptions
  readonly #backsFromBytes: number
  readonly #handles = new HandleTable<FileHandle>()
  /** The local files that were named for what is open: all handles of a version get the same, also when it is evicted. */
  readonly #backing = new Map<Node, { readonly version: string; readonly path: string }>()

  constructor(options: OpenFilesOptions) {
    this.#options = options
    this.#backsFromBytes = options.backsFromBytes ?? Infinity
  }

  async open(node: Node, canWrite: boolean, signal?: AbortSignal): Promise<Opened> {
    if (node.kind === 'directory') throw new FsError('EISDIR', `${node.path} is a directory`)
    await refreshToOpen(node, this.#options, signal)
    if (canWrite) this.requireWritable(node)
    if (!node.local) {
      await bringUpToDate(node, canWrite, this.#options, signal)
      checkReported(node)
      await this.#settle(node)
    }
    const { file } = node
    const backingPath = canWrite ? undefined : await this.#backingPathOf(node)
    if (node.isRemoved && !node.local) throw removedMeanwhile(node)
    if (!node.local && node.file?.version !== file?.version) throw resizedMeanwhile(node)
    const opened = this.addHandle(node, canWrite)
    if (canWrite || !file || node.local) return opened
    const untilChanged = (stop: () => void): boolean => node.watch(file, stop)
    // Without a digest an open may have to ask the server, and so may that of a file whose bytes are made of answers.
    const isSmall = file.sizeBytes !== undefined && file.sizeBytes < this.#backsFromBytes
    const isRepeatable = isSmall && file.digest !== undefined && file.isMade !== true && !opened.isApart
    const repeatable = { ...opened, untilChanged, isRepeatable }
    return backingPath === undefined ? repeatable : { ...repeatable, backingPath }
  }

  /** For what is read of a file that the kernel has opened without telling: of the version that it has looked up. */
  async openUntold(node: Node, signal?: AbortSignal): Promise<Opened> {
    const file = await ascertainSame(node, this.#options, signal)
    const backingPath = await this.#backingPathOf(node)
    if (node.isSetAside || node.file?.version !== file.version) throw changedMeanwhile(node)
    const untilChanged = (stop: () => void): boolean => node.watch(file, stop)
    const opened = this.addHandle(node, false)
    return backingPath === undefined ? opened : { ...opened, backingPath, untilChanged }
  }

  /** A handle for a node that is known to be openable. */
  addHandle(node: Node, canWrite: boolean): Opened {
    const file = sizedFile(node.file)
    const { orders, table } = this.#options
    const givesOrders = canWrite && (node.order !== undefined || orders.isGivenBy(node))
    const version = node.local || givesOrders ? undefined : file?.version
    const { openedVersion } = node
    const keepCache = version !== undefined && (openedVersion === version || openedVersion === neverOpened)
    const isApart = version !== undefined && !keepCache && !canWrite && this.#isOpenAsOther(node, version)
    // Until it is used a second open must not keep what this one is about to drop.
    if (!isApart) node.openedVersion = keepCache ? version : undefined
    // Where the kernel goes by the time it would keep what another open is about to drop.
    if (version !== undefined && openedVersion === undefined && this.#options.opensApart === false)
      node.shiftTime()
    table.ref(node, 'handles')
    if (canWrite) node.writable++
    if (node.parent) this.#options.readers.prefetch.opened(node.parent.ino)
    if (givesOrders) orders.opened(node)
    else if (canWrite) {
      node.writers++
      if (node.local) this.#options.writeBack.cancel(node.local)
    }
    const handle = this.#handles.add({
      node,
      canWrite,
      file,
      versions: node.versions,
      reading: undefined,
      ahead: undefined,
      isDropping: version !== undefined && !keepCache && !isApart,
      isWriting: canWrite && !givesOrders,
    })
    return { handle, keepCache, isApart }
  }

  requireWritable(node: Node): void {
    if (this.#options.isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
    const lack = node.entry && this.#options.archive.lacks(node.entry, 'write')
    if (lack) throw lack
  }

  read(number: number, offset: number, lengthBytes: number, signal?: AbortSignal): MaybePromise<Pieces> {
    const handle = this.#handles.get(number)
    const { node, file } = handle
    if (node.order && handle.canWrite) return node.order.read(offset, lengthBytes)
    if (node.local) {
      this.#requireSameFile(handle)
      return node.local.staging.read(offset, lengthBytes, signal)
    }
    if (!file) return new Uint8Array(0)
    this.#requireOpenedVersion(handle)
    if (node.isLost) throw removedMeanwhile(node)
    this.#endDropping(handle)
    handle.reading ??= this.#options.readers.open(file, surroundingsOf(node, this.#options.archive))
    handle.ahead ??= new ReadAhead(file.sizeBytes)
    const { reader } = handle.reading
    const bytes = reader.readPieces(offset, lengthBytes, signal)
    const ahead = handle.ahead.observe(offset, lengthBytes)
    if (ahead) this.#options.readers.readAhead(reader, ahead)
    return bytes
  }

  /** All bytes of a small file that is to be read by this handle; undefined where `FuseOperations` says so. */
  smallFile(number: number, readBytes: number): { readonly node: Node; readonly bytes: Pieces } | undefined {
    const handle = this.#handles.get(number)
    const { node, file } = handle
    if (!file || file.sizeBytes <= readBytes || file.sizeBytes > smallFileBytes) return undefined
    if (node.local || node.isLost) return undefined
    if (file.version !== node.file?.version) return undefined
    if (!this.#options.readers.isInMemory(file)) return undefined
    handle.reading ??= this.#options.readers.open(file, surroundingsOf(node, this.#options.archive))
    const bytes = handle.reading.reader.allAtHand
    return bytes && { node, bytes }
  }

  write(number: number, offset: number, bytes: Uint8Array): MaybePromise<void> {
    const handle = this.#handles.get(number)
    const { node } = handle
    this.#requireCanWrite(handle)
    if (node.order) return node.order.write(offset, bytes)
    this.#requireOpened(handle)
    this.#startWriting(handle) // one descriptor of several was closed; this is another
    if (node.local) return this.#writeLocal(node, node.local, offset, bytes)
    return this.#options.locals.makeLocal(node).then((local) => this.#writeLocal(node, local, offset, bytes))
  }

  #writeLocal(node: Node, local: LocalFile, offset: number, bytes: Uint8Array): MaybePromise<void> {
    const written = local.staging.write(offset, bytes)
    const finish = (): void => {
      this.#touch(node, local)
      this.#options.streams.observe(local)
    }
    return written instanceof Promise ? written.then(finish) : finish()
  }

  /** Makes a file at least so long. Its bytes lie here first, so that here there has to be room for them. */
  async fallocate(number: number, endBytes: number, signal?: AbortSignal): Promise<void> {
    const { locals } = this.#options
    const handle = this.#handles.get(number)
    const { node } = handle
    this.#requireCanWrite(handle)
    if (node.order)
      throw new FsError('ENOTSUP', `${node.path}: what gives orders to the server has no room`, {
        nextStep: 'write it',
      })
    if (endBytes <= sizeOf(node)) return
    this.#requireOpened(handle)
    const release = locals.hold(node)
    try {
      await withSignal(locals.requireRoom(endBytes - sizeOf(node)), signal)
      const local = node.local ?? (await locals.makeLocal(node))
      if (local.staging.sizeBytes < endBytes) await this.truncate(node, endBytes, number)
    } finally {
      release()
    }
  }

  /** @param by the handle; undefined: it is cut by name */
  async truncate(node: Node, sizeBytes: number, by: number | undefined, signal?: AbortSignal): Promise<void> {
    const handle = by === undefined ? undefined : this.#handles.get(by)
    if (handle && handle.node !== node) throw changedMeanwhile(node)
    this.requireWritable(node)
    if (!handle || sizeBytes === 0) await overtake(node, this.#options, signal)
    if (node.order) return node.order.truncate(sizeBytes)
    if (this.#options.orders.isGivenBy(node))
      throw new FsError('EINVAL', `${node.path}: what gives orders to the server has no parts`, {
        nextStep: 'write the whole of it, as with >',
      })
    if (node.handles === 0 && !node.local) await ascertain(node, this.#options, undefined)
    if (sizeBytes === 0) this.#beginAnew(node)
    else if (handle) this.#requireOpened(handle)
    if (!node.local && node.file?.sizeBytes === sizeBytes) return
    const release = this.#options.locals.hold(node)
    try {
      if (node.isSetAside) throw removedMeanwhile(node)
      if (sizeBytes === 0 && node.local?.isOutrun && node.handles <= 2)
        await this.#startOver(node, node.local)
      const local = node.local ?? (await this.#options.locals.makeLocal(node))
      if (sizeBytes === 0) this.#beginAnew(node)
      await local.staging.truncate(sizeBytes)
      this.#touch(node, local)
      // The close() of one who may write stores it. Without one, nobody else could, or would tell that it failed.
      for (const handle of this.#handles.values()) if (handle.node === node) this.#startWriting(handle)
      if (node.writers === 0) await this.#options.locals.acknowledge(local)
    } finally {
      release()
    }
  }

  /** Nothing is left of what any of its versions was: who may write goes on with what there is now. */
  #beginAnew(node: Node): void {
    for (const handle of this.#handles.values())
      if (handle.node === node && handle.canWrite) handle.versions = node.versions
  }

  /**
   * Somebody else has changed the file, so these bytes can never be stored; now it is overwritten from its beginning.
   * They stay in the journal, and the file is what the server has.
   */
  async #startOver(node: Node, local: LocalFile): Promise<void> {
    this.#options.log.warn(
      `${node.path} was changed by somebody else; what was written before is kept; \`xnatfs pending export\` copies it`,
    )
    await this.#options.locals.leave(node, local)
    try {
      await this.#options.names.refresh(node)
      node.catchUp()
    } catch (error) {
      if (!(error instanceof FsError && error.code === 'ENOENT')) throw error
      node.entry = undefined
      await this.#options.locals.startNew(node, undefined)
      node.parent?.overlay.set(node.name, node)
    }
  }

  /**
   * close(2) of a descriptor. The last one of a file that may write stores what was written, or in the mode 'back'
   * makes sure that it will be, as the others do; its error is the errno of close(). Which one is the last is known
   * here only: the kernel's release() comes when close() has long returned.
   */
  async flush(number: number, signal?: AbortSignal): Promise<void> {
    const handle = this.#handles.get(number)
    const { node } = handle
    if (node.order && handle.canWrite) return this.#options.orders.give(handle, node.order, signal)
    this.#stopWriting(handle)
    const { local } = node
    if (!handle.canWrite || !local?.isDirty()) return
    // Another descriptor writes on: what this one has written is not sent yet, but outlives this process.
    const { locals } = this.#options
    const done = node.writers > 0 ? local.keep({ isDurable: true }) : locals.acknowledgeClose(local)
    await withSignal(done, signal)
  }

  async fsync(number: number, signal?: AbortSignal): Promise<void> {
    const handle = this.#handles.get(number)
    const { local, order } = handle.node
    if (order && handle.canWrite) return this.#options.orders.give(handle, order, signal)
    if (!local?.isDirty()) return
    const done = local.staysHere ? local.keep({ isDurable: true }) : this.#options.writeBack.flush(local)
    await withSignal(done, signal)
  }

  release(number: number): void {
    const handle = this.#handles.remove(number)
    const { node, reading, canWrite } = handle
    this.#endDropping(handle)
    if (reading) this.#options.readers.close(reading)
    if (node.order && canWrite) this.#options.orders.released(node, node.order)
    this.#stopWriting(handle)
    node.handles--
    if (canWrite) node.writable--
    if (node.handles === 0) this.#backing.delete(node)
    if (node.local) this.#options.locals.settle(node, node.local)
    this.#options.table.release(node)
  }

  #isOpenAsOther(node: Node, version: string): boolean {
    if (node.handles === 0) return false
    for (const handle of this.#handles.values())
      if (handle.node === node && handle.file?.version !== version) return true
    return false
  }

  #endDropping(handle: FileHandle): void {
    const { node, file } = handle
    if (!handle.isDropping) return
    handle.isDropping = false
    // What was written here since is not known by its version.
    if (node.local || !file || file.version !== node.file?.version) return
    node.openedVersion ??= file.version
  }

  async #backingPathOf(node: Node): Promise<string | undefined> {
    const file = sizedFile(node.file)
    if (!file || node.local || file.sizeBytes < this.#backsFromBytes) return undefined
    const { version } = file
    const known = this.#backing.get(node)
    if (known && node.handles > 0) return known.version === version ? known.path : undefined
    const path = await this.#options.readers.localCopy(file)
    if (path === undefined || node.file?.version !== version) return undefined
    this.#backing.set(node, { version, path })
    return path
  }

  #requireCanWrite({ node, canWrite }: FileHandle): void {
    if (canWrite) return
    throw new FsError('EBADF', `${node.path} is not open for writing`, { nextStep: 'open it for that' })
  }

  /** Nothing is made of an older version. */
  #requireOpened(handle: FileHandle): void {
    if (handle.node.newer) throw changedMeanwhile(handle.node)
    if (handle.node.local) this.#requireSameFile(handle)
    else this.#requireOpenedVersion(handle)
  }

  /** The kernel keeps one set of pages for all handles of a file: those of two versions would mix in it. */
  #requireOpenedVersion(handle: FileHandle): void {
    const { node, file } = handle
    if (node.isSetAside || (file && file.version !== node.file?.version)) throw changedMeanwhile(node)
  }

  /** What was written through the mount since is seen by all who had opened what it was written to. */
  #requireSameFile({ node, versions }: FileHandle): void {
    if (versions !== node.versions) throw changedMeanwhile(node)
  }

  #startWriting(handle: FileHandle): void {
    if (handle.isWriting || !handle.canWrite) return
    handle.isWriting = true
    handle.node.writers++
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
   * Who has looked it up anew has the new size, or will have it when the answer is taken up. Another, who opens it at that
   * moment, would still go by the old one: and read nothing of a file that was told to be empty.
   */
  async #settle(node: Node): Promise<void> {
    const { resizes } = node
    if (resizes === node.settledResizes) return
    await this.#options.settle?.(node.ino)
    if (resizes !== node.resizes) throw resizedMeanwhile(node)
    node.settledResizes = resizes
    if (!node.local) checkReported(node)
  }
}
