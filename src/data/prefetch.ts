import { LRUCache } from 'lru-cache'
import type { Archive, FileEntry, MaybePromise } from '../archive/archive.js'
import type { Counters } from '../util/counters.js'
import type { MemoryBudget } from '../util/memory-budget.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import type { Turn } from './fetch-turns.js'
import { BundleRun } from './bundle-run.js'
import { isSized } from './sized-file.js'
import type { SizedFile } from './sized-file.js'
import { planPrefetch } from './prefetch-plan.js'
import type { CachedFiles } from './prefetch-plan.js'
import type { PrefetchRun, RunEnd } from './prefetch-run.js'
import { SinglyRun } from './singly-run.js'
import { UnreadBudget } from './unread-budget.js'
import { Walk } from './walk.js'
import type { Surroundings } from './walk.js'

export interface PrefetchOptions {
  readonly archive: Pick<Archive, 'bundle' | 'isReachable'>
  readonly log: Log
  /** What may lie in memory unread, over all directories. */
  readonly budgetBytes: number
  /** Of the mount. */
  readonly memory: MemoryBudget
  readonly isSmall: (file: SizedFile) => boolean
  /** What a directory may have that is fetched all at once: more would not be kept until it is read. */
  readonly roomBytes: () => number
  readonly cached: CachedFiles
  /** Takes bytes that are proved to be those of the file. */
  readonly keep: (file: SizedFile, pieces: readonly Uint8Array[]) => void
  /** Resolves when it can keep more. */
  readonly ready: (signal: AbortSignal) => MaybePromise<void>
  /** Brings one file into the cache; never fails. */
  readonly fetch: (file: SizedFile, signal: AbortSignal) => Promise<void>
  /** Whether somebody wants to hear of what has come. */
  readonly isHeard?: () => boolean
  /** Tells of a file that is here, if it is; never fails. @returns whether it is */
  readonly show?: (directory: number, file: SizedFile, signal: AbortSignal) => Promise<boolean>
  /** Undefined: another process is about to fetch them, and they come into the cache by and by. */
  readonly claim?: ((files: readonly FileEntry[]) => Promise<Turn | undefined>) | undefined
  /** A file of the directory with this number has come that nobody has asked for yet. */
  readonly arrived?: (directory: number, file: SizedFile, pieces: readonly Uint8Array[]) => void
  readonly counters?: Counters
  readonly now?: () => number
}

/** Requests at once: some connections are left to those who wait. */
const requestsAtOnce = 12
/** What is here comes from a disk, and the threads that read it have other things to do. */
const shownAtOnce = 4
const checkMs = 125
/** A directory of which nothing is to be fetched is not looked through for each of its files. */
const considerAgainMs = 300
/** Nor is one whose next files are not here. */
const showAgainMs = 3000
/** A reader who has left before the end does not get all of it at once again so soon. */
const singlyMs = 60_000
const directoriesKept = 1000

/**
 * Fetches the rest of a directory when somebody begins to read its files one by one. It begins with a file that is not
 * here: what is cached asks for nothing.
 */
