import type { Bundle, BundledFile, MaybePromise } from '../archive/archive.js'
import type { MemoryBudget } from '../util/memory-budget.js'
import type { PrefetchRun, RunEnd } from './prefetch-run.js'
import { isSized, keyOf } from './sized-file.js'
import type { SizedFile } from './sized-file.js'
import { UnreadFiles } from './unread-budget.js'
import type { UnreadBudget } from './unread-budget.js'

export interface BundleRunOptions {
  readonly budget: UnreadBudget
  /** Takes bytes that are proved to be those of the file. */
  readonly keep: (file: SizedFile, pieces: readonly Uint8Array[]) => void
  /** Resolves when it can keep more. */
  readonly ready: (signal: AbortSignal) => MaybePromise<void>
  /** Of the mount: a file that is being unpacked is part of it. */
  readonly memory: MemoryBudget
  /** A file has come that nobody has asked for yet. */
  readonly arrived: (file: SizedFile, pieces: readonly Uint8Array[]) => void
  readonly now: () => number
}

/** Where a file lies in what comes. */
interface Span {
  readonly start: number
  readonly end: number
}

type Waiter = (pieces: readonly Uint8Array[] | undefined) => void

/** Whatever is this near is waited for. */
const nearBytes = 256 * 1024
/** Before anything has come, nobody knows how fast it will. */
const nearAtFirstBytes = 1024 * 1024
/** Who would wait longer than it took until the first file came, and then some, asks for the file alone. */
const overtakingFactor = 1.5
const shortestWaitMs = 30
/** A stream that brings nothing for this long while somebody waits is not waited for until it moves again. */
const patienceMs = 1000

/** One request that brings the files of a directory. Readers wait for their file only, and not if it is far away. */
export class BundleRun implements PrefetchRun {
  readonly done: Promise<RunEnd>
  readonly #options: BundleRunOptions
  readonly #stop = new AbortController()
  readonly #expected = new Map<string, Span>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #unread: UnreadFiles
  /** Files that somebody has read or waits for: these do not lie here for nothing. */
  readonly #touched = new Set<string>()
  readonly #startedMs: number
  #firstMs: number | undefined
  #arrivedBytes = 0
  /** How far into its order the stream has come. */
  #position = 0
  #isInOrder = true
  #isStalled = false
  #wake: () => void = () => {}

  constructor(bundle: Bundle, options: BundleRunOptions) {
    this.#options = options
    this.#unread = new UnreadFiles(options.budget)
    this.#startedMs = options.now()
    let start = 0
    for (const file of bundle.files.filter(isSized)) {
      const end = start + file.sizeBytes
      this.#expected.set(keyOf(file), { start, end })
      start = end
    }
    this.done = this.#carryOut(bundle)
  }

  stop(): void {
    this.#stop.abort()
    this.#wake()
  }

  expects(file: SizedFile): boolean {
    return this.#expected.has(keyOf(file))
  }

  touch(file: SizedFile): void {
    const key = keyOf(file)
    this.#touched.add(key)
    this.#unread.read(key, file.sizeBytes)
    this.#wake()
  }

  /** The bytes of a file when they have come; undefined: it is better asked for alone. */
  async awaited(file: SizedFile, signal: AbortSignal): Promise<readonly Uint8Array[] | undefined> {
    const key = keyOf(file)
    const span = this.#expected.get(key)
    if (!span || this.#isStalled || this.#isFar(span)) return undefined
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set()
      const finish: Waiter = (pieces) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        waiters.delete(finish)
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key)
        resolve(pieces)
      }
      const leave = (): void => finish(undefined)
      const timer = setTimeout(() => {
        this.#isStalled = true
        leave()
      }, patienceMs)
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.set(key, waiters.add(finish))
      this.#wake()
    })
  }

  #isFar({ start, end }: Span): boolean {
    if (!this.#isInOrder) return false // then nothing tells
    if (end <= this.#position) return true // it was passed over
    const beforeBytes = start - this.#position
    if (this.#firstMs === undefined) return beforeBytes > nearAtFirstBytes
    if (beforeBytes <= nearBytes) return false
    const elapsedMs = Math.max(this.#options.now() - this.#firstMs, 1)
    const waitMs = (beforeBytes * elapsedMs) / this.#arrivedBytes
    const aloneMs = overtakingFactor * (this.#firstMs - this.#startedMs)
    return waitMs > Math.max(aloneMs, shortestWaitMs)
  }

  async #carryOut(bundle: Bundle): Promise<RunEnd> {
    const { signal } = this.#stop
    // One file comes while the one before it is being proved.
    const giveBack = this.#options.memory.expect(2 * largestOf(bundle))
    const stopListening = this.#options.budget.whenFreed(() => this.#wake())
    try {
      for await (const bundled of bundle.fetch(signal)) {
        this.#accept(bundled)
        await this.#room()
        await this.#options.ready(signal)
      }
      return { isComplete: true }
    } catch (failure) {
      return signal.aborted ? { isComplete: false } : { isComplete: false, failure }
    } finally {
      giveBack()
      stopListening()
      this.#unread.clear()
      this.#expected.clear()
      for (const waiters of this.#waiters.values()) for (const finish of waiters) finish(undefined)
    }
  }

  #accept({ file, pieces }: BundledFile): void {
    if (!isSized(file)) return
    const key = keyOf(file)
    const span = this.#expected.get(key)
    if (!span) return
    this.#firstMs ??= this.#options.now()
    this.#arrivedBytes += file.sizeBytes
    this.#isStalled = false
    if (span.start < this.#position) this.#isInOrder = false
    this.#position = span.end
    this.#expected.delete(key)
    this.#options.keep(file, pieces)
    if (!this.#touched.has(key)) {
      this.#unread.add(key, file.sizeBytes)
      this.#options.arrived(file, pieces)
    }
    for (const finish of this.#waiters.get(key) ?? []) finish(pieces)
    this.#dismissPassed()
  }

  /** What was passed over did not prove right: whoever waits for it asks for it alone. */
  #dismissPassed(): void {
    if (!this.#isInOrder) return
    for (const [key, waiters] of this.#waiters) {
      const span = this.#expected.get(key)
      if (span && span.end <= this.#position) for (const finish of waiters) finish(undefined)
    }
  }

  /** Waits while as much lies unread as may be wanted next, and nobody waits for more. */
  async #room(): Promise<void> {
    while (this.#unread.isFull && this.#waiters.size === 0 && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#stop.signal.throwIfAborted()
  }
}

function largestOf({ files }: Bundle): number {
  return files.reduce((largest, { sizeBytes = 0 }) => Math.max(largest, sizeBytes), 0)
}
