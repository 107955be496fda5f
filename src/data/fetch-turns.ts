import type { BlockCache } from '../cache/block-cache.js'
import type { CacheLeases, Lease } from '../cache/cache-leases.js'
import { inBackground } from '../util/background.js'
import type { Log } from '../util/log.js'
import { sleep } from '../util/sleep.js'
import type { SizedFile } from './sized-file.js'
import { keyOf } from './sized-file.js'

export interface FetchTurnsOptions {
  readonly leases: CacheLeases
  readonly cache: Pick<BlockCache, 'settled' | 'blockSizeBytes'>
  readonly log: Log
  readonly now?: () => number
  readonly sleep?: typeof sleep
}

export interface Turn {
  /** What was fetched is on its way to the disk; others may have their turn when it is there. */
  end(): void
}

/** What a reader is about to fetch. */
export interface Stretch {
  readonly first: number
  readonly last: number
  readonly isWhole: boolean
}

const nobodys: Turn = { end: () => {} }

/** Blocks are fetched by stretches of this size, so that two processes can share a large file between them. */
const stripeBytes = 8 * 1024 * 1024
/** Who waits longer than this for another process fetches it too. */
const patienceMs = 10_000
const shortestPollMs = 10
const longestPollMs = 200

/**
 * Several mounts with one cache directory, as the jobs of an array on a cluster: of those that miss the same bytes at the
 * same time one fetches them, and the others wait until they are in the cache.
 */
export class FetchTurns {
  readonly #options: FetchTurnsOptions
  readonly #now: () => number
  readonly #sleep: typeof sleep

  constructor(options: FetchTurnsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#sleep = options.sleep ?? sleep
  }

  /** Whether others wait for what comes: then it is written without delay. */
  get isShared(): boolean {
    return this.#options.leases.isShared
  }

  /**
   * Waits until a stretch of a file may be fetched.
   * @param isHere looks whether another process has brought it; then there is nothing left to fetch
   */
  async take(
    file: SizedFile,
    stretch: Stretch,
    isHere: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<Turn> {
    const { leases } = this.#options
    if (!(await leases.hasCompany())) return nobodys // a lease costs as much as a small file
    const names = this.#namesOf(file, stretch)
    const untilMs = this.#now() + patienceMs
    for (let pollMs = shortestPollMs; ; pollMs = Math.min(pollMs * 1.5, longestPollMs)) {
      if (await isHere()) return nobodys
      if (!(stretch.isWhole && (await leases.isElsewhere(directoryName(file))))) {
        const taken = await this.#takeAll(names)
        if (taken === 'none') return nobodys
        if (taken) return this.#begin(taken, isHere)
      }
      if (this.#now() > untilMs) return nobodys
      await this.#sleep(pollMs, signal)
    }
  }

  /** Undefined: another process is about to fetch the files of this directory. */
  async claim(files: readonly SizedFile[]): Promise<Turn | undefined> {
    const [file] = files
    if (!file) return nobodys
    const name = directoryName(file)
    if (await this.#options.leases.isElsewhere(name)) return undefined
    const lease = await this.#options.leases.take(name)
    if (lease === 'none') return nobodys
    return lease && this.#turn([lease])
  }

  async #begin(taken: readonly Lease[], isHere: () => Promise<boolean>): Promise<Turn> {
    const turn = this.#turn(taken)
    try {
      if (!(await isHere())) return turn // somebody may have ended just before
    } catch (error) {
      turn.end()
      throw error
    }
    turn.end()
    return nobodys
  }

  async #takeAll(names: readonly string[]): Promise<readonly Lease[] | undefined | 'none'> {
    const { leases } = this.#options
    const taken: Lease[] = []
    for (const name of names) {
      const lease = (await leases.isElsewhere(name)) ? undefined : await leases.take(name)
      if (lease !== undefined && lease !== 'none') {
        taken.push(lease)
        continue
      }
      for (const other of taken) await other.end()
      return lease
    }
    return taken
  }

  #turn(taken: readonly Lease[]): Turn {
    const { cache, log, leases } = this.#options
    const end = async (): Promise<void> => {
      if (leases.isShared) await cache.settled()
      for (const lease of taken) await lease.end()
    }
    return { end: () => inBackground(log, 'let others fetch', end()) }
  }

  /** In ascending order, so that no two wait for each other. */
  #namesOf(file: SizedFile, { first, last, isWhole }: Stretch): string[] {
    if (isWhole) return [`file ${keyOf(file)}`]
    const blocks = Math.max(1, Math.floor(stripeBytes / this.#options.cache.blockSizeBytes))
    const stripes = new Set([Math.floor(first / blocks), Math.floor(last / blocks)])
    return [...stripes].map((stripe) => `stripe ${stripe} ${keyOf(file)}`)
  }
}

/** Files that come together lie in one directory of the server. */
function directoryName({ key }: SizedFile): string {
  return `directory ${key.slice(0, key.lastIndexOf('/') + 1)}`
}
