import { statfs } from 'node:fs/promises'
import type { Archive, FileEntry } from '../archive/archive.js'
import type { FileReader } from '../data/file-reader.js'
import type { FileReaders } from '../data/file-readers.js'
import type { JournalEntry } from '../data/journal-record.js'
import type { SizedFile } from '../data/sized-file.js'
import { StagingFile } from '../data/staging-file.js'
import { StagingPlaces } from '../data/staging-places.js'
import type { StagingBase } from '../data/staging-state.js'
import type { WriteBack } from '../data/write-back.js'
import { inBackground } from '../util/background.js'
import { FsError } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { SingleFlight } from '../util/single-flight.js'
import { ascertain, changedMeanwhile, removedMeanwhile, sizedFile } from './ascertain.js'
import type { InodeTable } from './inode-table.js'
import { LocalFile } from './local-file.js'
import type { LocalFileOptions } from './local-file-options.js'
import type { Namespace } from './namespace.js'
import { originPath } from './node.js'
import type { Hidden, Node } from './node.js'
import { Removals } from './removals.js'
import { notSent, unsentFile } from './unsent-file.js'
import type { UnsentFile } from './unsent-file.js'

/** When the bytes of a file must be on the server: when close() returns, or some time after. */
export type WriteMode = 'close' | 'back'

/** A larger file that somebody reads is removed or replaced without waiting for it to be brought here. */
const mostBroughtBytes = 1024 ** 3

export interface LocalFilesOptions {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly writeBack: WriteBack
  readonly table: InodeTable
  readonly names: Namespace
  /** The journal: where the bytes of files being written are kept. */
  readonly stagingDirectory: string
  readonly writeMode: WriteMode
  readonly log: Log
  readonly now: () => number
}

/** All files with bytes here, whether or not they are on their way: how they come to be, are kept, and are let go of. */
export class LocalFiles {
  readonly removals: Removals
  readonly #options: LocalFilesOptions
  readonly #makingLocal = new SingleFlight<LocalFile>()
  readonly #locals = new Set<LocalFile>()
  readonly #places: StagingPlaces
  #storedCount = 0

  constructor(options: LocalFilesOptions) {
    this.#options = options
    this.#places = new StagingPlaces(options.stagingDirectory)
    this.removals = new Removals({
      ...options,
      makeLocal: (node) => this.makeLocal(node),
      acknowledge: (local) => this.acknowledge(local),
      settle: (node, local) => this.settle(node, local),
      hold: (node) => this.hold(node),
      uploadsBelow: (path) => this.#uploadsBelow(path),
    })
  }

  /**
   * What has to be done before a program may believe that its bytes are safe: they are stored, or in the journal. A
   * temporary name is not sent at all.
   */
  acknowledge(local: LocalFile): Promise<void> {
    const isSent = this.#options.writeMode === 'close' && !local.staysHere
    return isSent ? this.#options.writeBack.flush(local) : local.keep({ isDurable: true })
  }

  /**
   * The same for close(): a new file that is still empty is sent a little later. The shell closes the first descriptor
   * of `>` before a program writes to the second.
   */
  acknowledgeClose(local: LocalFile): Promise<void> {
    const isEmpty = local.isNew && !local.origin && local.staging.sizeBytes === 0
    return isEmpty ? local.keep({ isDurable: true }) : this.acknowledge(local)
  }

  /** @throws FsError ENOSPC where the disk of the journal has no room for so much */
  async requireRoom(bytes: number): Promise<void> {
    const { stagingDirectory } = this.#options
    const { bavail, bsize } = await statfs(stagingDirectory)
    if (bytes <= bavail * bsize) return
    throw new FsError('ENOSPC', `${stagingDirectory}: there is no room for ${bytes} bytes more`, {
      nextStep: 'free some there, or mount with XDG_STATE_HOME on a larger disk',
    })
  }

  /** Keeps a node and its local bytes where they are, although an upload may come to its end. @returns the end of that */
  hold(node: Node): () => void {
    this.#options.table.ref(node, 'handles')
    node.holds++
    return () => {
      node.holds--
      this.#options.table.unref(node, 'handles')
      if (node.local) this.settle(node, node.local)
    }
  }

  /** Leaves local bytes in the journal; the node is what the server has. */
  async leave(node: Node, local: LocalFile): Promise<void> {
    this.#options.writeBack.cancel(local)
    await local.leave()
    this.#release(node, local)
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
  }

