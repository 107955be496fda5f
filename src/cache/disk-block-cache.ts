import PQueue from 'p-queue'
import type { MemoryBudget } from '../util/memory-budget.js'
import { inBackground } from '../util/background.js'
import { Backlog } from './backlog.js'
import { bytesOfBlocks } from './block-cache.js'
import type {
  AnswerOptions,
  BlockCache,
  ListedVersion,
  MaybePromise,
  Trust,
  VersionKey,
} from './block-cache.js'
import type { CacheDisk } from './cache-disk.js'
import type { CacheRoom } from './cache-room.js'
import type { CacheWriterId } from './cache-writer-id.js'
import { DiskFile } from './disk-file.js'
import { OpenHandles } from './open-handles.js'
import { takeFile } from './taken-file.js'

export interface DiskBlockCacheOptions {
  readonly blockSizeBytes: number
  readonly disk: CacheDisk
  /** Where the files of one server are kept. */
  readonly server: string
  readonly room: CacheRoom
  readonly writer: CacheWriterId
  /** What waits to be written is part of it. */
  readonly budget: MemoryBudget
}

const miB = 1024 * 1024
/**
 * What waits to be written, as shares of the budget: so much is not waited for any longer; with so much, who brings more
 * waits; and more than so much, from who does not wait, is not kept. A whole file of a series may always wait.
 */
const waiting = { late: 1 / 4, full: 1 / 3, most: 2 / 3 }
const leastWaitingBytes = 16 * miB
/** Up to here it is a matter of milliseconds to look through a file, and who reads it will read all of it. */
const provenAtOnceBytes = 8 * 1024 * 1024
/**
 * Writing waits until nothing has come for a while, but not for longer than this, nor while much is waiting:
 * hundreds of small files that come at once cost the reader who waits for them more than their bytes.
 */
const quietMs = 100
const longestWaitMs = 3000
/** Files whose state on the disk is remembered, and among them files that are kept in part: two descriptors each. */
const filesKept = 2000
const partsKept = 32
const filesPerCount = 8
const readyKept = 16
/** A disk that hangs does not hold up the end of a mount for longer. */
const closeTimeoutMs = 5000

export interface DiskCacheCounters {
  hits: number
  misses: number
  /** Blocks that were not written because too much was waiting already. */
  dropped: number
  /** Entries that were not what their sums say. */
  corrupt: number
}

/**
 * Blocks on the disk, for every process of this user. Complete files are plain files of their bytes; what is said about
 * a block counts only if its sum is right.
 */
