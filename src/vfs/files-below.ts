import PQueue from 'p-queue'
import type { Archive, DirectoryEntry } from '../archive/archive.js'
import type { FilesOf } from '../data/bulk-fetch.js'
import { FsError } from '../util/fs-error.js'
import { namesOf } from './namespace.js'
import type { Namespace } from './namespace.js'

/** Listings asked for at once: somebody else may be waiting for one. */
const listingsAtOnce = 6

/** The files that the server has at a path and below, in the order of the listings; links are not followed. */
export async function filesBelow(
  path: string,
  { archive, names }: { readonly archive: Archive; readonly names: Namespace },
  signal: AbortSignal,
): Promise<FilesOf[]> {
  const way = await names.follow(path, signal)
  const last = way.at(-1)!
  if (way.length <= namesOf(path).length) throw new FsError('ENOENT', `/${path} is not there`)
  if (last.kind === 'directory') {
    return new Walker(archive, signal).walk(last.directory)
  }
  return last.file && last.parent ? [{ directory: last.parent.directory, files: [last.file] }] : []
}

class Walker {
  readonly #archive: Archive
  readonly #signal: AbortSignal
  readonly #queue = new PQueue({ concurrency: listingsAtOnce })
  readonly #found: { readonly place: readonly number[]; readonly of: FilesOf }[] = []
  #failure: unknown

  constructor(archive: Archive, signal: AbortSignal) {
    this.#archive = archive
    this.#signal = signal
  }

  async walk(directory: DirectoryEntry): Promise<FilesOf[]> {
    this.#visit(directory, [])
    await this.#queue.onIdle()
    if (this.#failure !== undefined) throw this.#failure
    return this.#found.toSorted((a, b) => compare(a.place, b.place)).map(({ of }) => of)
  }

  #visit(directory: DirectoryEntry, place: readonly number[]): void {
    void this.#queue.add(async () => {
      if (this.#failure !== undefined) return
      try {
        this.#signal.throwIfAborted()
        const { entries } = await this.#archive.list(directory, this.#signal)
        const files = entries.filter((entry) => entry.kind === 'file')
        if (files.length > 0) this.#found.push({ place, of: { directory, files } })
        for (const [i, entry] of entries.entries())
          if (entry.kind === 'directory') this.#visit(entry, [...place, i])
      } catch (error) {
        this.#failure ??= error
      }
    })
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((place, level) => place !== b[level])
  return i === -1 ? a.length - b.length : a[i]! - (b[i] ?? -1)
}
