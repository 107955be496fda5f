import type { Archive, MaybePromise } from '../archive/archive.js'
import type { FilesOf } from '../data/bulk-fetch.js'
import type { FileReaders } from '../data/file-readers.js'
import { WriteBack } from '../data/write-back.js'
import type { JournalEntry, JournalRecord } from '../data/journal-record.js'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import type { Pieces } from '../util/pieces.js'
import { accessWrite, requireMayWrite } from './access.js'
import { removedMeanwhile } from './ascertain.js'
import { attributesOf } from './attributes.js'
import type { AttributeDefaults, Attributes } from './attributes.js'
import { Changes } from './changes.js'
import { extendedAttributesOf } from './extended-attributes.js'
import { filesBelow } from './files-below.js'
import { ForetoldFiles } from './foretold-files.js'
import type { Foretold } from './foretold-files.js'
import { findDirectory } from './find-directory.js'
import { HandleTable } from './handle-table.js'
import { InodeTable } from './inode-table.js'
import { ListAhead } from './list-ahead.js'
import { LocalFiles } from './local-files.js'
import { Lookups } from './lookups.js'
import type { WriteMode } from './local-files.js'
import { Namespace } from './namespace.js'
import type { Node, Overrides } from './node.js'
import { Orders } from './orders.js'
import type { OrdersOptions } from './orders.js'
import { OpenFiles, smallFileBytes } from './open-files.js'
import type { KernelTraits } from './kernel-traits.js'
import type { Opened } from './open-files.js'
import { Refreshes } from './refreshes.js'
import type { KernelMemory } from './refreshes.js'
import { Renames } from './rename.js'
import { Resume } from './resume.js'
import type { ResumeOptions, Resumed } from './resume.js'
import { Streams } from './streams.js'
import { unsentFile } from './unsent-file.js'
import type { UnsentFile } from './unsent-file.js'

export interface VfsOptions extends AttributeDefaults, KernelTraits, Pick<ResumeOptions, 'overdueMs'> {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly log: Log
  /** The journal directory. */
  readonly stagingDirectory: string
  readonly isReadOnly: boolean
  /** How long a file that nobody waits for stays here before it is sent. */
  readonly quietMs: number
  readonly writeMode: WriteMode
  /** How many directories are listed at a time before somebody who walks through them asks; none by default. */
  readonly listsAhead?: number | undefined
  readonly now?: () => number
  readonly dropName?: OrdersOptions['dropName']
}

export interface DirectoryItem {
  readonly name: string
  readonly attributes: Attributes
}

/** What setattr may change; what is absent stays. */
export interface AttributeChanges extends Overrides {
  readonly sizeBytes?: number
  readonly handle?: number // by which the size is set, where it is not by name
}

/**
 * The file system by inode number: one method per FUSE operation. Fails with FsError. Numbers that a method gives out
 * (`lookup`, `create`, `mkdir`, `remember`) are references, returned by `forget`.
 */
export class Vfs {
  readonly #options: VfsOptions
  readonly #table: InodeTable
  readonly #names: Namespace
  readonly #lookups: Lookups
  readonly #writeBack: WriteBack
  readonly #locals: LocalFiles
  readonly #files: OpenFiles
  readonly #foretold: ForetoldFiles
  readonly #changes: Changes
  readonly #renames: Renames
  readonly #refreshes: Refreshes
  readonly #resume: Resume
  readonly #directories = new HandleTable<Node>()
  readonly #ahead: ListAhead

