import type { ListingCache, Source } from './listing-cache.js'
import type { ListingStore } from './listing-store.js'
import { isAway } from './reachability.js'
import type { Reachability } from './reachability.js'

export interface StaleListingsOptions {
  readonly cache: ListingCache
  /** Undefined: only what this mount has seen itself. */
  readonly store: ListingStore | undefined
  readonly reachability: Reachability
  /** How long a server that was away is waited for, before what is known has to do. */
  readonly patienceMs?: number
}

const patienceMs = 1000

/**
 * Listings for somebody who can do with older ones while the server does not answer. While it does, a listing is never
 * older than the cache believes it; and who must know what the server has now asks the cache itself.
 */
export class StaleListings {
  readonly #options: StaleListingsOptions
  readonly #stale = new WeakSet<object>()
  /** For sources that are older ones: what the cache knew when they were shown. */
  readonly #shownWhen = new WeakMap<Source, { readonly known: Source | undefined; readonly epoch: number }>()
  #count = 0

  constructor(options: StaleListingsOptions) {
    this.#options = options
  }

  /** How often an older listing was shown. */
  get count(): number {
    return this.#count
  }

  /** Whether it may be shown again without a question. An older one only until anything newer is known of it. */
  isCurrent(source: Source): boolean {
    const { cache } = this.#options
    if (!cache.isFresh(source)) return false
    const when = this.#shownWhen.get(source)
    return !when || (when.epoch === cache.epoch && when.known === cache.older(source.key))
  }

  /** Whether what a listing said was shown without asking the server, once at least. */
  isStale(value: unknown): boolean {
    return typeof value === 'object' && value !== null && this.#stale.has(value)
  }

  peek(key: string): Source | undefined {
    return this.#options.cache.peek(key)
  }

  async load<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Source<T>> {
    const { cache, reachability } = this.#options
    const watched = (shared: AbortSignal): Promise<T> => reachability.watch(ask(shared))
    if (reachability.wasSilent && !cache.peek(key)) {
      const older = await this.#older<T>(key)
      if (older) return this.#whileAway(key, watched, older)
    }
    try {
      return await cache.load(key, watched, signal)
    } catch (error) {
      const older = isAway(error) ? await this.#older<T>(key) : undefined
      if (!older) throw error
      reachability.staySilent()
      return this.#shown(older)
    }
  }

  /** The server was away when it was last asked: it is asked again now and then, and does not hold anybody up. */
  async #whileAway<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    older: Source<T>,
  ): Promise<Source<T>> {
    const { cache, reachability } = this.#options
    if (reachability.isSilent) return this.#shown(older)
    const question = cache.load(key, ask, undefined)
    const answered = question.catch((error: unknown) => {
      if (isAway(error)) return undefined
      throw error
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.#options.patienceMs ?? patienceMs, undefined)
    })
    answered.catch(() => {}) // when nobody waits any more, the next one asks again
    const source = await Promise.race([answered, late])
    clearTimeout(timer)
    if (source) return source
    reachability.staySilent()
    return this.#shown(older)
  }

  #shown<T>(older: Source<T>): Source<T> {
    const { cache, reachability } = this.#options
    this.#count++
    if (typeof older.value === 'object' && older.value !== null) this.#stale.add(older.value)
    reachability.tellStale()
    const source = { ...older, expiresMs: reachability.askAgainMs, isForgotten: false }
    this.#shownWhen.set(source, { known: cache.older(older.key), epoch: cache.epoch })
    return source
  }

  async #older<T>(key: string): Promise<Source<T> | undefined> {
    const { cache, store } = this.#options
    const known = cache.older(key)
    if (known) return known as Source<T>
    const stored = await store?.load(key)
    return stored && { key, value: stored.value as T, expiresMs: 0, isForgotten: false }
  }
}
