import { LRUCache } from 'lru-cache'
import { NextRun } from '../util/next-run.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { XnatClient } from '../xnat/client.js'
import type { ResourcePart } from './layout.js'
import type { ListingCache } from './listing-cache.js'
import { Sources, filesKey, isFilesOf } from './sources.js'

/** What one entry of a catalog costs on the wire, about (xnat-wire.md §2.5). */
const catalogEntryBytes = 350

/** No longer than it takes from one delete of `rm -r` to the next: other clients change the resource too. */
const recentMs = 50
const recentKept = 4

interface Recent {
  readonly files: readonly StoredFile[]
  readonly arrivedMs: number
}

/** Listings of resources as they are now, for those who change them. */
export class FreshFiles {
  readonly #client: XnatClient
  readonly #cache: ListingCache
  readonly #now: () => number
  readonly #listings = new NextRun<readonly StoredFile[]>()
  readonly #batches = new NextRun<readonly StoredFile[]>()
  /** The last listings, by resource, that were asked for since this mount changed it last. */
  readonly #recent = new LRUCache<string, Recent>({ max: recentKept })
  /** How often something was changed, or begun to be: what was asked for before may not be true any more. */
  #changes = 0

  constructor(client: XnatClient, cache: ListingCache, now: () => number = () => performance.now()) {
    this.#client = client
    this.#cache = cache
    this.#now = now
  }

  /** All files of a resource, by a request that is made after this call. */
  list(part: ResourcePart): Promise<readonly StoredFile[]> {
    const { resource } = part.address
    return this.#listings.run(resource, () => {
      this.#cache.forget(isFilesOf(resource))
      return new Sources(this.#client, this.#cache, undefined).files(part)
    })
  }

  /** As `list`, for `listRecently` too. */
  async listForNext(part: ResourcePart): Promise<readonly StoredFile[]> {
    const { resource } = part.address
    const changes = this.#changes
    const files = await this.list(part)
    if (changes === this.#changes) this.#recent.set(resource, { files, arrivedMs: this.#now() })
    return files
  }

  /** What `listForNext` has told just now, if it is still believed and this mount has changed nothing since; else as that. */
  async listRecently(part: ResourcePart): Promise<readonly StoredFile[]> {
    const { resource } = part.address
    const recent = this.#recent.get(resource)
    const isRecent =
      recent !== undefined &&
      this.#now() - recent.arrivedMs <= recentMs &&
      this.#cache.peek(filesKey(resource))?.value === recent.files
    return isRecent ? recent.files : this.listForNext(part)
  }

  /** What was listed until now may not be true any more: to be called before a change, and after it. */
  changed(resource: string): void {
    this.#changes++
    this.#recent.delete(resource)
    this.#cache.distrustTexts()
  }

  /** As `list`, but only when `ready`, so that one listing serves all files that are stored until then. */
  listWhen(part: ResourcePart, ready: () => Promise<void>): Promise<readonly StoredFile[]> {
    return this.#batches.run(part.address.resource, () => this.list(part), ready)
  }

  /** Bytes that a listing would be, as far as one is known; undefined where nothing is known of the resource. */
  listingBytes(part: ResourcePart): number | undefined {
    const known = this.#known(part)
    return known && known.length * catalogEntryBytes
  }

  /** Whether a listing of the resource tells sizes and digests, as far as one is known. */
  isFull(part: ResourcePart): boolean {
    const known = this.#known(part) ?? []
    return (
      known.length > 0 &&
      known.every(({ digest, sizeBytes }) => digest !== undefined && sizeBytes !== undefined)
    )
  }

  /** A file was stored and proved by another way than a listing: the known listing has it from now on. */
  note(part: ResourcePart, stored: StoredFile): void {
    const change = (files: StoredFile[]): StoredFile[] => [
      ...files.filter((file) => file.storedPath !== stored.storedPath),
      stored,
    ]
    this.#cache.replace(filesKey(part.address.resource), change, stored)
  }

  #known(part: ResourcePart): readonly StoredFile[] | undefined {
    return this.#cache.peek(filesKey(part.address.resource))?.value as readonly StoredFile[] | undefined
  }
}
