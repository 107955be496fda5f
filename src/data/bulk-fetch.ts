import PQueue from 'p-queue'
import type { Archive, DirectoryEntry, FileEntry } from '../archive/archive.js'
import type { BlockCache } from '../cache/block-cache.js'
import { causeChain } from '../util/log.js'
import type { FetchTurns } from './fetch-turns.js'
import type { FileReader } from './file-reader.js'
import { planPrefetch } from './prefetch-plan.js'
import { isSized } from './sized-file.js'
import type { SizedFile } from './sized-file.js'

/** Files of one directory. */
export interface FilesOf {
  readonly directory: DirectoryEntry
  readonly files: readonly FileEntry[]
}

export interface BulkFetchOptions {
  readonly archive: Pick<Archive, 'bundle'>
  readonly cache: BlockCache
  readonly isSmall: (file: SizedFile) => boolean
  /** What the cache has of a file so that it stays. */
  readonly storedBytes: (file: SizedFile) => Promise<number>
  /** Takes bytes that are proved to be those of the file. */
  readonly keep: (file: SizedFile, pieces: readonly Uint8Array[]) => void
  readonly acquire: (file: SizedFile) => FileReader
  readonly release: (reader: FileReader) => void
  /** Archives and small files that are asked for at a time, if fewer than usual: not all that the server may be asked at once. */
  readonly bulkTasks?: number
  /** Where other processes share the cache. */
  readonly turns?: FetchTurns | undefined
}

/** What there is, and what fetching the rest costs. */
export interface BulkPlan {
  readonly files: number
  readonly bytes: number
  readonly cachedFiles: number
  readonly cachedBytes: number
  /** Files whose size nobody knows before they are opened: they are left to who opens them. */
  readonly unsized: number
  readonly requests: number
}

export interface BulkProgress {
  readonly filesDone: number
  readonly bytesDone: number
}

export interface BulkFailure {
  readonly name: string
  readonly reason: string
}

interface Missing {
  readonly file: SizedFile
  /** What the cache does not have. */
  bytes: number
}

type Task =
  | { readonly kind: 'together'; readonly directory: DirectoryEntry; readonly missing: readonly Missing[] }
  | { readonly kind: 'singly'; readonly missing: Missing }

const mostTasksAtOnce = 6
/** Of a large file; two requests of the reader's. Large files come one after the other. */
const stretchBytes = 16 * 1024 * 1024
const requestBytes = 8 * 1024 * 1024
/** What comes faster than the disk takes it is waited for, before the cache lets it go. */
const settleBytes = 16 * 1024 * 1024

/** Brings many files into the cache, for whoever reads them later: what `Prefetch` guesses, asked for. */
export class BulkFetch {
  readonly plan: BulkPlan
  readonly #options: BulkFetchOptions
  readonly #tasks: readonly Task[]
  readonly #failures = new Map<SizedFile, string>()
  #filesDone: number
  #bytesDone: number
  #unsettledBytes = 0

  private constructor(options: BulkFetchOptions, plan: BulkPlan, tasks: readonly Task[]) {
    this.#options = options
    this.#tasks = tasks
    this.plan = plan
    this.#filesDone = plan.cachedFiles
    this.#bytesDone = plan.cachedBytes
  }

  /** Looks what there is to do; fetches nothing. */
  static async prepare(batches: readonly FilesOf[], options: BulkFetchOptions): Promise<BulkFetch> {
    const tasks: Task[] = []
    const plan = { files: 0, bytes: 0, cachedFiles: 0, cachedBytes: 0, unsized: 0, requests: 0 }
    for (const { directory, files } of batches) {
      const missing: Missing[] = []
      for (const file of files) {
        if (!isSized(file)) {
          plan.unsized++
          continue
        }
        const stored = file.sizeBytes === 0 ? 0 : await options.storedBytes(file)
        plan.files++
        plan.bytes += file.sizeBytes
        plan.cachedBytes += stored
        if (stored === file.sizeBytes) plan.cachedFiles++
        else missing.push({ file, bytes: file.sizeBytes - stored })
      }
      tasks.push(...(await tasksOf(directory, missing, options)))
    }
    const requestsOf = (task: Task): number =>
      task.kind === 'together' || options.isSmall(task.missing.file)
        ? 1
        : Math.ceil(task.missing.bytes / requestBytes)
    plan.requests = tasks.reduce((sum, task) => sum + requestsOf(task), 0)
    return new BulkFetch(options, plan, tasks)
  }

