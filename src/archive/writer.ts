import { FsError } from '../util/fs-error.js'
import { comesTrue, overdueMs } from '../util/overdue.js'
import { KeyedLock } from '../util/lock.js'
import type { Log } from '../util/log.js'
import type { ItemAddress } from '../xnat/address.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { XnatClient } from '../xnat/client.js'
import { deleteFile } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { DirectoryEntry, FileEntry, GrowingBytes, StartedStore, StoreSource } from './archive.js'
import { mayBeUnderWay, untilDone } from './attempts.js'
import { storedPathOf, versionOf } from './catalog.js'
import { Entities, isEntity } from './entities.js'
import type { NewTypes } from './entities.js'
import { ExactPaths } from './exact-paths.js'
import { FreshFiles } from './fresh-files.js'
import { filePlaceOf, isTree, levels, placeOf } from './layout.js'
import type { ItemPlace, ResourcePart, TreePlace } from './layout.js'
import type { ListingCache } from './listing-cache.js'
import { unescapeName } from './names.js'
import { naming, withReason } from './refusals.js'
import { isResourcesOf } from './sources.js'
import { StreamedUploads } from './streamed-uploads.js'
import { Uploads } from './uploads.js'

export interface WriterOptions {
  readonly session: Session
  readonly client: XnatClient
  readonly cache: ListingCache
  readonly log: Log
  /** How many files may be sent at a time while they are still being written. */
  readonly mostStreams: number
  readonly newTypes: NewTypes
  /** So long a delete whose answer was lost may still be carried out; default: `overdueMs`. */
  readonly overdueMs?: number | undefined
}

/**
 * Changes on the server. XNAT's answers are no proof (xnat-wire.md §5, §6): a 200 may mean that nothing was stored, a
 * DELETE takes every file whose path begins alike. So each change is preceded and followed by a fresh listing. One
 * change per resource at a time: XNAT fails the second of two.
 */
export class Writer {
  readonly #session: Session
  readonly #client: XnatClient
  readonly #cache: ListingCache
  readonly #files: FreshFiles
  readonly #exact: ExactPaths
  readonly #uploads: Uploads
  readonly #streams: StreamedUploads
  readonly #entities: Entities
  readonly #locks = new KeyedLock()
  readonly #overdueMs: number

  constructor(options: WriterOptions) {
    const { session, client, cache, log, mostStreams, newTypes } = options
    this.#overdueMs = options.overdueMs ?? overdueMs
    this.#entities = new Entities(client, newTypes, this.#overdueMs)
    this.#session = session
    this.#client = client
    this.#cache = cache
    this.#files = new FreshFiles(client, cache)
    this.#exact = new ExactPaths(client)
    this.#uploads = new Uploads(session, this.#files, this.#exact, log)
    this.#streams = new StreamedUploads({ session, exact: this.#exact, log, most: mostStreams })
  }