export class Prefetch {
  readonly #options: PrefetchOptions
  readonly #now: () => number
  readonly #budget: UnreadBudget
  readonly #walks = new Map<number, Walk>()
  readonly #runs = new Map<Walk, PrefetchRun>()
  /** Of files that are here: made known before their reader comes to them. */
  readonly #shows = new Map<Walk, SinglyRun>()
  /** When directories were last listed. */
  readonly #listed = new LRUCache<number, number>({ max: directoriesKept })
  /** Directories that need not be considered before then. */
  readonly #notBefore = new WeakMap<Walk, number>()
  readonly #showNotBefore = new WeakMap<Walk, number>()
  /** Directories whose files are fetched by a request each until then. */
  readonly #singlyUntil = new WeakMap<Walk, number>()
  readonly #beginnings = new Map<Walk, Promise<PrefetchRun | undefined>>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: PrefetchOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#budget = new UnreadBudget(options.budgetBytes)
  }

  /** What was fetched and not read yet. */
  get unreadBytes(): number {
    return this.#budget.usedBytes
  }

  listed(directory: number): void {
    this.#listed.set(directory, this.#now())
  }

  /** A file of a directory is opened; what the kernel still has of it may be all that is needed. */
  opened(directory: number): void {
    this.#walks.get(directory)?.stir(this.#now())
  }

  /** A handle is read for the first time. @returns what `awaited` and `leave` want to know */
  enter(surroundings: Surroundings, file: SizedFile): Walk {
    const walk = this.#walkOf(surroundings)
    walk.handles++
    walk.isUnheard = false
    walk.touch(file, this.#now())
    const run = this.#runOf(walk) ?? this.#show(walk, file)
    run?.touch(file)
    return walk
  }

  /** A file is opened that was told of: of its reads and its end nothing will be heard. */
  glance(surroundings: Surroundings, file: SizedFile): void {
    const walk = this.#walkOf(surroundings)
    walk.isUnheard = true
    walk.touch(file, this.#now())
    this.#runOf(walk)?.touch(file)
  }

  /** Whether a file is on its way: then neither memory nor disk has it. */
  expects(walk: Walk, file: SizedFile): boolean {
    return this.#runs.get(walk)?.expects(file) ?? false
  }

  leave(walk: Walk): void {
    walk.handles--
    walk.stir(this.#now())
  }

  /** Called for a file that is not here. Its bytes, if they are about to come; undefined: ask for it alone. */
  async awaited(
    file: SizedFile,
    walk: Walk,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[] | undefined> {
    const run = this.#runs.get(walk) ?? (await this.#begin(walk, file))
    if (!run || signal.aborted) return undefined
    const interrupt = (): void => walk.interrupt()
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      run.touch(file)
      return await run.awaited(file, signal)
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const run of [...this.#runs.values(), ...this.#shows.values()]) run.stop()
  }

  #runOf(walk: Walk): PrefetchRun | undefined {
    return this.#runs.get(walk) ?? this.#shows.get(walk)
  }

  #walkOf(surroundings: Surroundings): Walk {
    const known = this.#walks.get(surroundings.id)
    if (known) return known
    const now = this.#now()
    if (this.#walks.size >= directoriesKept) {
      for (const [id, walk] of this.#walks)
        if (walk.handles === 0 && !this.#runs.has(walk) && walk.isOver(now)) this.#walks.delete(id)
    }
    const walk = new Walk(surroundings, now)
    this.#walks.set(surroundings.id, walk)
    return walk
  }

  /** Begins to make known what is here of the files that the reader will come to. */
  #show(walk: Walk, file: SizedFile): SinglyRun | undefined {
    const { show, isHeard, isSmall } = this.#options
    const now = this.#now()
    const { id } = walk.surroundings
    if (!show || !isHeard?.() || this.#isClosed) return undefined
    if (now < (this.#showNotBefore.get(walk) ?? 0)) return undefined
    if (!walk.isGoingOn(file, this.#listed.get(id), now)) return undefined
    const files = (walk.surroundings.files() ?? []).filter(isSized).filter(isSmall)
    const run = new SinglyRun(walk.inOrder(files), {
      budget: this.#budget,
      fetch: (one, signal) => show(id, one, signal),
      atOnce: shownAtOnce,
    })
    this.#shows.set(walk, run)
    this.#watch()
    void run.done.then(({ isComplete }) => {
      this.#shows.delete(walk)
      this.#showNotBefore.set(walk, this.#now() + (isComplete ? considerAgainMs : showAgainMs))
      this.#unwatch()
    })
    return run
  }

  /** Several that miss at once begin one run. */
  #begin(walk: Walk, file: SizedFile): MaybePromise<PrefetchRun | undefined> {
    const now = this.#now()
    if (now < (this.#notBefore.get(walk) ?? 0)) return undefined
    if (!walk.isGoingOn(file, this.#listed.get(walk.surroundings.id), now)) return undefined
    const known = this.#beginnings.get(walk)
    if (known) return known
    const beginning = this.#start(walk).finally(() => this.#beginnings.delete(walk))
    this.#beginnings.set(walk, beginning)
    return beginning
  }

  async #start(walk: Walk): Promise<PrefetchRun | undefined> {
    const run = await this.#newRun(walk)
    if (!run || this.#isClosed) {
      run?.stop()
      this.#notBefore.set(walk, this.#now() + considerAgainMs)
      return undefined
    }
    this.#runs.set(walk, run)
    if (this.#options.counters)
      this.#options.counters.ahead[run instanceof BundleRun ? 'together' : 'singly']++
    this.#watch()
    void run.done.then((end) => this.#ended(walk, end))
    return run
  }

  async #newRun(walk: Walk): Promise<PrefetchRun | undefined> {
    const files = walk.surroundings.files()
    if (!files || !this.#options.archive.isReachable) return undefined
    // What another process brings meanwhile is not planned for: first the claim, then the plan.
    const claim = await this.#options.claim?.(files)
    if (this.#options.claim && !claim) return undefined
    let run: PrefetchRun | undefined
    try {
      return (run = await this.#plannedRun(walk, files))
    } finally {
      if (run instanceof BundleRun) void run.done.then(() => claim?.end())
      else claim?.end()
    }
  }

  async #plannedRun(walk: Walk, files: readonly FileEntry[]): Promise<PrefetchRun | undefined> {
    const { directory } = walk.surroundings
    const isSingly = this.#now() < (this.#singlyUntil.get(walk) ?? 0)
    const plan = await planPrefetch({
      files,
      isSmall: this.#options.isSmall,
      cached: this.#options.cached,
      bundle: (wanted) => (isSingly ? undefined : this.#options.archive.bundle(directory, wanted)),
      roomBytes: this.#options.roomBytes() - this.#budget.usedBytes,
    })
    if (!plan) return undefined
    const { id } = walk.surroundings
    const arrived = (file: SizedFile, pieces: readonly Uint8Array[]): void =>
      this.#options.arrived?.(id, file, pieces)
    const options = { ...this.#options, arrived, budget: this.#budget, now: this.#now }
    return plan.kind === 'together'
      ? new BundleRun(plan.bundle, options)
      : new SinglyRun(walk.inOrder(plan.files), { ...options, fetch: this.#fetch, atOnce: requestsAtOnce })
  }

  #ended(walk: Walk, { isComplete, failure }: RunEnd): void {
    this.#runs.delete(walk)
    const now = this.#now()
    if (isComplete) this.#notBefore.set(walk, now + considerAgainMs)
    else this.#singlyUntil.set(walk, failure === undefined ? now + singlyMs : Number.POSITIVE_INFINITY)
    this.#unwatch()
    if (failure === undefined) return
    this.#options.log.info(
      `${walk.surroundings.directory.name}: its files are fetched one by one: ${causeChain(failure)}`,
    )
  }

  readonly #fetch = async (file: SizedFile, signal: AbortSignal): Promise<boolean> => {
    await this.#options.fetch(file, signal)
    return true
  }

  #watch(): void {
    this.#timer ??= setInterval(() => this.#stopOver(), checkMs).unref()
  }

  #unwatch(): void {
    if (this.#runs.size + this.#shows.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #stopOver(): void {
    const now = this.#now()
    for (const runs of [this.#runs, this.#shows])
      for (const [walk, run] of runs) if (walk.isOver(now)) run.stop()
  }
}
