import { LRUCache } from 'lru-cache'
import type { Archive, FileEntry } from '../archive/archive.js'
import { bytesOfBlocks, versionKey } from '../cache/block-cache.js'
import type { BlockCache } from '../cache/block-cache.js'
import { inBackground } from '../util/background.js'
import { Counters } from '../util/counters.js'
import type { Log } from '../util/log.js'
import type { Md5 } from '../util/md5.js'
import { BulkFetch } from './bulk-fetch.js'
import type { BulkFetchOptions, FilesOf } from './bulk-fetch.js'
import { blocksOf } from './byte-ranges.js'
import type { ByteSpan } from './byte-ranges.js'
import { wholeFile } from './cached-blocks.js'
import { FileReader } from './file-reader.js'
import { Prefetch } from './prefetch.js'
import { isSized, isSmall, keyOf, listedVersion, provedVersion, wholeFileBytesOf } from './sized-file.js'
import type { SizedFile } from './sized-file.js'
import type { Pieces } from '../util/pieces.js'
import type { Surroundings, Walk } from './walk.js'

export interface FileReadersOptions extends Pick<BulkFetchOptions, 'turns' | 'bulkTasks'> {
  readonly archive: Pick<Archive, 'fetch' | 'bundle' | 'contradict' | 'isReachable'>
  readonly cache: BlockCache
  readonly log: Log
  readonly md5?: Md5 | undefined
  /** For the bytes of large files whose server sends files whole only. */
  readonly spoolDirectory: string
  readonly counters?: Counters
  readonly now?: () => number
}

/** What all read-ahead of a mount together may have on its way; less where memory is short. */
const readAheadBudgetBytes = 24 * 1024 * 1024
/** Downloads of servers without ranges are kept for the next open, up to this, the newest at least. */
const spoolBudgetBytes = 4 * 1024 ** 3
/** A download that nobody has open any more goes on for this time. */
const graceMs = 3000
const answersKept = 100_000

/** What a file that is listed like this proved to be when it was last asked for. */
interface Answered {
  readonly file: FileEntry
  readonly answerVersion: string
  /** Its bytes, all of them, were seen to be what the digest of the listing says, if it has one. */
  readonly isProven: boolean
}

interface Shared {
  readonly reader: FileReader
  handles: number
  /** The directory through which it was opened last. */
  walk: Walk | undefined
}

/** What an open file reads with. */
export interface Reading {
  readonly reader: FileReader
  readonly walk: Walk | undefined
}

/** The readers of a mount, one for each version of a file, shared by its handles. */
export class FileReaders {
  readonly #options: FileReadersOptions
  readonly #open = new Map<string, Shared>()
  /** Readers that no handle uses but that hold a download, oldest first. */
  readonly #kept = new Map<string, FileReader>()
  /** Which version on the server the cached blocks of a listed version belong to. */
  readonly #answered = new LRUCache<string, Answered>({ max: answersKept })
  /** MD5s of downloads that did not fit their catalog, by file. */
  readonly #damaged = new LRUCache<string, string>({ max: 1000 })
  readonly prefetch: Prefetch
  readonly #counters: Counters
  #aheadBytes = 0
  #arrived: ((directory: number, file: SizedFile, pieces: Pieces) => void) | undefined

