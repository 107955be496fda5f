import { FsError } from '../util/fs-error.js'
import { ownersOf } from './aliases.js'
import type { DirectoryEntry, MaybePromise, SymlinkEntry } from './archive.js'
import { placeOf } from './layout.js'
import type { DirectoryListing, ItemPlace, LinkPlace } from './layout.js'
import type { Sources } from './sources.js'

/** The way from the directory a link lies in to the canonical place of its item. */
export async function linkTarget(
  link: SymlinkEntry,
  root: DirectoryEntry,
  known: {
    readonly sources: Sources
    readonly list: (directory: DirectoryEntry) => MaybePromise<DirectoryListing>
  },
): Promise<string> {
  const { item } = placeOf(link) as LinkPlace
  const owners = await ownersOf(item, known.sources)
  const steps: string[] = []
  let directory = root
  for (const kind of ['project', 'subject', 'experiment'] as const) {
    const id = owners[kind]
    if (id === undefined) continue
    const listing = await known.list(directory)
    const next = listing.entries.find((entry) => (placeOf(entry) as ItemPlace).item?.[kind] === id)
    if (next?.kind !== 'directory')
      throw new FsError('ENOENT', `follow ${link.name}: ${kind} ${id} is not to be seen`)
    if (item.project === undefined || kind !== 'project') steps.push(next.name)
    directory = next
  }
  return ['..', ...steps].join('/')
}