  constructor(options: VfsOptions) {
    const { archive, log } = options
    this.#options = options
    this.#table = new InodeTable(archive.root, options)
    this.#names = new Namespace(archive, this.#table)
    const retries = options.writeMode === 'back'
    this.#writeBack = new WriteBack({ log, quietMs: options.quietMs, retries })
    const orders = new Orders({ archive, table: this.#table, dropName: options.dropName })
    const shared = { ...options, table: this.#table, names: this.#names, writeBack: this.#writeBack, orders }
    const local = { ...shared, now: options.now ?? Date.now }
    this.#lookups = new Lookups(shared)
    this.#ahead = new ListAhead({ archive, atOnce: options.listsAhead ?? 0, now: local.now })
    this.#locals = new LocalFiles(local)
    const streams = new Streams({ archive, isEnabled: options.writeMode === 'close' })
    this.#files = new OpenFiles({ ...local, locals: this.#locals, streams })
    // What may be read from a local file must not be opened in another way at the same time.
    const mostBytes = Math.min(smallFileBytes, (options.backsFromBytes ?? Infinity) - 1)
    this.#foretold = new ForetoldFiles({ ...shared, mostBytes })
    const changes = { ...shared, locals: this.#locals }
    this.#changes = new Changes(changes)
    this.#renames = new Renames(changes)
    this.#refreshes = new Refreshes(shared)
    this.#resume = new Resume(changes)
  }

  lookup(parent: number, name: string, signal?: AbortSignal): MaybePromise<Attributes> {
    const directory = this.#table.get(parent)
    const give = (node: Node | undefined): Attributes => this.#report(this.#give(directory, name, node))
    return this.#lookups.find(directory, name, signal, give)
  }

  /** As `lookup`, for a driver that goes by paths: the kernel does not hear of the attributes. */
  walk(parent: number, name: string, signal?: AbortSignal): MaybePromise<Attributes> {
    const directory = this.#table.get(parent)
    return this.#lookups.find(directory, name, signal, (node) =>
      attributesOf(this.#give(directory, name, node), this.#options),
    )
  }

  forget(ino: number, count = 1): void {
    this.#table.unref(this.#table.get(ino), 'lookups', count)
  }

  /** @param isOpen though no handle is known here */
  getattr(ino: number, signal?: AbortSignal, isOpen = false): MaybePromise<Attributes> {
    const node = this.#table.get(ino)
    if (this.#options.opensUntold && node.kind === 'file') return this.#report(node) // one version, open or not
    if (node.isSetAside && node.handles === 0) throw removedMeanwhile(node)
    if (node.handles > 0 || isOpen) return this.#report(node) // an open file stays what it was when it was opened
    const refreshed = this.#names.refresh(node, signal)
    return refreshed instanceof Promise ? refreshed.then(() => this.#report(node)) : this.#report(node)
  }

  async setattr(ino: number, changes: AttributeChanges, signal?: AbortSignal): Promise<Attributes> {
    const node = this.#table.get(ino)
    const { sizeBytes, handle, ...overrides } = changes
    if (node.handles === 0) await this.#names.refresh(node, signal)
    if (node.isSetAside) throw removedMeanwhile(node)
    this.#files.requireWritable(node)
    if (sizeBytes !== undefined) {
      if (node.kind !== 'file') throw new FsError('EISDIR', `${node.path} is a directory`)
      await this.#files.truncate(node, sizeBytes, handle, signal)
    }
    node.override(overrides)
    return this.#report(node)
  }

  readlink(ino: number, signal?: AbortSignal): MaybePromise<string> {
    const { link, path } = this.#table.get(ino)
    if (!link) throw new FsError('EINVAL', `${path} is no link`, { nextStep: 'read it as what it is' })
    return this.#options.archive.readlink(link, signal)
  }

  /** Extended attributes, as far as they are known. */
  xattrs(ino: number): ReadonlyMap<string, string> {
    return extendedAttributesOf(this.#table.get(ino), this.#options.archive)
  }

  access(ino: number, mask: number): void {
    const node = this.#table.get(ino)
    if ((mask & accessWrite) !== 0) requireMayWrite(node, this.#options)
  }

  opendir(ino: number): number {
    const node = this.#table.get(ino)
    if (node.kind !== 'directory') throw new FsError('ENOTDIR', `${node.path} is no directory`)
    this.#table.ref(node, 'handles')
    return this.#directories.add(node)
  }

  /** Everything in the directory, as of now; `.` and `..` excluded. */
  readdir(handle: number, signal?: AbortSignal): MaybePromise<DirectoryItem[]> {
    const directory = this.#directories.get(handle)
    this.#options.readers.prefetch.listed(directory.ino)
    const nodes = this.#ahead.around(directory, () => this.#names.list(directory, signal))
    const items = (known: readonly Node[]): DirectoryItem[] =>
      known.map((node) => ({ name: node.name, attributes: attributesOf(node, this.#options) }))
    return nodes instanceof Promise ? nodes.then(items) : items(nodes)
  }

  /** As `lookup`, for an entry that readdir gave: ENOENT unless it is still what that name is. */
  remember(parent: number, name: string, ino: number): Attributes {
    const node = this.#table.find(ino)
    const isSame = node?.parent?.ino === parent && node.name === name && !node.isRemoved
    if (!isSame || !this.#lookups.isSettled(node))
      throw new FsError('ENOENT', `inode ${ino} is not ${name} any more`)
    this.#table.ref(node, 'lookups')
    return this.#report(node)
  }

  releasedir(handle: number): void {
    this.#table.unref(this.#directories.remove(handle), 'handles')
  }

  open(ino: number, canWrite: boolean, signal?: AbortSignal): Promise<Opened> {
    return this.#files.open(this.#table.get(ino), canWrite, signal)
  }

  /** See `FuseOperations`. */
  openUntold(ino: number, signal?: AbortSignal): MaybePromise<Opened> {
    return this.#files.openUntold(this.#table.get(ino), signal)
  }

  /** See `FuseOperations`. */
  smallFile(
    handle: number,
    readBytes = 0,
  ): { readonly attributes: Attributes; readonly bytes: Pieces } | undefined {
    const small = this.#files.smallFile(handle, readBytes)
    return small && { attributes: this.#report(small.node), bytes: small.bytes }
  }

  /** See `FuseOperations`. */
  foretell(tell: (file: Foretold & { readonly attributes: Attributes }) => void): void {
    this.#foretold.observe((file) => tell({ ...file, attributes: this.#report(file.node) }))
  }

  opened(ino: number): void {
    this.#foretold.opened(ino)
  }

  reopen(ino: number): Opened {
    return this.#files.addHandle(this.#table.get(ino), false)
  }

  /** @returns the new file, counted as a lookup, and a handle to write it with */
  async create(
    parent: number,
    name: string,
    options: { readonly mode: number; readonly isExclusive: boolean },
    signal?: AbortSignal,
  ): Promise<Opened & { readonly attributes: Attributes }> {
    const directory = this.#table.get(parent)
    const existing = await this.#names.find(directory, name, signal)
    if (existing && options.isExclusive) throw new FsError('EEXIST', `${existing.path} exists`)
    // The kernel believed that there is none. It looks again, and then truncates the file or not, as it was asked to.
    if (existing)
      throw new FsError('ESTALE', `${existing.path} has come to be`, { nextStep: 'it is looked up again' })
    const node = await this.#changes.create(directory, name)
    node.overrides.mode = options.mode & 0o7777 & ~this.#options.umask
    const opened = this.#files.addHandle(node, true)
    this.#table.ref(node, 'lookups')
    return { ...opened, attributes: this.#report(node) }
  }

  read(handle: number, offset: number, lengthBytes: number, signal?: AbortSignal): MaybePromise<Pieces> {
    return this.#files.read(handle, offset, lengthBytes, signal)
  }

  fallocate(handle: number, endBytes: number, signal?: AbortSignal): Promise<void> {
    return this.#files.fallocate(handle, endBytes, signal)
  }

  write(handle: number, offset: number, bytes: Uint8Array): MaybePromise<void> {
    return this.#files.write(handle, offset, bytes)
  }

  flush(handle: number, signal?: AbortSignal): Promise<void> {
    return this.#files.flush(handle, signal)
  }

  fsync(handle: number, signal?: AbortSignal): Promise<void> {
    return this.#files.fsync(handle, signal)
  }

  release(handle: number): void {
    this.#files.release(handle)
  }

  /** The new directory, counted as a lookup. */
  async mkdir(parent: number, name: string, signal?: AbortSignal): Promise<Attributes> {
    const node = await this.#changes.mkdir(this.#table.get(parent), name, signal)
    this.#table.ref(node, 'lookups')
    return this.#report(node)
  }

  rmdir(parent: number, name: string, signal?: AbortSignal): Promise<void> {
    return this.#changes.rmdir(this.#table.get(parent), name, signal)
  }

  unlink(parent: number, name: string, signal?: AbortSignal): Promise<void> {
    return this.#changes.unlink(this.#table.get(parent), name, signal)
  }

  rename(
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    options: { readonly mayReplace: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const from = { parent: this.#table.get(parent), name }
    return this.#renames.rename(from, { parent: this.#table.get(newParent), name: newName }, options, signal)
  }

  /** Believe no listing any more. @param kernel what it believes is forgotten too */
  refresh(kernel?: KernelMemory): void {
    this.#refreshes.everything(kernel)
  }

  /**
   * The same for a path, below the mountpoint, and everything below it.
   * @returns the path that was found: where there is nothing of that name yet, the last directory on the way
   */
  refreshPath(path: string, kernel?: KernelMemory): Promise<string> {
    return this.#refreshes.path(path, kernel)
  }

  /** The stored files of a path below the mountpoint and below it, by directory. @throws FsError ENOENT */
  filesBelow(path: string, signal: AbortSignal): Promise<FilesOf[]> {
    return filesBelow(path, { archive: this.#options.archive, names: this.#names }, signal)
  }

  /** As `unlink`, for a driver whose library takes the name of an open file away instead. @returns its number */
  async hide(parent: number, name: string, signal?: AbortSignal): Promise<number> {
    return (await this.#changes.hide(this.#table.get(parent), name, signal)).ino
  }

  /** The last handle of a hidden file is closed. */
  unhide(ino: number): Promise<void> {
    return this.#changes.unhide(this.#table.get(ino))
  }

  /** To be called before `resume`, with all that there is: waits, at most a minute, for deletes that may be under way. */
  awaitDeletes(records: readonly JournalRecord[], signal?: AbortSignal): Promise<void> {
    return this.#resume.awaitDeletes(records, signal)
  }

  /** Shows what another process has left in the journal; it is sent by and by. */
  resume(entry: JournalEntry): Promise<Resumed> {
    return this.#resume.resume(entry)
  }

  /**
   * Sends everything that is not on the server, as far as it can be sent.
   * @param options.includeOpen files too that somebody may go on writing
   */
  drain(options: { readonly includeOpen: boolean }): Promise<void> {
    return this.#locals.drain(options)
  }

  /** Nothing is sent any more but what is being sent; the journal keeps the rest as it has it. */
  giveUp(): void {
    this.#locals.giveUp()
  }

  /** Makes a directory of the archive the root, before anything is asked of it. @throws FsError */
  async enter(path: string): Promise<void> {
    this.#table.root.entry = await findDirectory(this.#options.archive, path)
  }

  /** Makes sure that the journal has what is unsent. @returns what it has not, and why */
  keep(): Promise<readonly UnsentFile[]> {
    return this.#locals.keepAll()
  }

  /** Leaves what is unsent in the journal. The end: nothing can be written any more. @returns what it has not, and why */
  leave(): Promise<readonly UnsentFile[]> {
    return this.#locals.leaveAll()
  }

  /** Deletes local bytes that were not sent. @returns false if there are none of this name in the journal */
  async discard(id: string): Promise<boolean> {
    const local = this.#locals.unsent.find((file) => file.id === id)
    if (!local) return false
    if (local.isOpen()) throw new FsError('EBUSY', `${local.path} is open`, { nextStep: 'close it first' })
    await this.#locals.discard(local)
    return true
  }

  /** Files whose bytes are nowhere but here. */
  get unsent(): readonly UnsentFile[] {
    return this.#locals.unsent.map(unsentFile)
  }

  #give(parent: Node, name: string, node: Node | undefined): Node {
    if (!node) throw new FsError('ENOENT', `${parent.path}/${name} is not there`)
    this.#table.ref(node, 'lookups')
    return node
  }

  #report(node: Node): Attributes {
    const attributes = attributesOf(node, this.#options)
    node.report(attributes.sizeBytes)
    const nameTimeoutMs = this.#lookups.nameTimeoutMs(node)
    return nameTimeoutMs === undefined ? attributes : { ...attributes, nameTimeoutMs }
  }
}