  /** Lets go of local bytes that nobody needs: not open, and on the server or not wanted there. */
  settle(node: Node, local: LocalFile): void {
    const { writeMode } = this.#options
    if (node.handles > 0 || node.local !== local) return
    if (local.isDirty()) {
      const isHopeless = local.hasFailed && !(writeMode === 'back' && local.isWorthAnotherTry())
      if (!local.staysHere && !isHopeless) this.#sendLater(node, local)
      return
    }
    if (local.staysHere && !node.isRemoved) return
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
    // From now on the node is what the server lists.
    if (node.entry && node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
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

  /** The file of just this path may wait itself for what is deleted there. */
  async #uploadsBelow(path: string): Promise<number> {
    // One that deletes its old name may wait for others itself.
    const others = [...this.#locals].filter((local) => !local.isLeavingOrigin && local.path !== path)
    const waits = others.map(async (local) => {
      const { origin } = local
      const isWanted = local.isDirty() && (!local.staysHere || local.isOriginThere)
      if (isWanted && origin && originPath(origin).startsWith(path))
        await this.#options.writeBack.flush(local)
      else if (local.path.startsWith(path)) await local.settled()
    })
    await Promise.allSettled(waits)
    return this.#storedCount
  }

  /** Whether a file that was renamed from there will delete it. */
  areRenamedFrom(hidden: Hidden): boolean {
    return [...this.#locals].some(({ origin }) => origin?.hidden === hidden)
  }

  /** Nobody wants these bytes on the server. */
  async discard(local: LocalFile): Promise<void> {
    const { node } = local
    this.#options.writeBack.cancel(local)
    await local.settled()
    await local.kept.forget()
    const { origin } = local
    if (origin && origin.parent.overlay.get(origin.name) === origin.hidden)
      origin.parent.overlay.delete(origin.name)
    if (node.parent?.overlay.get(node.name) === node) node.parent.overlay.delete(node.name)
    if (!node.entry) this.#options.table.detach(node)
    this.#letGo(node, local)
  }

  /** Nothing is sent any more but what is being sent; the journal keeps the rest as it has it. */
  giveUp(): void {
    this.#options.writeBack.giveUp()
    for (const local of this.#locals) local.leaveQueue()
  }

  /** Sends what is not on the server, as far as it can be. @param options.includeOpen what somebody may go on writing too */
  async drain({ includeOpen }: { readonly includeOpen: boolean }): Promise<void> {
    const { writeBack, log } = this.#options
    const send = async (local: LocalFile): Promise<void> => {
      if (local.staysHere || (local.isBeingWritten() && !includeOpen)) return
      const flush = (): Promise<void> => writeBack.flush(local)
      const again = (error: unknown): Promise<void> => {
        if (writeBack.hasGivenUp) throw error
        return flush()
      }
      try {
        // What is being sent already may fail for a reason that has passed: a full disk, a server that was away.
        await (writeBack.isSending(local) ? flush().catch(again) : flush())
      } catch (error) {
        if (!writeBack.hasGivenUp) log.error(notSent(local, error))
      }
    }
    await Promise.all(this.dirty.map(send))
  }

  /**
   * Makes sure that the journal has all that is unsent, but for what somebody is writing.
   * @returns what it has not, and why
   */
  keepAll(): Promise<UnsentFile[]> {
    const wanted = this.unsent.filter((local) => !local.isBeingWritten())
    return failuresOf(wanted, (local) => local.keep({ isDurable: true }))
  }

  /**
   * Leaves everything that is unsent in the journal; nothing can be written afterwards.
   * @returns what the journal has not, and why
   */
  async leaveAll(): Promise<UnsentFile[]> {
    const failures = await failuresOf(this.unsent, (local) => this.leave(local.node, local))
    await this.#places.close()
    return failures
  }

  /**
   * A place for the bytes of a new file.
   * @param covers the stored file of that name which is hidden here: the new one replaces it
   */
  async startNew(node: Node, covers: Hidden | undefined): Promise<void> {
    const staging = await StagingFile.create(this.#places)
    node.local = this.#localFile(node, staging, undefined, () => {})
    node.local.covers = covers
    if (covers) node.local.retarget(covers.hidden)
  }

  /** Prepares a stored file for changes. */
  makeLocal(node: Node): Promise<LocalFile> {
    return this.#makingLocal.run(String(node.ino), undefined, async () => {
      if (node.local) return node.local
      if (node.isSetAside) throw removedMeanwhile(node)
      node.expectChange()
      const { newer } = node
      if (node.handles === node.holds) await ascertain(node, this.#options, undefined)
      const file = sizedFile(node.file)
      if (!file && node.isRemoved) throw removedMeanwhile(node)
      if (!file)
        throw new FsError('EIO', `${node.path} has no bytes to change`, {
          nextStep: 'write the whole of it, as with >',
        })
      const reader = this.#options.readers.acquire(file)
      const release = (): void => this.#options.readers.release(reader)
      try {
        const staging = await StagingFile.create(this.#places, baseOf(file, reader))
        if (node.isSetAside || node.newer !== newer || node.file?.version !== file.version) {
          await staging.remove()
          throw changedMeanwhile(node)
        }
        node.local = this.#localFile(node, staging, file, release)
        return node.local
      } catch (error) {
        release()
        throw error
      }
    })
  }

  /**
   * Another file is about to take the place of a stored one on the server: who has that open reads on from here. Where it
   * is large its readers get ESTALE.
   */
  async bringHome(node: Node, signal?: AbortSignal): Promise<void> {
    node.expectChange()
    if (node.handles <= node.holds || !(node.local ?? sizedFile(node.file))) return
    if (node.local?.staging.isComplete) return
    if ((node.file?.sizeBytes ?? 0) > mostBroughtBytes) return this.#options.log.info(tooLarge(node))
    const release = this.hold(node) // whoever reads it may close it meanwhile
    try {
      const local = node.local ?? (await this.makeLocal(node))
      await local.staging
        .withBytes(() => Promise.resolve(), signal)
        .catch((error: unknown) => {
          if (local.node.local === local && node.writers === 0 && !local.isDirty()) this.#letGo(node, local)
          throw error
        })
    } finally {
      release()
    }
  }

  /** The same for one that is about to go there. Where it cannot be had its readers get ESTALE too. */
  async bringHomeRemoved(node: Node, signal?: AbortSignal): Promise<void> {
    try {
      await this.bringHome(node, signal)
    } catch (error) {
      signal?.throwIfAborted()
      const reason = `${node.path} is removed while somebody reads it: ${causeChain(error)}`
      this.#options.log.warn(`${reason}; what was not read yet cannot be read any more`)
    }
  }

  /** Local bytes that another process has left. @param isStored the server has exactly these */
  async resumeLocal(node: Node, entry: JournalEntry, isStored: boolean): Promise<LocalFile> {
    const { record, stagingPath } = entry
    const file = record.baseEnd > 0 ? sizedFile(record.replaces) : undefined
    const reader = file && this.#options.readers.acquire(file)
    const release = (): void => reader && this.#options.readers.release(reader)
    try {
      const staging = await StagingFile.open(
        this.#places,
        stagingPath,
        record,
        file && reader && baseOf(file, reader),
      )
      const replaces = isStored || record.covers ? node.file : record.replaces
      node.local = this.#localFile(node, staging, replaces, release, { record, isStored })
      node.local.mtimeMs = record.mtimeMs
      return node.local
    } catch (error) {
      release()
      throw error
    }
  }

  async #hasStored(node: Node, local: LocalFile): Promise<void> {
    this.#storedCount++
    // Where these are the same bytes, the next mount would delete them for what was renamed from here.
    const { path } = local
    const renamed = [...this.#locals].filter(({ kept }) => kept.originPath === path)
    await Promise.allSettled(renamed.map(({ kept }) => kept.restate()))
    if (node.isRemoved) return // who deletes it needs the bytes until that is done, or refused
    if (!local.isDirty()) await local.kept.forget()
    this.settle(node, local)
  }

  #localFile(
    node: Node,
    staging: StagingFile,
    replaces: FileEntry | undefined,
    releaseBase: () => void,
    resumed?: LocalFileOptions['resumed'],
  ): LocalFile {
    const local: LocalFile = new LocalFile({
      archive: this.#options.archive,
      removeStored: (parent, stored) => this.removals.remove(parent, stored),
      node,
      staging,
      replaces,
      mtimeMs: this.#options.now(),
      resumed,
      removesOriginFirst: this.#options.writeMode === 'back',
      releaseBase,
      onStored: () => this.#hasStored(node, local),
    })
    this.#locals.add(local)
    return local
  }
}

function tooLarge({ path }: Node): string {
  const limit = `more than ${mostBroughtBytes / 1024 ** 3} GiB`
  return `${path} of ${limit} goes while somebody has it open: what was not read yet cannot be read any more`
}

function baseOf(file: SizedFile, reader: FileReader): StagingBase {
  return {
    sizeBytes: file.sizeBytes,
    read: (offset, lengthBytes, signal) => reader.read(offset, lengthBytes, signal),
  }
}

/** Does it to each, also after a failure. */
async function failuresOf(
  files: readonly LocalFile[],
  task: (local: LocalFile) => Promise<void>,
): Promise<UnsentFile[]> {
  const failures: UnsentFile[] = []
  for (const local of files) {
    try {
      await task(local)
    } catch (error) {
      failures.push({ ...unsentFile(local), reason: causeChain(error) })
    }
  }
  return failures
}