  /** @returns the file as the server has it now */
  async store(
    directory: DirectoryEntry,
    name: string,
    source: StoreSource,
    replaces: FileEntry | undefined,
    signal?: AbortSignal,
  ): Promise<StoredFile> {
    const plan = { ...fileIn(directory, name), replaces, source }
    const { resource } = plan.part.address
    const send = (): ReturnType<Uploads['send']> =>
      this.#changing(resource, () =>
        naming(this.#client, plan.part.address, () =>
          this.#uploads.send(plan, this.#locks.isLast(resource), signal),
        ),
      )
    const sent = await this.#locks.run(resource, send, source.unwanted)
    // The next file of the resource is sent meanwhile.
    const others = this.#locks.isBusy(resource) ? this.#locks.idle(resource) : undefined
    return this.#uploads.verify(plan, sent, others, signal)
  }

  /** Begins to send a file. It takes its turn in the resource when `store` finishes it: nothing is changed before. */
  startStore(
    directory: DirectoryEntry,
    name: string,
    replaces: FileEntry | undefined,
    bytes: GrowingBytes,
  ): StartedStore | undefined {
    return this.#streams.start({ ...fileIn(directory, name), replaces }, bytes)
  }

  async #changing<T>(resource: string, change: () => Promise<T>): Promise<T> {
    this.#files.changed(resource)
    try {
      return await change()
    } finally {
      this.#files.changed(resource)
    }
  }

  /** The stored paths of other files that a delete of this one would take, by a fresh listing. */
  async takenAlong(file: FileEntry): Promise<string[]> {
    await this.#exact.of(file)
    return othersTaken(file, await this.#files.listRecently(partOf(file))).map((other) => other.storedPath)
  }

  /** @param andWith files that may go with it, in this version */
  removeFile(file: FileEntry, andWith: readonly FileEntry[], signal?: AbortSignal): Promise<void> {
    const { address, storedPath } = filePlaceOf(file)
    const allowed = new Map(andWith.map((other) => [storedPathOf(other), listedVersionOf(other)]))
    let version: string | undefined
    const part = partOf(file)
    const isIn = (files: readonly StoredFile[]): boolean => {
      const listed = files.find((other) => other.storedPath === storedPath)
      if (!listed) return false
      version ??= versionOf(listed)
      if (versionOf(listed) !== version) throw otherByNow(storedPath)
      const others = othersTaken(file, files).filter(
        (other) => allowed.get(other.storedPath) !== versionOf(other),
      )
      if (others.length === 0) return true
      const paths = others.map((other) => other.storedPath)
      throw takesOthers(storedPath, paths)
    }
    const isGone = async (): Promise<boolean> => !isIn(await this.#files.listForNext(part))
    const remove = async (): Promise<void> => {
      const exact = await this.#exact.of(file)
      const attempt = this.#changing(address.resource, () =>
        withReason(this.#client, address, storedPath, () =>
          deleteFile(this.#session, address, exact, signal),
        ),
      )
      // Carried out later, it would take along what has been stored again by then.
      await (andWith.length === 0
        ? attempt
        : attempt.catch((error: unknown) => this.#awaitOverdue(error, isGone)))
    }
    return this.#locks.run(address.resource, async () => {
      // One after the other, as `rm -r` does, each is preceded by the listing that followed the one before.
      const before = andWith.length === 0 ? this.#files.listRecently(part) : this.#files.list(part)
      if (!isIn(await before)) return // gone already, as wanted
      if (!(await naming(this.#client, address, () => untilDone(remove, isGone, signal)))) return
      if (!(await isGone()))
        throw new FsError('EIO', `the server says it deleted ${storedPath}, but still lists it`, {
          nextStep: 'look at it in a browser, and remove it again',
        })
    })
  }

  /** Waits for a delete whose answer was lost. @throws the failure where it is not to be expected any more */
  async #awaitOverdue(failure: unknown, isGone: () => Promise<boolean>): Promise<void> {
    if (!mayBeUnderWay(failure)) throw failure
    // Whatever else is seen meanwhile, it may still be carried out.
    const isSeenGone = (): Promise<boolean> => isGone().catch(() => false)
    const untilMs = Date.now() + this.#overdueMs
    const isDone = await comesTrue(isSeenGone, untilMs, this.#session.hungUp).catch(() => false)
    if (!isDone) throw failure
  }

  /** Removes a resource, or what is in, or is, an experiment or subject, if it is empty. */
  async removeDirectory(directory: DirectoryEntry, signal?: AbortSignal): Promise<void> {
    const place = placeOf(directory)
    if (isTree(place)) return this.#removeResource(directory, place, signal)
    // `scans`, `resources` and the like are there as long as something is in them.
    if (!isEntity((place as ItemPlace).level)) return
    await this.#entities.remove(place as ItemPlace, directory.name, signal)
    this.#cache.forget(() => true)
  }

  #removeResource(directory: DirectoryEntry, place: TreePlace, signal?: AbortSignal): Promise<void> {
    // A folder has no place of its own on the server: what would be removed is the resource it lies in.
    if (place.level !== 'resource') throw new FsError('ENOTEMPTY', `remove ${directory.name}: it has files`)
    const part = place.parts[0]!
    return this.#locks.run(part.address.resource, async () => {
      const requireEmpty = async (): Promise<void> => {
        const files = await this.#files.list(part)
        if (files.length > 0)
          throw new FsError('ENOTEMPTY', `remove ${directory.name}: the resource has ${files.length} files`)
      }
      const remove = (): Promise<void> =>
        withReason(this.#client, part.address, directory.name, () =>
          this.#client.deleteResource(part.address, signal),
        )
      const isGone = (): Promise<boolean> => requireEmpty().then(() => false, isUnknown)
      try {
        await requireEmpty()
        await untilDone(remove, isGone, signal)
      } finally {
        this.#forgetResources(part.address)
      }
    })
  }

  async makeDirectory(parent: ItemPlace, label: string, signal?: AbortSignal): Promise<void> {
    if (levels[parent.level].makes !== 'entity') return this.#makeResource(parent.item, label, signal)
    try {
      await this.#entities.make(parent, label, signal)
    } finally {
      this.#cache.forget(() => true) // it may be in many listings
    }
  }

  async #makeResource(item: ItemAddress, label: string, signal?: AbortSignal): Promise<void> {
    const isThere = async (): Promise<boolean> =>
      (await this.#client.resources(item, signal)).some((resource) => resource.label === label)
    try {
      const make = (): Promise<void> => this.#client.createResource(item, label, signal)
      await naming(this.#client, item, () => untilDone(make, isThere, signal))
    } finally {
      this.#forgetResources(item) // what failed may be done all the same, or was done by somebody else
    }
  }

  /** Gives a subject or an experiment another label. */
  async relabel(item: ItemAddress, label: string, signal?: AbortSignal): Promise<void> {
    const owner = (await this.#client.item(item, signal))['project']
    if (owner !== item.project) {
      const nextStep = 'rename it there'
      throw new FsError('EPERM', `rename to ${label}: it is shared from project ${owner}`, { nextStep })
    }
    await this.#client.relabel(item, label, signal)
    this.#cache.forget(() => true) // it is in many listings, by its label
  }

  #forgetResources(item: ItemAddress): void {
    this.#cache.forget(isResourcesOf(item))
    this.#cache.distrustTexts()
  }
}

function fileIn(directory: DirectoryEntry, name: string): { part: ResourcePart; path: string } {
  const place = placeOf(directory) as TreePlace
  return { part: place.parts[0]!, path: [...place.path, unescapeName(name)].join('/') }
}

function partOf(file: FileEntry): ResourcePart {
  return {
    address: filePlaceOf(file).address,
    item: '',
    label: '',
    fileCount: undefined,
    isSeries: false,
  }
}

export function listedVersionOf(file: FileEntry): string {
  return filePlaceOf(file).listedVersion
}

/** @throws the error where it says something else */
function isUnknown(error: unknown): true {
  if (error instanceof XnatError && error.code === 'not-found') return true
  throw error
}

/** XNAT deletes every file whose path begins like this one, or matches it where it ends in a star (§6). */
function othersTaken(file: FileEntry, files: readonly StoredFile[]): StoredFile[] {
  const storedPath = storedPathOf(file)
  const isPattern = storedPath.endsWith('*')
  return files.filter(
    (other) => other.storedPath !== storedPath && (isPattern || other.storedPath.startsWith(storedPath)),
  )
}

function otherByNow(storedPath: string): FsError {
  return new FsError('ESTALE', `remove ${storedPath}: it was changed on the server meanwhile, and is left`, {
    nextStep: 'look what it is now, and remove it again',
  })
}

/** Why a delete is refused. */
export function takesOthers(name: string, others: readonly string[]): FsError {
  const reason = `XNAT deletes by prefix and would take ${others.length} more with it, such as '${others[0]}'`
  return new FsError('EBUSY', `remove ${name}: ${reason}, and nothing was deleted`, {
    nextStep: 'remove those first',
  })
}