  constructor(options: FileReadersOptions) {
    this.#options = options
    this.#counters = options.counters ?? new Counters()
    const { turns } = options
    this.prefetch = new Prefetch({
      ...options,
      counters: this.#counters,
      budgetBytes: options.cache.memoryBytes / 2,
      roomBytes: () => options.cache.capacityBytes / 2,
      memory: options.cache.budget,
      isSmall,
      claim: turns && ((files) => turns.claim(files.filter(isSized))),
      cached: { isHere: (file) => this.#isHere(file), isKept: (file) => this.#isKept(file) },
      keep: (file, pieces) => this.#keep(file, pieces),
      ready: (signal) => options.cache.ready(signal),
      fetch: (file, signal) => this.#fetchAhead(file, signal),
      isHeard: () => this.#arrived !== undefined,
      show: (directory, file, signal) => this.#show(directory, file, signal),
      arrived: (directory, file, pieces) => this.#arrived?.(directory, file, pieces),
    })
  }

  /** A reader for a handle that is read for the first time. @param surroundings what else may be read next */
  open(file: SizedFile, surroundings: Surroundings | undefined): Reading {
    const walk = surroundings && isSmall(file) ? this.prefetch.enter(surroundings, file) : undefined
    return { reader: this.acquire(file, walk), walk }
  }

  /** A file was opened whose reads will not be told. */
  glanced(file: SizedFile, surroundings: Surroundings | undefined): void {
    if (surroundings && isSmall(file)) this.prefetch.glance(surroundings, file)
  }

  /** Tells of files that have come before they were asked for, with their bytes, which are to be used at once. */
  whenArrived(arrived: (directory: number, file: SizedFile, pieces: Pieces) => void): void {
    this.#arrived = arrived
  }

  close({ reader, walk }: Reading): void {
    if (walk) this.prefetch.leave(walk)
    this.release(reader)
  }

  acquire(file: SizedFile, walk?: Walk): FileReader {
    const key = keyOf(file)
    const shared = this.#open.get(key) ?? {
      reader: this.#kept.get(key) ?? this.#create(file, key, walk),
      handles: 0,
      walk,
    }
    this.#kept.delete(key)
    this.#open.set(key, shared)
    shared.handles++
    shared.walk = walk ?? shared.walk
    return shared.reader
  }

