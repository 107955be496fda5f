import { LRUCache } from 'lru-cache'
import { FsError } from '../util/fs-error.js'
import { SingleFlight } from '../util/single-flight.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { DirectoryEntry, Entry, Facts, MaybePromise } from './archive.js'
import type { BuiltDirectory } from './built-directory.js'
import { withStoredFile } from './catalog.js'
import { listDirectory } from './children.js'
import { isControl } from './control/control-place.js'
import type { Corrections } from './corrections.js'
import { directoryKey } from './entries.js'
import { factsOf } from './facts.js'
import { withFsErrors } from './errors.js'
import type { DirectoryListing } from './layout.js'
import type { ListingCache } from './listing-cache.js'
import type { Sources } from './sources.js'
import type { StaleListings } from './stale-listings.js'

export interface BuiltDirectoriesOptions {
  readonly cache: ListingCache
  readonly listings: StaleListings
  readonly corrections: Corrections
  readonly sources: (signal: AbortSignal | undefined) => Sources
}

/** Entries kept, some 500 bytes each. */
const entriesKept = 100_000

/** Directories put together from the server's answers, and kept as long as those are believed. */
export class BuiltDirectories {
  readonly #options: BuiltDirectoriesOptions
  readonly #directories = new LRUCache<string, BuiltDirectory>({
    maxSize: entriesKept,
    sizeCalculation: ({ listing }) => Math.min(entriesKept, 1 + listing.entries.length),
  })
  readonly #builds = new SingleFlight<BuiltDirectory | undefined>()

  constructor(options: BuiltDirectoriesOptions) {
    this.#options = options
  }

  /** As it was built last, believed or not. */
  of(directory: DirectoryEntry): BuiltDirectory | undefined {
    return this.#directories.get(directoryKey(directory))
  }

  facts(entry: Entry): Facts {
    const { listings } = this.#options
    const known = entry.kind === 'directory' ? this.of(entry) : undefined
    const values = entry.kind === 'file' ? [entry.listing] : known?.sources.map(({ value }) => value)
    const isStale = values?.some((value) => listings.isStale(value))
    return isStale ? { ...factsOf(entry), stale: '1' } : factsOf(entry)
  }

  /** How long it will be believed; undefined where it was not put together yet. */
  believedMs(directory: DirectoryEntry): number | undefined {
    const known = this.of(directory)
    return known && Math.min(...known.sources.map((source) => this.#options.cache.leftMs(source)))
  }

  all(): Iterable<BuiltDirectory> {
    return this.#directories.values()
  }

  list(directory: DirectoryEntry, signal?: AbortSignal): MaybePromise<DirectoryListing> {
    const key = directoryKey(directory)
    const known = this.#directories.get(key)
    const { listings } = this.#options
    if (known && known.sources.every((source) => listings.isCurrent(source))) return known.listing
    return this.#changed(key, directory, known) ?? this.#build(key, directory, signal)
  }

  /** A directory that differs by one stored file from what was built is not built anew: resources are large. */
  #changed(
    key: string,
    directory: DirectoryEntry,
    known: BuiltDirectory | undefined,
  ): DirectoryListing | undefined {
    const [source, ...others] = known?.sources ?? []
    const { cache, corrections } = this.#options
    const now = source && others.length === 0 ? cache.peek(source.key) : undefined
    if (!known || !now?.change || now.change.of !== source!.value) return undefined
    const stored = now.change.what as StoredFile
    const files = now.value as readonly StoredFile[]
    const listing = withStoredFile(known.listing, directory, stored, files, corrections)
    if (listing) this.#directories.set(key, { ...known, listing, sources: [now] })
    return listing
  }

  async #build(
    key: string,
    directory: DirectoryEntry,
    signal: AbortSignal | undefined,
  ): Promise<DirectoryListing> {
    const { cache, corrections, sources: sourcesFor } = this.#options
    const built = await withFsErrors(`list ${directory.name || '/'}`, () =>
      this.#builds.run(`${cache.epoch} ${key}`, signal, async (shared) => {
        const sources = sourcesFor(shared)
        const listing = await listDirectory(directory, sources, corrections)
        return listing && { directory, listing, sources: sources.used, isCertain: sources.isCertain }
      }),
    )
    if (!built) throw new FsError('ENOENT', `list ${directory.name}: it is no longer there`)
    if (built.isCertain && !isControl(directory)) this.#directories.set(key, built)
    return built.listing
  }
}
