import { NextRun } from '../util/next-run.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { XnatClient } from '../xnat/client.js'
import type { ResourcePart } from './layout.js'
import type { ListingCache } from './listing-cache.js'
import { Sources, filesKey, isFilesOf } from './sources.js'

/** What one entry of a catalog costs on the wire, about (xnat-wire.md §2.5). */
const catalogEntryBytes = 350

/** Listings of resources as they are now, for those who change them. */
export class FreshFiles {
  readonly #client: XnatClient
  readonly #cache: ListingCache
  readonly #listings = new NextRun<readonly StoredFile[]>()
  readonly #batches = new NextRun<readonly StoredFile[]>()

  constructor(client: XnatClient, cache: ListingCache) {
    this.#client = client
    this.#cache = cache
  }

  /** All files of a resource, by a request that is made after this call. */
  list(part: ResourcePart): Promise<readonly StoredFile[]> {
    return this.#listings.run(part.address.resource, () => {
      this.#cache.forget(isFilesOf(part.address.resource))
      return new Sources(this.#client, this.#cache, undefined).files(part)
    })
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