  get progress(): BulkProgress {
    return { filesDone: this.#filesDone, bytesDone: this.#bytesDone }
  }

  /** What the cache can hold. */
  get capacityBytes(): number {
    return this.#options.cache.storageBytes
  }

  /** Resolves when everything is in the cache, on the disk where it has one. @returns what is not */
  async run(signal: AbortSignal): Promise<readonly BulkFailure[]> {
    const concurrency = Math.min(mostTasksAtOnce, this.#options.bulkTasks ?? mostTasksAtOnce)
    const queue = new PQueue({ concurrency })
    const large = new PQueue({ concurrency: 1 })
    const isLarge = (task: Task): boolean =>
      task.kind === 'singly' && !this.#options.isSmall(task.missing.file)
    const runs = this.#tasks.map((task) =>
      (isLarge(task) ? large : queue).add(() => this.#carryOut(task, signal)),
    )
    await Promise.all(runs)
    await this.#makeSure(signal)
    signal.throwIfAborted()
    return [...this.#failures].map(([{ name }, reason]) => ({ name, reason }))
  }

  async #carryOut(task: Task, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (task.kind === 'singly') return this.#fetchFile(task.missing, signal)
    const { turns } = this.#options
    const claim = await turns?.claim(task.missing.map(({ file }) => file))
    let rest: Iterable<Missing> = task.missing
    try {
      if (!turns || claim) rest = await this.#fetchTogether(task, signal)
    } finally {
      claim?.end()
    }
    // What did not come with the others, or not as it is listed, is asked for alone.
    for (const missing of rest) {
      if (!signal.aborted) await this.#fetchFile(missing, signal)
    }
  }

  /** @returns files that have not come */
  async #fetchTogether(
    { directory, missing }: Extract<Task, { kind: 'together' }>,
    signal: AbortSignal,
  ): Promise<Iterable<Missing>> {
    const { archive, keep } = this.#options
    const rest = new Map(missing.map((one) => [one.file.key, one]))
    const bundle = archive.bundle(
      directory,
      missing.map(({ file }) => file),
    )
    try {
      for await (const { file, pieces } of bundle?.fetch(signal) ?? []) {
        const one = rest.get(file.key)
        if (!one || !isSized(file)) continue
        rest.delete(file.key)
        keep(file, pieces)
        await this.#finish(one, signal)
      }
    } catch {
      // each file that is left tells what is wrong
    }
    return rest.values()
  }

  async #fetchFile(missing: Missing, signal: AbortSignal): Promise<void> {
    const { acquire, release } = this.#options
    const { file } = missing
    const reader = acquire(file)
    try {
      for (let start = 0; start < file.sizeBytes && !signal.aborted; start += stretchBytes) {
        const end = Math.min(start + stretchBytes, file.sizeBytes)
        await reader.bring({ start, end }, signal)
        if (end < file.sizeBytes) await this.#came(missing, end - start, signal)
      }
      if (!signal.aborted) await this.#finish(missing, signal)
    } catch (error) {
      if (!signal.aborted) this.#failures.set(file, causeChain(error))
    } finally {
      release(reader)
    }
  }

  /** What a busy disk has let go is fetched once more. */
  async #makeSure(signal: AbortSignal): Promise<void> {
    const { cache, storedBytes } = this.#options
    await cache.settled()
    for (const missing of this.#tasks.flatMap(missingOf)) {
      const { file } = missing
      const isStored = async (): Promise<boolean> => (await storedBytes(file)) === file.sizeBytes
      if (signal.aborted || this.#failures.has(file) || (await isStored())) continue
      this.#filesDone--
      await this.#fetchFile(missing, signal)
      await cache.settled()
      if (signal.aborted || (await isStored())) continue
      this.#filesDone--
      this.#failures.set(
        file,
        'the cache did not keep it: it was changed just now, or the disk takes no more',
      )
    }
  }

  async #finish(missing: Missing, signal: AbortSignal): Promise<void> {
    this.#filesDone++
    await this.#came(missing, missing.bytes, signal)
  }

  async #came(missing: Missing, bytes: number, signal: AbortSignal): Promise<void> {
    const counted = Math.min(bytes, missing.bytes)
    missing.bytes -= counted
    this.#bytesDone += counted
    this.#unsettledBytes += counted
    await this.#options.cache.ready(signal)
    if (this.#unsettledBytes < settleBytes) return
    this.#unsettledBytes = 0
    await this.#options.cache.settled()
  }
}

function missingOf(task: Task): readonly Missing[] {
  return task.kind === 'together' ? task.missing : [task.missing]
}

async function tasksOf(
  directory: DirectoryEntry,
  missing: readonly Missing[],
  { isSmall, archive, cache }: BulkFetchOptions,
): Promise<Task[]> {
  const plan = await planPrefetch({
    files: missing.map(({ file }) => file),
    isSmall,
    cached: { isHere: () => false, isKept: () => Promise.resolve(false) }, // these are what is missing
    bundle: (files) => archive.bundle(directory, files),
    roomBytes: cache.storageBytes,
  })
  const together = new Set(plan?.kind === 'together' ? plan.files : [])
  const tasks: Task[] = missing
    .filter(({ file }) => !together.has(file) && file.sizeBytes > 0)
    .map((one) => ({ kind: 'singly', missing: one }))
  if (together.size === 0) return tasks
  return [
    { kind: 'together', directory, missing: missing.filter(({ file }) => together.has(file)) },
    ...tasks,
  ]
}
