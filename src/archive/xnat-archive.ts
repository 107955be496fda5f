import { randomBytes } from 'node:crypto'
import type { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import type { Md5 } from '../util/md5.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import { XnatClient } from '../xnat/client.js'
import type { Session } from '../xnat/session.js'
import { isSiteLevel, reservedEntry, siteEntry, unlistedEntry } from './aliases.js'
import type {
  Archive,
  Bundle,
  ByteRange,
  Capability,
  DirectoryEntry,
  Entry,
  Facts,
  FetchedBytes,
  FileEntry,
  FileFacts,
  GrowingBytes,
  MaybePromise,
  Order,
  StartedStore,
  StoreSource,
  SymlinkEntry,
  Urgency,
} from './archive.js'
import { BuiltDirectories } from './built-directories.js'
import { Bundles } from './bundles.js'
import { missingCapability } from './capabilities.js'
import type { CapabilityOptions } from './capabilities.js'
import { fileKey, folderEntry, storedPathOf, versionOf } from './catalog.js'
import { isCached, isControl } from './control/control-place.js'
import type { ControlPlace } from './control/control-place.js'
import { allowedBy, orderOf } from './control/control-lacks.js'
import { controlEntry } from './control/control-tree.js'
import { ControlWriter } from './control/control-writer.js'
import { ToldTexts, fetchText } from './control/fetch-text.js'
import { SearchRuns } from './control/search-runs.js'
import { ServiceAnswers } from './control/service-answers.js'
import { cacheFolder } from './control/user-cache.js'
import { Corrections } from './corrections.js'
import { directoryEntry, directoryKey } from './entries.js'
import { isEntity } from './entities.js'
import { unlisted, withFsErrors } from './errors.js'
import { fetchBytes } from './fetch.js'
import { isTree, levels, placeOf } from './layout.js'
import type { DirectoryListing, ItemPlace, Level, TreePlace } from './layout.js'
import { linkTarget } from './link-target.js'
import { ListingCache } from './listing-cache.js'
import type { ListingStore } from './listing-store.js'
import { unescapeName } from './names.js'
import { filesQuestion } from './questions.js'
import { Reachability } from './reachability.js'
import { askAhead } from './resources.js'
import { listingsWithin } from './refresh-scope.js'
import { Sources, filesKey, isFilesOf } from './sources.js'
import { requireCurrent } from './require-current.js'
import { StaleListings } from './stale-listings.js'
import { Writer, takesOthers } from './writer.js'
import { UserCacheWriter } from './user-cache-writer.js'
import { isZip } from './zip-entries.js'
import type { Zips } from './zips.js'

export interface XnatArchiveOptions extends CapabilityOptions {
  readonly session: Session
  readonly log: Log
  /** How long a listing is believed. */
  readonly listingTtlMs: number
  /** Called when something may have become known of a file (listing-cache.ts). */
  readonly onNews?: (() => void) | undefined
  /** Where listings outlive the mount. */
  readonly listingStore?: ListingStore | undefined
  /** How many files may be sent at a time while they are still being written; none by default. */
  readonly mostStreams?: number
  /** So long a delete whose answer was lost may still be carried out; default: `overdueMs`. */
  readonly overdueMs?: number | undefined
  /** The data type of new experiments. */
  readonly sessionType?: string | undefined
  /** The data type of new assessors. */
  readonly assessorType?: string | undefined
  /** Without it, no zip of a resource resolves. */
  readonly zips?: Zips | undefined
  readonly md5?: Md5 | undefined
  readonly now?: () => number
}

/** The archive of one XNAT server, as the user of one session may see it. */
export class XnatArchive implements Archive {
  readonly root: DirectoryEntry = directoryEntry('', 'root', 0, { level: 'root', item: {} })
  readonly #options: XnatArchiveOptions
  readonly #client: XnatClient
  readonly #cache: ListingCache
  readonly #listings: StaleListings
  readonly #reachability: Reachability
  readonly #writer: Writer
  readonly #control: ControlWriter
  readonly #userCache: UserCacheWriter
  readonly #runs = new SearchRuns()
  readonly #answers = new ServiceAnswers()
  readonly #told: ToldTexts
  readonly #bundles: Bundles
  readonly #corrections = new Corrections()
  /** Versions that are told apart by what was stored here are those of this mount only. */
  readonly #mark = randomBytes(6).toString('hex')
  #storedCount = 0
  readonly #directories: BuiltDirectories

  constructor(options: XnatArchiveOptions) {
    this.#options = options
    this.#client = new XnatClient(options.session)
    const { session, log, listingTtlMs: ttlMs, listingStore: store, onNews, md5, now = Date.now } = options
    this.#cache = new ListingCache({ ttlMs, store, onNews, now })
    this.#told = new ToldTexts(this.#cache, now)
    this.#reachability = new Reachability(log, now)
    this.#listings = new StaleListings({ cache: this.#cache, store, reachability: this.#reachability })
    this.#directories = new BuiltDirectories({
      cache: this.#cache,
      listings: this.#listings,
      corrections: this.#corrections,
      sources: (signal) => this.#sources(signal),
    })
    this.#bundles = new Bundles(session, md5)
    const shared = { client: this.#client, cache: this.#cache, overdueMs: options.overdueMs }
    const allows = allowedBy(options)
    this.#control = new ControlWriter({ ...shared, runs: this.#runs, answers: this.#answers, allows })
    this.#userCache = new UserCacheWriter({
      ...shared,
      session,
      corrections: this.#corrections,
      lookup: (directory, name, signal) => this.lookup(directory, name, signal),
    })
    const { sessionType = 'xnat:mrSessionData', assessorType = 'xnat:qcManualAssessorData' } = options
    this.#writer = new Writer({
      session,
      client: this.#client,
      cache: this.#cache,
      log,
      mostStreams: options.mostStreams ?? 0,
      newTypes: { session: sessionType, assessor: assessorType },
      overdueMs: options.overdueMs,
    })
  }

  get isReachable(): boolean {
    return this.#reachability.isReachable
  }

  /** How often an older listing was shown because the server did not answer. */
  get staleListings(): number {
    return this.#listings.count
  }

  list(directory: DirectoryEntry, signal?: AbortSignal): MaybePromise<DirectoryListing> {
    return this.#directories.list(directory, signal)
  }

  lookup(directory: DirectoryEntry, name: string, signal?: AbortSignal): MaybePromise<Entry | undefined> {
    const reserved = reservedEntry(directory, name)
    if (reserved) return reserved
    const place = placeOf(directory)
    const { level } = place
    if (level === 'control')
      return this.#run(directory, signal, (sources) => controlEntry(directory, place, name, sources))
    if (isSiteLevel(level))
      return this.#run(directory, signal, (sources) => siteEntry(directory, level, name, sources))
    const listing = this.list(directory, signal)
    if (!(listing instanceof Promise))
      return listing.get(name) ?? this.#unlisted(directory, listing, name, signal)
    if (level === 'scans') askAhead(place, this.#sources(undefined))
    return listing.then((built) => built.get(name) ?? this.#unlisted(directory, built, name, signal))
  }

  readlink(link: SymlinkEntry, signal?: AbortSignal): MaybePromise<string> {
    if (link.target !== undefined) return link.target
    const list = (directory: DirectoryEntry): MaybePromise<DirectoryListing> => this.list(directory, signal)
    return withFsErrors(`follow ${link.name}`, () =>
      linkTarget(link, this.root, { list, sources: this.#sources(signal) }),
    )
  }

  facts(entry: Entry): Facts {
    return this.#directories.facts(entry)
  }

  believedMs(directory: DirectoryEntry): number | undefined {
    return this.#directories.believedMs(directory)
  }

  refresh(directory?: DirectoryEntry): void {
    const known = directory && this.#directories.of(directory)
    if (!directory) this.#cache.distrust(() => true)
    else if (known) {
      const keys = new Set(known.sources.map((source) => source.key))
      this.#cache.distrust((key) => keys.has(key))
    }
  }

  refreshWithin(directory: DirectoryEntry): void {
    this.#cache.distrust(listingsWithin(directory, this.#directories.all()))
  }

  lacks(entry: Entry, capability: Capability, newName?: string): FsError | undefined {
    return missingCapability(entry, capability, this.#options, newName)
  }

  fetch(
    file: FileEntry,
    range: ByteRange | undefined,
    urgency: Urgency,
    signal?: AbortSignal,
  ): Promise<FetchedBytes> {
    if (isControl(file)) return fetchText(file, range, this.#sources(signal))
    if (isZip(file)) return this.#reachability.watch(this.#options.zips!.fetch(file, range, signal))
    return this.#reachability.watch(fetchBytes(this.#options.session, file, range, urgency, signal))
  }

  bundle(directory: DirectoryEntry, files: readonly FileEntry[]): Bundle | undefined {
    return this.#bundles.of(directory, files)
  }

  contradict(file: FileEntry, facts: FileFacts): void {
    const place = placeOf(file)
    if (!('listedVersion' in place) || !('storedPath' in place)) return // its next entry tells what it is
    this.#corrections.note(file.key, { listedVersion: place.listedVersion, facts })
    const listing = place.level === 'file' ? filesKey(place.address.resource) : place.listingKey
    this.#cache.forget((key) => key === listing)
  }

  told(file: FileEntry, signal?: AbortSignal): Promise<FileEntry> {
    return this.#told.of(file, this.#sources(signal))
  }

  store(
    directory: DirectoryEntry,
    name: string,
    source: StoreSource,
    replaces: FileEntry | undefined,
    signal?: AbortSignal,
  ): Promise<FileEntry> {
    if (isCached(directory))
      return withFsErrors(`store ${name}`, () =>
        this.#userCache.store(directory, name, source, replaces, signal),
      )
    return withFsErrors(`store ${name}`, async () => {
      const listed = await this.#writer.store(directory, name, source, replaces, signal)
      const { storedPath } = listed
      this.#noteStored(directory, listed, source)
      const listing = await this.list(directory)
      const stored = listing.entries.find(
        (entry): entry is FileEntry => entry.kind === 'file' && storedPathOf(entry) === storedPath,
      )
      if (!stored) throw unlisted(`store ${name}: stored as '${storedPath}', which is not listed`)
      return stored
    })
  }

  startStore(
    directory: DirectoryEntry,
    name: string,
    replaces: FileEntry | undefined,
    bytes: GrowingBytes,
  ): StartedStore | undefined {
    if (isCached(directory)) return undefined
    return this.#writer.startStore(directory, name, replaces, bytes)
  }

  takenAlong(
    directory: DirectoryEntry,
    file: FileEntry,
    signal?: AbortSignal,
  ): Promise<readonly FileEntry[]> {
    if (isControl(file) || isCached(file)) return Promise.resolve([])
    return withFsErrors(`remove ${file.name}`, async () => {
      const paths = await this.#writer.takenAlong(file)
      await requireCurrent(file, this.#listings, () => this.list(directory, signal))
      if (paths.length === 0) return []
      const { entries } = await this.list(directory, signal)
      const found = entries.filter(
        (entry): entry is FileEntry => entry.kind === 'file' && paths.includes(storedPathOf(entry)),
      )
      if (found.length === paths.length) return found
      throw takesOthers(file.name, paths)
    })
  }

  remove(
    entry: FileEntry | DirectoryEntry,
    andWith: readonly FileEntry[] = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return withFsErrors(`remove ${entry.name}`, () => {
      if (isCached(entry)) return this.#userCache.remove(entry, signal)
      if (isControl(entry)) return this.#control.remove(entry, signal)
      return entry.kind === 'file'
        ? this.#writer.removeFile(entry, andWith, signal)
        : this.#writer.removeDirectory(entry, signal)
    })
  }

  makeDirectory(parent: DirectoryEntry, name: string, signal?: AbortSignal): Promise<DirectoryEntry> {
    return withFsErrors(`make directory ${name}`, async () => {
      const label = unescapeName(name)
      const place = placeOf(parent)
      if (isCached(parent)) await this.#userCache.makeDirectory(name, signal)
      else if (place.level === 'control') await this.#control.makeDirectory(place, name, signal)
      else await this.#writer.makeDirectory(place as ItemPlace, label, signal)
      const listing = await this.list(parent)
      const canonical = listing.get(name) ? name : listing.canonicalName(label)
      const made = canonical === undefined ? undefined : listing.get(canonical)
      if (made?.kind !== 'directory') throw unlisted(`make directory ${name}: made, but not listed`)
      return made
    })
  }

  /** Without a digest, what is stored now may be listed just as what was there before. */
  #noteStored(directory: DirectoryEntry, listed: StoredFile, { sizeBytes }: StoreSource): void {
    if (listed.digest !== undefined) return
    const { resource } = (placeOf(directory) as TreePlace).parts[0]!.address
    const facts = {
      sizeBytes,
      answerVersion: `stored ${this.#mark} ${++this.#storedCount}`,
      digest: undefined,
    }
    this.#corrections.note(fileKey(resource, listed), { listedVersion: versionOf(listed), facts })
    this.#cache.forget(isFilesOf(resource))
  }

  hasRecord(directory: DirectoryEntry): boolean {
    return isEntity((placeOf(directory) as ItemPlace).level)
  }

  relabel(
    parent: DirectoryEntry,
    directory: DirectoryEntry,
    name: string,
    signal?: AbortSignal,
  ): Promise<DirectoryEntry> {
    return withFsErrors(`rename ${directory.name}`, async () => {
      await this.#writer.relabel((placeOf(directory) as ItemPlace).item, name, signal)
      const { entries } = await this.list(parent)
      const now = entries.find((entry) => entry.id === directory.id)
      if (now?.kind === 'directory' && now.name === name) return now
      throw unlisted(`the server says it renamed ${directory.name} to ${name}, but does not list it`)
    })
  }

  keepsEmpty(directory: DirectoryEntry): boolean {
    const place = placeOf(directory)
    if (place.level === 'control') return place.kind !== 'cache-folder'
    return levels[place.level as Level].makes !== 'folder'
  }

  folder(parent: DirectoryEntry, name: string): DirectoryEntry {
    const label = unescapeName(name)
    return isCached(parent) ? cacheFolder(parent, label) : folderEntry(parent, label, name)
  }

  orders(directory: DirectoryEntry, name: string): Order | undefined {
    const place = placeOf(directory)
    return place.level === 'control' ? orderOf(place, name) : undefined
  }

  give(directory: DirectoryEntry, name: string, text: Buffer, signal?: AbortSignal): Promise<void> {
    const place = placeOf(directory) as ControlPlace
    return withFsErrors(`write ${name}`, () => this.#control.give(place, name, text, signal))
  }

  isSamePlace(a: DirectoryEntry, b: DirectoryEntry): boolean {
    const [here, there] = [placeOf(a), placeOf(b)]
    if (isCached(a)) return directoryKey(a) === directoryKey(b)
    if (!isTree(here) || !isTree(there)) return false
    const isSameResource = here.parts[0]?.address.resource === there.parts[0]?.address.resource
    return isSameResource && !here.isView && !there.isView && here.path.join('/') === there.path.join('/')
  }

  #unlisted(
    directory: DirectoryEntry,
    listing: DirectoryListing,
    name: string,
    signal: AbortSignal | undefined,
  ): MaybePromise<Entry | undefined> {
    if (isTree(placeOf(directory))) return filesQuestion(directory, name) // the most lookups
    return this.#run(directory, signal, (sources) => unlistedEntry(directory, listing, name, sources))
  }

  #run<T>(
    directory: DirectoryEntry,
    signal: AbortSignal | undefined,
    task: (sources: Sources) => Promise<T>,
  ): Promise<T> {
    return withFsErrors(`look into ${directory.name || '/'}`, () => task(this.#sources(signal)))
  }

  #sources(signal: AbortSignal | undefined): Sources {
    const { zips } = this.#options
    const local = { runs: this.#runs, answers: this.#answers, zips, corrections: this.#corrections }
    return new Sources(this.#client, this.#listings, signal, local)
  }
}