  release(reader: FileReader): void {
    const key = keyOf(reader.file)
    const shared = this.#open.get(key)
    if (shared?.reader !== reader || --shared.handles > 0) return
    this.#open.delete(key)
    reader.abandon()
    if (!reader.spool) return
    this.#kept.set(key, reader)
    this.#dropOldSpools(spoolBudgetBytes)
    // A tool that looked at the head of a file does not want the rest; one that opens it again at once does.
    const timer = setTimeout(() => {
      if (this.#kept.get(key) === reader && reader.spool?.state === 'filling') this.#drop(key, reader)
    }, graceMs)
    timer.unref()
  }

  /** A local file that has exactly the bytes that the listing's digest names, where there is one. */
  async localCopy(file: SizedFile): Promise<string | undefined> {
    if (file.digest === undefined) return undefined
    const { cache } = this.#options
    const listed = listedVersion(file)
    const kept = await cache.answerVersion(listed)
    const known = this.#answered.get(keyOf(file))?.answerVersion
    if (kept === undefined || (known !== undefined && known !== kept)) return undefined
    return cache.completePath(versionKey(listed, kept))
  }

  /** All of these files, to be brought into the cache for whoever reads them later. */
  bulk(batches: readonly FilesOf[]): Promise<BulkFetch> {
    return BulkFetch.prepare(batches, {
      ...this.#options,
      isSmall,
      storedBytes: (file) => this.#storedBytes(file),
      keep: (file, pieces) => this.#keep(file, pieces),
      acquire: (file) => this.acquire(file),
      release: (reader) => this.release(reader),
    })
  }

  /** Fetches what a handle will probably be asked for, while the mount's budget for that lasts. */
  readAhead(reader: FileReader, span: ByteSpan): void {
    const room = Math.min(readAheadBudgetBytes, this.#options.cache.budget.freeBytes) - this.#aheadBytes
    if (room <= 0) return
    const started = reader.readAhead({ start: span.start, end: Math.min(span.end, span.start + room) })
    this.#aheadBytes += started.sizeBytes
    this.#counters.ahead.readAheadBytes += started.sizeBytes
    const done = started.done.finally(() => (this.#aheadBytes -= started.sizeBytes))
    inBackground(this.#options.log, `read ahead in ${reader.file.name}`, done)
  }

  /** The size of a file that is listed without one. The archive lists it with it from then on. */
  async measure(file: FileEntry, signal?: AbortSignal): Promise<number> {
    const { sizeBytes, answerVersion } = await this.#measured(file, signal)
    this.#options.archive.contradict(file, { sizeBytes, answerVersion, digest: file.digest })
    return sizeBytes
  }

  /** Whether `checkEmpty` and `recheck` have nothing to ask. */
  isSettled(file: SizedFile): boolean {
    const known = this.#answered.get(keyOf(file))
    if (file.sizeBytes === 0) return file.isMade === true || known !== undefined
    const isProven = file.digest !== undefined && known?.isProven === true
    return !known || isProven || known.file.listing === file.listing
  }

  /**
   * Makes sure, once for each version, that a file that is listed as empty is so: a catalog may be older than what a
   * pipeline has written since, and who believes it reads nothing that would prove it wrong, and appends to nothing.
   */
  async checkEmpty(file: SizedFile, signal?: AbortSignal): Promise<void> {
    const key = keyOf(file)
    if (file.sizeBytes !== 0 || file.isMade || this.#answered.has(key)) return
    const { archive } = this.#options
    try {
      const { sizeBytes, answerVersion } = await this.#measured(file, signal)
      if (sizeBytes === 0) this.#answered.set(key, { file, answerVersion, isProven: false })
      else archive.contradict(file, { sizeBytes, answerVersion, digest: undefined })
    } catch (error) {
      if (archive.isReachable) throw error // else what is known of the file has to do
    }
  }

  async #measured(
    file: FileEntry,
    signal: AbortSignal | undefined,
  ): Promise<{ sizeBytes: number; answerVersion: string }> {
    const bytes = await this.#options.archive.fetch(file, undefined, 'foreground', signal)
    const { totalBytes, answerVersion } = bytes
    if (totalBytes !== undefined) {
      bytes.discard()
      return { sizeBytes: totalBytes, answerVersion }
    }
    let sizeBytes = 0
    for await (const chunk of bytes.body) sizeBytes += chunk.length
    return { sizeBytes, answerVersion }
  }

  /**
   * Makes sure that what was read of a file is still what the server has. A listing without its digest does not tell when
   * its bytes were changed in place, and a newer one tells as little; neither does one with a digest that is not that
   * of the bytes, as far as is known. The archive lists what has changed as another version from then on.
   */
  async recheck(file: SizedFile, signal?: AbortSignal): Promise<void> {
    const key = keyOf(file)
    const known = this.#answered.get(key)
    if (!known || known.file.listing === file.listing) return
    const isProven =
      file.digest !== undefined && (known.isProven || (await this.localCopy(file)) !== undefined)
    if (isProven) return void this.#answered.set(key, { ...known, file, isProven })
    const { archive } = this.#options
    const now = await this.#askVersion(file, signal)
    if (!now) return
    const { answerVersion, sizeBytes } = now
    if (answerVersion === known.answerVersion) this.#answered.set(key, { ...known, file })
    else archive.contradict(file, { sizeBytes, answerVersion, digest: undefined })
  }

  /** Undefined while the server does not answer: then what is known of the file has to do. */
  async #askVersion(
    file: SizedFile,
    signal: AbortSignal | undefined,
  ): Promise<{ answerVersion: string; sizeBytes: number } | undefined> {
    const { archive } = this.#options
    try {
      const bytes = await archive.fetch(file, { first: 0, last: 0 }, 'foreground', signal)
      bytes.discard()
      return { answerVersion: bytes.answerVersion, sizeBytes: bytes.totalBytes ?? file.sizeBytes }
    } catch (error) {
      if (archive.isReachable) throw error
      return undefined
    }
  }

  /** The end of the mount. */
  async stop(): Promise<void> {
    this.prefetch.close()
    for (const { reader } of this.#open.values()) {
      reader.abandon()
      await reader.spool?.remove()
    }
    for (const reader of this.#kept.values()) await reader.spool?.remove()
  }

  #create(file: SizedFile, key: string, walk: Walk | undefined): FileReader {
    return new FileReader(file, {
      ...this.#options,
      answerVersion: this.#answered.get(key)?.answerVersion,
      isAbsent: walk !== undefined && this.prefetch.expects(walk, file),
      onAnswerVersion: (answerVersion, isProven) =>
        this.#answered.set(key, { file, answerVersion, isProven }),
      damagedDigest: this.#damaged.get(file.key),
      onDamaged: (md5) => this.#damaged.set(file.key, md5),
      awaited: async (signal) => {
        const last = this.#open.get(key)?.walk
        return last && this.prefetch.awaited(file, last, signal)
      },
      wholeFileBytes: wholeFileBytesOf(file),
    })
  }

  /** Whether all of a file can be had at once. */
  isInMemory(file: SizedFile): boolean {
    const { cache } = this.#options
    const known = this.#answered.get(keyOf(file))?.answerVersion
    if (known === undefined) return false
    const key = versionKey(listedVersion(file), known)
    return (
      bytesOfBlocks(key, cache.blockSizeBytes, (index) => cache.isInMemory(key, index)) === file.sizeBytes
    )
  }

  #isHere(file: SizedFile): boolean {
    const known = this.#answered.get(keyOf(file))?.answerVersion
    return known !== undefined && this.#options.cache.has(versionKey(listedVersion(file), known), 0)
  }

  async #isKept(file: SizedFile): Promise<boolean> {
    return (await this.#options.cache.answerVersion(listedVersion(file))) !== undefined
  }

  /** By what answers told now, or when an earlier mount asked. */
  async #storedBytes(file: SizedFile): Promise<number> {
    const { cache } = this.#options
    const listed = listedVersion(file)
    const versions = [this.#answered.get(keyOf(file))?.answerVersion, await cache.answerVersion(listed)]
    let bytes = 0
    for (const version of new Set(versions)) {
      if (version !== undefined) bytes = Math.max(bytes, await cache.storedBytes(versionKey(listed, version)))
    }
    return bytes
  }

  /** Keeps bytes that are proved to be those of the file. */
  #keep(file: SizedFile, pieces: readonly Uint8Array[]): void {
    const key = keyOf(file)
    this.#countAhead(file)
    this.#answered.set(key, { file, answerVersion: provedVersion, isProven: true })
    const { cache } = this.#options
    const version = versionKey(listedVersion(file), provedVersion)
    for (const [index, block] of blocksOf(pieces, cache.blockSizeBytes).entries())
      cache.put(version, index, block, 'proven')
    this.#open.get(key)?.reader.adoptProved()
    if (this.#options.turns?.isShared)
      inBackground(this.#options.log, 'write to the disk cache', cache.settled())
  }

  async #fetchAhead(file: SizedFile, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const reader = this.acquire(file)
    try {
      await reader.bring({ start: 0, end: file.sizeBytes }, signal)
      await this.#options.cache.ready(signal)
      this.#countAhead(file)
    } catch {
      // whoever reads it meets the failure
    } finally {
      this.release(reader)
    }
  }

  /** Tells of a file that was not asked for yet, if all of it is here, and it is the one that its digest names. */
  async #show(directory: number, file: SizedFile, signal: AbortSignal): Promise<boolean> {
    const arrived = this.#arrived
    if (!arrived || file.digest === undefined || signal.aborted) return false
    const { cache } = this.#options
    const key = keyOf(file)
    try {
      return await cache.budget.use(async () => {
        const known = this.#answered.get(key)?.answerVersion
        const whole = await wholeFile(cache, listedVersion(file), known)
        if (!whole) return false
        const { answerVersion, blocks } = whole
        if (known === undefined) this.#answered.set(key, { file, answerVersion, isProven: true }) // as only such are kept
        arrived(directory, file, blocks)
        return true
      })
    } catch {
      return false // who reads it meets the failure
    }
  }

  #countAhead(file: SizedFile): void {
    this.#counters.ahead.files++
    this.#counters.ahead.bytes += file.sizeBytes
  }

  #drop(key: string, reader: FileReader): void {
    this.#kept.delete(key)
    if (reader.spool) inBackground(this.#options.log, 'remove a download', reader.spool.remove())
  }

  #dropOldSpools(budgetBytes: number): void {
    let bytes = 0
    for (const [key, reader] of [...this.#kept].reverse()) {
      bytes += reader.spool?.sizeBytes ?? 0
      if (bytes <= budgetBytes || bytes === reader.spool?.sizeBytes) continue
      this.#drop(key, reader)
    }
  }
}
