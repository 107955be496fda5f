import { LRUCache } from 'lru-cache'
import { SingleFlight } from '../util/single-flight.js'

/** What one REST listing answered. Directories are made of one or more of them. */
export interface Source<T = unknown> {
  readonly key: string
  readonly value: T
  readonly expiresMs: number
  /** It is `of`, an answer of the server, but for this one change that has come to be known since. */
  readonly change?: { readonly of: object; readonly what: unknown }
  /** Set when a write has made it untrue. */
  isForgotten: boolean
}

export interface ListingCacheOptions {
  /** How long a listing is believed. */
  readonly ttlMs: number
  readonly now?: () => number
}

/** Rows of listings kept, over all listings: some 300 bytes each. The largest is kept whatever its size. */
const rowsKept = 150_000

/**
 * Answers of the server, each asked for once by however many callers want it, and believed for `ttlMs`. Failures are
 * not kept: the next caller asks again.
 */
export class ListingCache {
  readonly #ttlMs: number
  readonly #now: () => number
  readonly #sources = new LRUCache<string, Source>({
    maxSize: rowsKept,
    sizeCalculation: (source) =>
      Math.min(rowsKept, 1 + (Array.isArray(source.value) ? source.value.length : 0)),
  })
  readonly #flights = new SingleFlight<Source>()
  /** Listings under way that a write has made untrue before they came. */
  readonly #outrun = new Set<AbortSignal>()
  readonly #asking = new Map<AbortSignal, string>()
  #epoch = 0

  constructor(options: ListingCacheOptions) {
    this.#ttlMs = options.ttlMs
    this.#now = options.now ?? Date.now
  }

  isFresh(source: Source): boolean {
    return !source.isForgotten && this.#now() < source.expiresMs
  }

  async load<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Source<T>> {
    const known = this.#sources.get(key)
    if (known && this.isFresh(known)) return known as Source<T>
    const source = await this.#flights.run(key, signal, (shared) => this.#ask(key, ask, shared))
    return source as Source<T>
  }

  /** What is known and believed, without asking. */
  peek(key: string): Source | undefined {
    const known = this.#sources.get(key)
    return known && this.isFresh(known) ? known : undefined
  }

  /**
   * Something has come to be known that changes a listing which is believed; it is not believed the longer for it.
   * @param what has changed, for those who have made something of the listing before
   */
  replace<T extends object>(key: string, change: (value: T) => T, what: unknown): void {
    const known = this.#sources.get(key)
    if (!known || !this.isFresh(known)) return this.forget((other) => other === key)
    known.isForgotten = true
    this.#epoch++
    const of = known.value as T
    this.#sources.set(key, { ...known, value: change(of), change: { of, what }, isForgotten: false })
    for (const [question, asked] of this.#asking) if (asked === key) this.#outrun.add(question)
    this.#flights.forgetAll((asked) => asked === key)
  }

  /** Changes with every `forget`: what was put together before may be untrue. */
  get epoch(): number {
    return this.#epoch
  }

  forget(matches: (key: string) => boolean): void {
    this.#epoch++
    for (const [key, source] of this.#sources.entries()) {
      if (!matches(key)) continue
      source.isForgotten = true
      this.#sources.delete(key)
    }
    for (const [question, key] of this.#asking) if (matches(key)) this.#outrun.add(question)
    this.#flights.forgetAll(matches)
  }

  async #ask<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Source<T>> {
    this.#asking.set(signal, key)
    try {
      const value = await ask(signal)
      const isForgotten = this.#outrun.has(signal)
      const source = { key, value, expiresMs: this.#now() + this.#ttlMs, isForgotten }
      if (!isForgotten) this.#sources.set(key, source)
      return source
    } finally {
      this.#asking.delete(signal)
      this.#outrun.delete(signal)
    }
  }
}
