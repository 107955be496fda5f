/** Listings that outlive the mount, of one server as one user may see it. Trouble in it is a miss. */
export interface ListingStore {
  load(key: string): Promise<StoredListing | undefined>
  /** Returns at once. */
  save(key: string, value: unknown): void
  /** They are no longer true. Returns at once; `load` does not find them any more. */
  remove(matches: (key: string) => boolean): void
}

export interface StoredListing {
  readonly value: unknown
  readonly savedMs: number
}
