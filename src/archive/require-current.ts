import { FsError } from '../util/fs-error.js'
import type { FileEntry, Listing, MaybePromise } from './archive.js'
import type { StaleListings } from './stale-listings.js'
import { listedVersionOf } from './writer.js'

/**
 * What a listing showed while the server was away may be another file by now.
 * @throws FsError ESTALE when it is, EIO when that cannot be known
 */
export async function requireCurrent(
  file: FileEntry,
  listings: StaleListings,
  list: () => MaybePromise<Listing>,
): Promise<void> {
  if (!listings.isStale(file.listing)) return
  const { entries } = await list()
  const now = entries.find((entry): entry is FileEntry => entry.kind === 'file' && entry.key === file.key)
  if (!now) return
  if (listings.isStale(now.listing))
    throw new FsError('EIO', `${file.name}: the server does not answer`, {
      nextStep: 'try again when it does',
    })
  if (listedVersionOf(now) === listedVersionOf(file)) return
  throw new FsError('ESTALE', `${file.name} was changed on the server while it did not answer`, {
    nextStep: 'open it again',
  })
}
