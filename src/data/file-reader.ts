import type { FetchedBytes, MaybePromise, Urgency } from '../archive/archive.js'
import type { Trust } from '../cache/block-cache.js'
import { Attempts } from '../util/attempts.js'
import { inBackground } from '../util/background.js'
import type { FileReaderOptions } from './file-reader-options.js'
import { FsError } from '../util/fs-error.js'
import { joined } from '../util/pieces.js'
import type { Pieces } from '../util/pieces.js'
import { sleep } from '../util/sleep.js'
import { BlockRun, cutIntoBlocks, longestRunBytes } from './block-run.js'
import { blocksOf, bytesOfBlocks, indexesOf } from './byte-ranges.js'
import type { ByteSpan } from './byte-ranges.js'
import { CachedBlocks, isAtHand } from './cached-blocks.js'
import type { FoundBlock } from './cached-blocks.js'
import { listedVersion, provedVersion } from './sized-file.js'
import type { SizedFile } from './sized-file.js'
import { Spool } from './spool.js'
import { fetchWholeFile } from './whole-file.js'

/**
 * Reads one version of one file. Bytes of another version are never mixed in: when an answer shows that the stored
 * file has changed, this reader is stale for good (ESTALE) and the archive is told.
 */
export class FileReader {
  readonly file: SizedFile
  readonly #options: FileReaderOptions
  readonly #blockSize: number
  readonly #isWhole: boolean
  readonly #runs = new Set<BlockRun>()
  readonly #pending = new Map<number, BlockRun>()
  readonly #sleep: NonNullable<FileReaderOptions['sleep']>
  readonly #cached: CachedBlocks
  #spool: Spool | undefined
  #stale: FsError | undefined

