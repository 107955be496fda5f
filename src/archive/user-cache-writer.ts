import { createHash } from 'node:crypto'
import { FsError } from '../util/fs-error.js'
import type { XnatClient } from '../xnat/client.js'
import { putCached, readFile } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { cachedFilePath } from '../xnat/user-cache-client.js'
import type { CachedFile } from '../xnat/user-cache-client.js'
import type { DirectoryEntry, Entry, FileEntry, MaybePromise, StoreSource } from './archive.js'
import type { CachedFilePlace, ControlPlace } from './control/control-place.js'
import { cachedFileKey, cachedPath, cachedVersion } from './control/user-cache.js'
import type { Corrections } from './corrections.js'
import { otherwise } from './errors.js'
import type { ListingCache } from './listing-cache.js'
import { placeOf } from './layout.js'
import { unescapeName } from './names.js'
import { cachedFilesKey } from './sources.js'

export interface UserCacheWriterOptions {
  readonly session: Session
  readonly client: XnatClient
  readonly cache: ListingCache
  readonly corrections: Corrections
  readonly lookup: (
    directory: DirectoryEntry,
    name: string,
    signal?: AbortSignal,
  ) => MaybePromise<Entry | undefined>
}

/**
 * Changes in the folders of files that the user has at the server. There are no digests and no times: what was sent is
 * read back, and what is deleted is looked for in a fresh list before, for a server may take the question for another
 * (xnat-wire.md §11.3).
 */
export class UserCacheWriter {
  readonly #options: UserCacheWriterOptions

  constructor(options: UserCacheWriterOptions) {
    this.#options = options
  }

  /** @param replaces the file as it was when it was opened; undefined = there was none */
  async store(
    directory: DirectoryEntry,
    name: string,
    source: StoreSource,
    replaces: FileEntry | undefined,
    signal?: AbortSignal,
  ): Promise<FileEntry> {
    const { session, corrections, lookup } = this.#options
    const place = placeOf(directory) as ControlPlace
    const resource = place.subject!
    if (replaces) requireNamed('store', replaces)
    const path = replaces
      ? (replaces.place as CachedFilePlace).storedPath
      : cachedPath(place, unescapeName(name))
    requireUnchanged(name, await this.#find(resource, path, signal), replaces)
    const url = cachedFilePath(resource, path)
    try {
      const md5 = await putCached(session, { path: url, isInner: path.includes('/') }, source, signal)
      const back = await readFile(session, url, { expected: { name, sizeBytes: source.sizeBytes }, signal })
      const hash = createHash('md5')
      for await (const chunk of back.body) hash.update(chunk as Buffer)
      if (hash.digest('hex') !== md5)
        throw new FsError('EIO', `store ${name}: the server has other bytes than were sent`, {
          nextStep: 'write it again',
        })
      // Another text of the same size is listed alike.
      const { sizeBytes } = source
      const facts = { sizeBytes, answerVersion: `stored ${md5}`, digest: undefined }
      const listedVersion = cachedVersion(path, sizeBytes)
      corrections.note(cachedFileKey(resource, path), { listedVersion, facts })
    } catch (error) {
      this.#forget(resource)
      throw error
    }
    this.#noteStored(resource, { path, url, sizeBytes: source.sizeBytes })
    const entry = await lookup(directory, name, signal)
    if (entry?.kind === 'file') return entry
    throw otherwise(`store ${name}: the server has it, and does not list it under this name`)
  }

  remove(entry: FileEntry | DirectoryEntry, signal?: AbortSignal): Promise<void> {
    return entry.kind === 'file' ? this.#removeFile(entry, signal) : this.#removeDirectory(entry, signal)
  }

  async #removeFile(file: FileEntry, signal?: AbortSignal): Promise<void> {
    const { resource, storedPath } = file.place as CachedFilePlace
    requireNamed('remove', file)
    try {
      if (!(await this.#find(resource, storedPath, signal))) return // gone already, as wanted
      await this.#options.client.userCache.removeFile(resource, storedPath, signal)
      if (!(await this.#find(resource, storedPath, signal))) return
      throw otherwise(`remove ${file.name}: the server says it is done, and still lists it`)
    } catch (error) {
      this.#forget(resource)
      throw error
    }
  }

  async makeDirectory(name: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#options.client.userCache.makeResource(unescapeName(name), signal)
    } finally {
      this.#forget(unescapeName(name))
    }
  }

  /** Only where a fresh list shows it empty: the server would delete it with all that is in it. */
  async #removeDirectory(directory: DirectoryEntry, signal?: AbortSignal): Promise<void> {
    const { userCache } = this.#options.client
    const { subject, folders = [] } = placeOf(directory) as ControlPlace
    const resource = subject!
    const top = folders.map((name) => `${name}/`).join('')
    try {
      if (!(await userCache.resources(signal)).includes(resource)) return // gone already, as wanted
      const files = await userCache.files(resource, signal)
      if (files.some(({ path }) => path.startsWith(top)))
        throw new FsError('ENOTEMPTY', `remove ${directory.name}: it has files`)
      if (folders.length === 0) await userCache.removeResource(resource, signal)
    } finally {
      this.#forget(resource)
    }
  }

  /** By a new list, which is believed from then on. */
  async #find(resource: string, path: string, signal?: AbortSignal): Promise<CachedFile | undefined> {
    const { cache, client } = this.#options
    const ask = (shared: AbortSignal): Promise<CachedFile[]> => client.userCache.files(resource, shared)
    const { value } = await cache.ask(cachedFilesKey(resource), ask, signal)
    return value.find((file) => file.path === path)
  }

  /** It was read back: the list has it, whatever else it has. */
  #noteStored(resource: string, stored: CachedFile): void {
    const withStored = (files: readonly CachedFile[]): CachedFile[] => [
      ...files.filter(({ path }) => path !== stored.path),
      stored,
    ]
    this.#options.cache.replace(cachedFilesKey(resource), withStored, stored)
  }

  /** A folder, and the list of them. */
  #forget(resource: string): void {
    const keys = [cachedFilesKey(resource), 'cached']
    this.#options.cache.forget((key) => keys.includes(key))
  }
}

function requireNamed(what: string, file: FileEntry): void {
  if ((file.place as CachedFilePlace).url !== undefined) return
  throw new FsError('ENOTSUP', `${what} ${file.name}: no URL of XNAT names it`, {
    nextStep: 'remove the whole folder, or do it in a browser',
  })
}

function requireUnchanged(name: string, now: CachedFile | undefined, replaces: FileEntry | undefined): void {
  if (!replaces) {
    if (now) throw new FsError('EEXIST', `store ${name}: another client has stored it meanwhile`)
    return
  }
  const { storedPath, listedVersion } = replaces.place as CachedFilePlace
  if (now && cachedVersion(storedPath, now.sizeBytes) === listedVersion) return
  const what = now ? 'was changed' : 'was removed'
  throw new FsError('ESTALE', `${name} ${what} on the server since it was opened, and is not overwritten`, {
    nextStep: 'look what is there now, and write it again under this or another name',
  })
}