export class DiskBlockCache implements BlockCache {
  readonly blockSizeBytes: number
  readonly memoryBytes = 0
  readonly counters: DiskCacheCounters = { hits: 0, misses: 0, dropped: 0, corrupt: 0 }
  readonly #options: DiskBlockCacheOptions
  readonly #handles: OpenHandles
  readonly #files = new Map<string, DiskFile>()
  #filesSinceCount = 0
  /** Files that were read at once, and whose blocks nobody has fetched yet, as far as is known. */
  readonly #ready: DiskFile[] = []
  /** Files with blocks that are to be written when it is quiet, and files whose turn to be written will come. */
  readonly #due = new Set<DiskFile>()
  readonly #flushing = new Set<DiskFile>()
  /** Reads and the driver need the threads of the file system more than writes do. */
  readonly #writes = new PQueue({ concurrency: 2 })
  /** Complete files that are looked through while they are read in the usual way. */
  readonly #proofs = new PQueue({ concurrency: 1 })
  readonly #closing = new AbortController()
  readonly budget: MemoryBudget
  readonly #backlog: Backlog
  #waitingSinceMs: number | undefined
  #quiet: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: DiskBlockCacheOptions) {
    this.#options = options
    this.blockSizeBytes = options.blockSizeBytes
    this.#handles = new OpenHandles(options.disk)
    this.budget = options.budget
    const fullBytes = this.budget.limitBytes * waiting.full
    this.#backlog = new Backlog({ fullBytes, now: options.disk.now })
  }

  /** While it takes anything. */
  get capacityBytes(): number {
    const { disk, room } = this.#options
    return disk.canWrite() && room.admits(0) ? room.maxBytes : 0
  }

  get storageBytes(): number {
    return this.capacityBytes
  }

  has(key: VersionKey, index: number): boolean {
    const file = this.#files.get(nameOf(key))
    return file !== undefined && (file.has(key, index) || file.pending(key, index) !== undefined)
  }

  /** While it waits to be written. */
  isInMemory(key: VersionKey, index: number): boolean {
    return this.#files.get(nameOf(key))?.pending(key, index) !== undefined
  }

  answerVersion(listed: ListedVersion, options?: AnswerOptions): MaybePromise<string | undefined> {
    const file = this.#file(listed)
    if (file.isLoaded) return file.answerVersion
    return file.load(options).then(() => {
      if (options?.willRead) this.#keepReady(file)
      return file.answerVersion
    })
  }

  async refind(listed: ListedVersion): Promise<string | undefined> {
    const file = this.#file(listed)
    await file.refind()
    return file.answerVersion
  }

  get(key: VersionKey, index: number): MaybePromise<Uint8Array | undefined> {
    const file = this.#file(key)
    const pending = file.pending(key, index)
    if (pending) return pending
    if (file.isLoaded && !file.has(key, index)) return this.#count(undefined)
    if (!this.#options.disk.canRead()) return this.#count(undefined)
    return this.#read(file, key, index)
  }

  put(key: VersionKey, index: number, bytes: Uint8Array, trust: Trust): void {
    if (!this.#admits(key, trust)) return
    const file = this.#file(key)
    if (file.hasOwn(key, index) || file.pending(key, index)) return
    const mostBytes = Math.max(this.budget.limitBytes * waiting.most, leastWaitingBytes)
    if (this.#backlog.bytes + bytes.length > mostBytes) {
      this.counters.dropped++
      return
    }
    file.add(key, index, bytes, trust)
    if (!this.#flushing.has(file)) this.#due.add(file)
    this.#writeWhenQuiet()
  }

  ready(signal: AbortSignal): MaybePromise<void> {
    if (!this.#backlog.isFull || this.#isClosed || !this.#options.disk.canWrite()) return undefined
    this.#startWriting()
    return this.#backlog.room(signal)
  }

  async take(key: VersionKey, path: string, trust: Trust): Promise<void> {
    if (!this.#admits(key, trust)) return
    const { disk, server, writer } = this.#options
    let temporary: string | undefined
    await disk.write(async () => {
      await writer.renew()
      temporary = await takeFile(disk.fs, server, writer.id, path)
    })
    const taken = temporary
    if (taken === undefined) return
    const stored = this.#writes.add(() => this.#file(key).take(key, taken))
    inBackground(disk.log, 'write to the disk cache', stored)
  }

  async storedBytes(key: VersionKey): Promise<number> {
    const file = this.#file(key)
    await file.load()
    return bytesOfBlocks(key, this.blockSizeBytes, (index) => file.hasOwn(key, index))
  }

  async completePath(key: VersionKey): Promise<string | undefined> {
    const { signal } = this.#closing
    const file = this.#file(key)
    const isDeep = key.sizeBytes <= provenAtOnceBytes
    const path = await file.provenPath(key, { isDeep, signal })
    if (path === undefined && !isDeep && !this.#isClosed) {
      const proof = this.#proofs.add(() => file.provenPath(key, { isDeep: true, signal }))
      inBackground(this.#options.disk.log, 'look through a cached file', proof)
    }
    return path
  }

  settled(): Promise<void> {
    this.#startWriting()
    return this.#writes.onIdle()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#proofs.clear()
    this.#closing.abort()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeTimeoutMs)))
    await Promise.race([this.settled(), late])
    clearTimeout(timer)
    for (const file of this.#files.values()) await file.close()
    this.#handles.clear()
    await this.#options.writer.retire()
  }

  #admits(key: VersionKey, trust: Trust): boolean {
    const { disk, room } = this.#options
    return trust !== 'doubtful' && !this.#isClosed && disk.canWrite() && room.admits(key.sizeBytes)
  }

  async #read(file: DiskFile, key: VersionKey, index: number): Promise<Uint8Array | undefined> {
    await file.load()
    const bytes = file.pending(key, index) ?? (await file.read(key, index))
    // What another process has is for its own file: so ours becomes complete too, whoever is killed.
    if (bytes && !file.hasOwn(key, index)) this.put(key, index, bytes, 'unproven')
    return this.#count(bytes)
  }

  #count(bytes: Uint8Array | undefined): Uint8Array | undefined {
    this.counters[bytes ? 'hits' : 'misses']++
    return bytes
  }

  #file(listed: ListedVersion): DiskFile {
    const name = nameOf(listed)
    const known = this.#files.get(name)
    const file = known ?? new DiskFile(this.#context(), listed)
    this.#files.delete(name) // to the end of the order
    this.#files.set(name, file)
    if (!known) this.#forgetOld()
    return file
  }

  /** Whoever was about to read it may have been killed. */
  #keepReady(file: DiskFile): void {
    this.#ready.push(file)
    if (this.#ready.length > readyKept) this.#ready.shift()!.dropReady()
  }

  #context(): ConstructorParameters<typeof DiskFile>[0] {
    const { disk, server, room, writer } = this.#options
    return {
      disk,
      server,
      writer,
      blockSizeBytes: this.blockSizeBytes,
      handles: this.#handles,
      onPending: (bytes) => {
        this.#backlog.add(bytes.length)
        this.budget.pin(bytes)
      },
      onDone: (bytes) => {
        this.#backlog.remove(bytes.length)
        this.budget.unpin(bytes)
      },
      onStored: (sizeBytes) => room.took(sizeBytes),
      onCorrupt: () => this.counters.corrupt++,
    }
  }

  /** To look through all of them for each new file would cost the more, the more files there are. */
  #forgetOld(): void {
    let filesTooMany = this.#files.size - filesKept
    let partsTooMany = 0
    if (++this.#filesSinceCount >= filesPerCount) {
      this.#filesSinceCount = 0
      for (const file of this.#files.values()) if (file.hasPart) partsTooMany++
      partsTooMany -= partsKept
    }
    for (const [name, file] of this.#files) {
      if (filesTooMany <= 0 && partsTooMany <= 0) return
      if (file.isBusy || (filesTooMany <= 0 && !file.hasPart)) continue
      filesTooMany--
      if (file.hasPart) partsTooMany--
      this.#files.delete(name)
      inBackground(this.#options.disk.log, 'close a cached file', file.close())
    }
  }

  #writeWhenQuiet(): void {
    const nowMs = this.#options.disk.now()
    this.#waitingSinceMs ??= nowMs
    const isLate = nowMs - this.#waitingSinceMs >= longestWaitMs
    if (isLate || this.#backlog.bytes >= this.budget.limitBytes * waiting.late) return this.#startWriting()
    this.#writes.pause()
    if (this.#quiet) this.#quiet.refresh()
    else this.#quiet = setTimeout(() => this.#startWriting(), quietMs).unref()
  }

  #startWriting(): void {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    for (const file of this.#due) this.#flushSoon(file)
    this.#due.clear()
    this.#writes.start()
  }

  /** What comes in one go is written in one go: all the blocks of a small file. */
  #flushSoon(file: DiskFile): void {
    this.#flushing.add(file)
    const flush = this.#writes.add(async () => {
      await new Promise<void>((resolve) => setImmediate(resolve))
      try {
        while (file.hasPending) await file.flush()
      } finally {
        this.#flushing.delete(file)
        if (this.#writes.size + this.#due.size === 0) this.#waitingSinceMs = undefined
      }
    })
    inBackground(this.#options.disk.log, 'write to the disk cache', flush)
  }
}

function nameOf({ file, version }: ListedVersion): string {
  return `${file}\n${version}`
}