  constructor(file: SizedFile, options: FileReaderOptions) {
    this.file = file
    this.#options = options
    this.#blockSize = options.cache.blockSizeBytes
    this.#isWhole = file.sizeBytes <= options.wholeFileBytes
    this.#cached = new CachedBlocks(listedVersion(file), {
      cache: options.cache,
      answerVersion: options.answerVersion,
      isAbsent: options.isAbsent ?? false,
      confirm: (answerVersion) => this.#confirm(answerVersion),
    })
    this.#sleep = options.sleep ?? sleep
  }

  get spool(): Spool | undefined {
    return this.#spool
  }

  /** The bytes from `offset`, fewer than asked for only at the end of the file. A copy: the caller's own. */
  read(offset: number, lengthBytes: number, signal?: AbortSignal): MaybePromise<Uint8Array> {
    const pieces = this.readPieces(offset, lengthBytes, signal)
    return isAtHand(pieces) ? joined(pieces) : pieces.then(joined)
  }

  /** As `read`, where they lie: to be used in the turn in which they come. */
  readPieces(offset: number, lengthBytes: number, signal?: AbortSignal): MaybePromise<Pieces> {
    const span = { start: offset, end: Math.min(offset + lengthBytes, this.file.sizeBytes) }
    if (span.start >= span.end) return new Uint8Array(0)
    if (this.#stale) throw this.#stale
    if (this.#usableSpool()) return this.#spool!.read(offset, span.end - offset, signal)
    return this.#options.cache.budget.use(() => {
      const recovery = this.#cached.recover(signal)
      const read = (): MaybePromise<Pieces> => this.#readBlocks(span, signal)
      return isAtHand(recovery) ? read() : recovery.then(read)
    })
  }

  get allAtHand(): Pieces | undefined {
    return this.#stale || this.#spool ? undefined : this.#cached.allAtHand()
  }

  #readBlocks(span: ByteSpan, signal: AbortSignal | undefined): MaybePromise<Pieces> {
    const indexes = indexesOf(span, this.#blockSize)
    const first = indexes[0]!
    const use = (blocks: readonly FoundBlock[]): MaybePromise<Pieces> =>
      blocks.every((block) => block !== undefined)
        ? bytesOfBlocks(blocks, first * this.#blockSize, span)
        : this.#readMissing(blocks, first, span, signal)
    const found = this.#cached.lookUp(indexes)
    return isAtHand(found) ? use(found) : found.then(use)
  }

  /** Fetches a stretch that somebody will probably want. @returns the bytes asked for, once they have come or failed */
  readAhead(span: ByteSpan): { readonly sizeBytes: number; readonly done: Promise<unknown> } {
    if (this.#stale || this.#spool || this.#isWhole) return { sizeBytes: 0, done: Promise.resolve() }
    const recovery = this.#cached.recover(undefined)
    const indexes = indexesOf(span, this.#blockSize)
    const fetch = (blocks: readonly FoundBlock[]): { sizeBytes: number; done: Promise<unknown> } => {
      if (this.#stale || this.#spool) return { sizeBytes: 0, done: Promise.resolve() }
      const runs = this.#start(indexes[0]!, blocks, 'read-ahead')
      const sizeBytes = runs.reduce((sum, { run }) => sum + (run.last - run.first + 1) * this.#blockSize, 0)
      return { sizeBytes, done: Promise.all(runs.map(({ done }) => done)) }
    }
    const lookUp = (): ReturnType<CachedBlocks['lookUp']> => this.#cached.lookUp(indexes)
    const found = isAtHand(recovery) ? lookUp() : recovery.then(lookUp)
    if (isAtHand(found)) return fetch(found)
    return { sizeBytes: span.end - span.start, done: found.then((blocks) => fetch(blocks).done) }
  }

  /** Brings a stretch (a small file: all) into the cache; those who read go before. @throws FsError */
  async bring(span: ByteSpan, signal: AbortSignal): Promise<void> {
    await this.#cached.recover(signal)
    const indexes = indexesOf(this.#isWhole ? { start: 0, end: this.file.sizeBytes } : span, this.#blockSize)
    const blocks = await this.#cached.lookUp(indexes)
    if (this.#stale) throw this.#stale
    if (!this.#usableSpool()) {
      this.#start(indexes[0]!, blocks, 'read-ahead')
      const runs = new Set(indexes.flatMap((index) => this.#bringing(index) ?? []))
      for (const run of runs) await run.wait(run.last, signal)
    }
    if (this.#spool) await this.#spool.read(span.end - 1, 1, signal)
  }

  /** The proved bytes of a small file have come and are in the cache. */
  adoptProved(): void {
    if (this.#isWhole && this.#runs.size === 0) this.#cached.settle(provedVersion)
  }

  /** No handle is open any more: what nobody waits for is not fetched to its end. */
  abandon(): void {
    for (const run of this.#runs) run.abandonIfUnwanted()
  }

  async #readMissing(
    blocks: readonly FoundBlock[],
    first: number,
    span: ByteSpan,
    signal: AbortSignal | undefined,
  ): Promise<Pieces> {
    const lengthBytes = span.end - span.start
    if (this.#stale) throw this.#stale // it came to be while the disk was asked
    if (this.#usableSpool()) return this.#spool!.read(span.start, lengthBytes, signal)
    this.#start(first, blocks, 'foreground')
    // All blocks of a small file come at once: those that were here may be of another download.
    const waits = blocks.map(
      async (block, i) =>
        (this.#isWhole ? undefined : block) ?? this.#bringing(first + i)?.wait(first + i, signal) ?? block,
    )
    const arrived = await Promise.all(waits)
    if (arrived.every((block) => block !== undefined))
      return bytesOfBlocks(arrived, first * this.#blockSize, span)
    if (this.#stale) throw this.#stale
    if (!this.#spool) throw this.#failed('its download failed')
    return this.#spool.read(span.start, lengthBytes, signal)
  }

  /** A download that failed is forgotten, so that the next reader begins another. */
  #usableSpool(): boolean {
    if (this.#spool?.state === 'failed') {
      const failed = this.#spool
      this.#spool = undefined
      inBackground(this.#options.log, 'remove a failed download', failed.remove())
    }
    return this.#spool !== undefined
  }

  /**
   * The disk has blocks of an earlier mount. Without a digest a listing does not tell that they were changed in place:
   * then the server is asked, if it answers at all. Of a small file only what fits its digest is kept there.
   */
  async #confirm(answerVersion: string): Promise<void> {
    if (this.file.digest !== undefined) return this.#options.onAnswerVersion(answerVersion, this.#isWhole)
    try {
      ;(await this.#fetch({ first: 0, last: 0 }, 'foreground', new AbortController().signal)).discard()
    } catch (error) {
      if (this.#options.archive.isReachable) throw error
    }
  }

  /** Requests for those blocks of a stretch that are neither here nor on their way. */
  #start(
    first: number,
    blocks: readonly FoundBlock[],
    urgency: Urgency,
  ): { run: BlockRun; done: Promise<void> }[] {
    const started: { run: BlockRun; done: Promise<void> }[] = []
    const last = first + blocks.length - 1
    const isMissing = (index: number): boolean =>
      (this.#bringing(index)?.signal.aborted ?? true) && blocks[index - first] === undefined
    const longest = this.#isWhole ? Number.MAX_SAFE_INTEGER : Math.floor(longestRunBytes / this.#blockSize)
    for (let index = first; index <= last; index++) {
      if (!isMissing(index)) continue
      const from = this.#isWhole ? 0 : index
      let to = this.#isWhole ? Math.ceil(this.file.sizeBytes / this.#blockSize) - 1 : index
      while (!this.#isWhole && to < last && to - from + 1 < longest && isMissing(to + 1)) to++
      const run = new BlockRun(from, to, urgency === 'read-ahead')
      started.push({ run, done: this.#carryOut(run, urgency) })
      index = to
    }
    return started
  }

  /** What it has delivered already is the cache's. */
  #bringing(index: number): BlockRun | undefined {
    const run = this.#pending.get(index)
    return run && run.next <= index ? run : undefined
  }

  async #carryOut(run: BlockRun, urgency: Urgency): Promise<void> {
    this.#runs.add(run)
    for (let index = run.first; index <= run.last; index++) this.#pending.set(index, run)
    try {
      if (this.#isWhole) await this.#fetchWhole(run, urgency)
      else await this.#inTurn(run, () => this.#fetchRange(run, urgency))
    } catch (error) {
      run.fail(error)
    } finally {
      this.#runs.delete(run)
      for (const [index, pending] of this.#pending) if (pending === run) this.#pending.delete(index)
    }
  }

  /** Another process that shares the cache may have brought these blocks, or be about to. */
  async #inTurn(run: BlockRun, fetch: () => Promise<void>): Promise<void> {
    const stretch = { first: run.next, last: run.last, isWhole: this.#isWhole }
    const { cache, turns } = this.#options
    const look = async (): Promise<boolean> => cache.budget.use(() => this.#findHere(run))
    const turn = await turns?.take(this.file, stretch, look, run.signal)
    try {
      if (!run.isDone) await fetch()
    } finally {
      turn?.end()
    }
  }

  /** @returns whether nothing is left to fetch */
  async #findHere(run: BlockRun): Promise<boolean> {
    await this.#cached.refind()
    const span = { start: run.next * this.#blockSize, end: this.#endOf(run.last) }
    const blocks = await this.#cached.lookUp(indexesOf(span, this.#blockSize))
    if (this.#stale) throw this.#stale
    if (this.#isWhole && blocks.includes(undefined)) return false
    for (const block of blocks) {
      if (!block) break
      this.#options.cache.budget.pin(block) // it may have been let go of before its reader began
      run.deliver(block)
      this.#options.cache.budget.unpin(block)
    }
    return run.isDone
  }

  /** Blocks are handed on as they come; what breaks off is taken up again where it stopped. */
  async #fetchRange(run: BlockRun, urgency: Urgency): Promise<void> {
    const attempts = new Attempts({ limit: 3, delayMs: 200, sleep: this.#sleep })
    while (!run.isDone) {
      const range = { first: run.next * this.#blockSize, last: this.#endOf(run.last) - 1 }
      const bytes = await this.#fetch(range, urgency, run.signal)
      if (!bytes.rangeHonoured) {
        this.#adoptWhole(bytes)
        return run.redirect()
      }
      const before = run.next
      try {
        await this.#deliver(bytes, run)
      } catch (error) {
        if (run.next > before) attempts.progress()
        if (this.#stale) throw this.#stale
        await attempts.again(error, run.signal)
      }
    }
  }

  async #deliver(bytes: FetchedBytes, run: BlockRun): Promise<void> {
    await cutIntoBlocks(
      bytes.body,
      run,
      (index) => this.#endOf(index) - index * this.#blockSize,
      (block) => {
        this.#cached.put(run.next, block, this.#trustOf(bytes, 'unproven'))
        run.deliver(block)
        return this.#options.cache.ready(run.signal)
      },
    )
    if (!run.isDone) throw this.#failed('the answer ended too early')
  }

  async #fetchWhole(run: BlockRun, urgency: Urgency): Promise<void> {
    const awaited = urgency === 'foreground' ? await this.#options.awaited?.(run.signal) : undefined
    if (awaited) {
      this.#cached.settle(provedVersion)
      for (const block of blocksOf(awaited, this.#blockSize)) run.deliver(block)
      return
    }
    await this.#inTurn(run, () => this.#download(run, urgency))
  }

  async #download(run: BlockRun, urgency: Urgency): Promise<void> {
    await this.#options.cache.ready(run.signal)
    let last: FetchedBytes | undefined
    const { blocks, trust } = await fetchWholeFile({
      ...this.file,
      blockSizeBytes: this.#blockSize,
      budget: this.#options.cache.budget,
      fetch: async () => (last = await this.#fetch(undefined, urgency, run.signal)),
      onOtherSize: (sizeBytes, answerVersion) => this.#contradict(sizeBytes, answerVersion),
      md5: this.#options.md5,
      log: this.#options.log,
      sleep: this.#sleep,
      signal: run.signal,
    })
    if (last) this.#options.onAnswerVersion(last.answerVersion, trust === 'proven')
    for (const [index, block] of blocks.entries()) {
      this.#cached.put(index, block, this.#trustOf(last, trust))
      run.deliver(block)
    }
  }

  async #fetch(
    range: { first: number; last: number } | undefined,
    urgency: Urgency,
    signal: AbortSignal,
  ): Promise<FetchedBytes> {
    const bytes = await this.#options.archive.fetch(this.file, range, urgency, signal)
    const problem = this.#problemWith(bytes)
    if (!problem) return bytes
    bytes.discard()
    throw problem
  }

  /** The first answer names the version that all others must have. */
  #problemWith(bytes: FetchedBytes): FsError | undefined {
    if (bytes.totalBytes !== undefined && bytes.totalBytes !== this.file.sizeBytes) {
      return this.#contradict(bytes.totalBytes, bytes.answerVersion)
    }
    const known = this.#cached.answerVersion
    if (known === undefined || known === provedVersion) {
      this.#cached.settle(bytes.answerVersion)
      this.#options.onAnswerVersion(bytes.answerVersion, false)
    }
    if (this.#cached.answerVersion === bytes.answerVersion) return undefined
    return this.#contradict(this.file.sizeBytes, bytes.answerVersion)
  }

  #failed(what: string): FsError {
    return new FsError('EIO', `read ${this.file.name}: ${what}`, { nextStep: 'open it again' })
  }

  #contradict(sizeBytes: number, answerVersion: string): FsError {
    const what =
      sizeBytes === this.file.sizeBytes
        ? 'it was changed on the server while it was read'
        : `it has ${sizeBytes} bytes on the server, not ${this.file.sizeBytes} as listed`
    this.#stale = new FsError('ESTALE', `read ${this.file.name}: ${what}`, { nextStep: 'open it again' })
    this.#options.archive.contradict(this.file, { sizeBytes, answerVersion, digest: undefined })
    for (const run of this.#runs) run.fail(this.#stale)
    return this.#stale
  }

  /** The server ignores ranges: the download it has begun serves all readers of the file, there is no second one. */
  #adoptWhole(bytes: FetchedBytes): void {
    if (this.#usableSpool()) return bytes.discard()
    this.#spool = new Spool(
      {
        ...this.file,
        directory: this.#options.spoolDirectory,
        fetch: (signal) => this.#fetch(undefined, 'foreground', signal),
        onOtherSize: (sizeBytes, answerVersion) => this.#contradict(sizeBytes, answerVersion),
        onComplete: (path, trust) => this.#cached.take(path, this.#trustOf(bytes, trust)),
        checkDamaged: (md5) => this.#checkDamaged(md5, bytes.answerVersion),
        sleep: this.#sleep,
      },
      bytes,
    )
  }

  /**
   * Either the transfer went wrong, or the file was changed in place and its catalog not: when another download brings
   * the same bytes it was the latter. Pages that the kernel has of the first belong to a version that is no longer.
   */
  #checkDamaged(md5: string, answerVersion: string): void {
    const { file } = this
    const { log, archive } = this.#options
    if (md5 === this.#options.damagedDigest) {
      log.warn(`read ${file.name}: its digest in the catalog is out of date; the stored bytes are shown`)
      return
    }
    this.#options.onDamaged(md5)
    this.#stale = this.#failed('what came is not what the catalog says')
    archive.contradict(file, {
      sizeBytes: file.sizeBytes,
      answerVersion: `${answerVersion} ${md5}`,
      digest: file.digest,
    })
    throw this.#stale
  }

  /** Without a digest only size and time name the bytes: what may still change under them is not for another mount. */
  #trustOf(bytes: FetchedBytes | undefined, trust: Trust): Trust {
    return this.file.digest === undefined && bytes?.isRecent ? 'doubtful' : trust
  }

  #endOf(index: number): number {
    return Math.min((index + 1) * this.#blockSize, this.file.sizeBytes)
  }
}
