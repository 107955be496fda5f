import { LRUCache } from 'lru-cache'
import { SingleFlight } from '../util/single-flight.js'
import { XnatError } from '../xnat/xnat-error.js'
import { isText } from './control/text.js'
import type { ListingStore } from './listing-store.js'

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
  /** Called when an answer has come or gone: what was concluded from those of before may not hold any more. */
  readonly onNews?: (() => void) | undefined
  readonly now?: () => number
  /** Is told what comes to be known, and what is no longer true. */
  readonly store?: ListingStore | undefined
}

/** Rows of listings kept, over all listings. The largest is kept whatever its size. */
const rowsKept = 150_000
const rowBytes = 300

function rowsOf(value: unknown): number {
  if (Array.isArray(value)) return value.length
  return isText(value) ? Math.ceil(value.latin1.length / rowBytes) : 0
}

/** Matches what documents say. */
export function isTextKey(key: string): boolean {
  return key.startsWith('text ')
}

/**
 * Answers of the server, each asked for once by however many callers want it, and believed for `ttlMs`. Failures are
 * not kept: the next caller asks again.
 */
export class ListingCache {
  readonly #ttlMs: number
  readonly #now: () => number
  readonly #store: ListingStore | undefined
  readonly #sources = new LRUCache<string, Source>({
    maxSize: rowsKept,
    sizeCalculation: ({ value }) => Math.min(rowsKept, 1 + rowsOf(value)),
  })
  readonly #flights = new SingleFlight<Source>()
  /** Listings under way that a write has made untrue before they came. */
  readonly #outrun = new Set<AbortSignal>()
  readonly #asking = new Map<AbortSignal, string>()
  readonly #onNews: () => void
  #epoch = 0
  /** Whether a text may be believed, or is on its way. */
  #hasTexts = false

  constructor(options: ListingCacheOptions) {
    this.#onNews = options.onNews ?? ((): void => {})
    this.#ttlMs = options.ttlMs
    this.#now = options.now ?? Date.now
    this.#store = options.store
  }

  isFresh(source: Source): boolean {
    return !source.isForgotten && this.#now() < source.expiresMs
  }

  /** How long it is believed; 0: no more. */
  leftMs(source: Source): number {
    return source.isForgotten ? 0 : Math.max(0, source.expiresMs - this.#now())
  }

  async load<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Source<T>> {
    const known = this.#sources.get(key)
    if (known && this.isFresh(known)) return known as Source<T>
    if (isTextKey(key)) this.#hasTexts = true
    const source = await this.#flights.run(key, signal, (shared) => this.#ask(key, ask, shared))
    return source as Source<T>
  }

  /** The answer of a new question, for who must know what the server has now; believed by all from then on. */
  ask<T>(
    key: string,
    ask: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Source<T>> {
    this.forget((other) => other === key)
    return this.load(key, ask, signal)
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
    this.#change()
    const of = known.value as T
    this.#keep({ ...known, value: change(of), change: { of, what }, isForgotten: false })
    for (const [question, asked] of this.#asking) if (asked === key) this.#outrun.add(question)
    this.#flights.forgetAll((asked) => asked === key)
  }

  /** What was listed last, believed or not. */
  older(key: string): Source | undefined {
    return this.#sources.get(key)
  }

  /** It may still be true, but is to be asked for anew, as far as the server answers. */
  distrust(matches: (key: string) => boolean): void {
    this.#change()
    // All keys first: what is set comes before the rest in the order, and the walk would not end.
    const keys = [...this.#sources.keys()].filter(matches)
    for (const key of keys) {
      const source = this.#sources.peek(key)!
      source.isForgotten = true
      this.#sources.set(key, { ...source, expiresMs: 0, isForgotten: false })
    }
    for (const [question, key] of this.#asking) if (matches(key)) this.#outrun.add(question)
    this.#flights.forgetAll(matches)
  }

  /** Something in the archive has changed: what documents say of it is to be asked for anew. */
  distrustTexts(): void {
    if (!this.#hasTexts) return // it costs a walk over all listings
    this.#hasTexts = false
    this.distrust(isTextKey)
  }

  /** Changes with every `forget` and `distrust`: what was put together before may be untrue. */
  get epoch(): number {
    return this.#epoch
  }

  /** What matches is no longer true. */
  forget(matches: (key: string) => boolean): void {
    this.#change()
    this.#store?.remove(matches)
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
      if (!isForgotten) this.#keep(source)
      return source
    } catch (error) {
      // What this user may not see any more is not to be shown when the server is away either.
      const isGone = error instanceof XnatError && (error.code === 'forbidden' || error.code === 'not-found')
      if (isGone) this.#drop(key)
      throw error
    } finally {
      this.#asking.delete(signal)
      this.#outrun.delete(signal)
    }
  }

  #drop(key: string): void {
    this.#store?.remove((other) => other === key)
    const known = this.#sources.peek(key)
    if (!known) return
    known.isForgotten = true
    this.#sources.delete(key)
    this.#change()
  }

  #change(): void {
    this.#epoch++
    this.#onNews()
  }

  #keep(source: Source): void {
    this.#onNews()
    this.#sources.set(source.key, source)
    this.#store?.save(source.key, source.value)
  }
}
