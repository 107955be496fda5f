import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { FsError } from '../util/fs-error.js'
import { KeyedLock } from '../util/lock.js'
import type { Log } from '../util/log.js'
import { sleep } from '../util/sleep.js'
import type { ItemAddress } from '../xnat/address.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { XnatClient } from '../xnat/client.js'
import { deleteFile, putFile, readFile } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { decodesPaths, exactPath, shownPath, storePath, storedAs } from '../xnat/wire-path.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'
import type { DirectoryEntry, FileEntry, StoreSource } from './archive.js'
import { versionOf } from './catalog.js'
import { placeOf } from './layout.js'
import type { FilePlace, ResourcePart, TreePlace } from './layout.js'
import type { ListingCache } from './listing-cache.js'
import { unescapeName } from './names.js'
import { Sources, isFilesOf, isResourcesOf } from './sources.js'

/** How often an upload is sent in all when it fails in this way; otherwise once. */
const attempts: Partial<Record<XnatErrorCode, number>> = {
  locked: 6, // another client writes the same catalog: it is soon done
  conflict: 2,
  server: 2,
  unreachable: 2,
  timeout: 2,
  throttled: 4,
}
const retryMs = 250

/**
 * Changes on the server. XNAT's answers are no proof (xnat-wire.md §5, §6): a 200 may mean that nothing was stored, a
 * DELETE takes every file whose path begins alike. So each change is preceded and followed by a fresh listing. One
 * change per resource at a time: XNAT fails the second of two.
 */
export class Writer {
  readonly #session: Session
  readonly #client: XnatClient
  readonly #cache: ListingCache
  readonly #log: Log
  readonly #locks = new KeyedLock()
  /** Asked only where it matters. */
  #decodesPaths: boolean | undefined

  constructor(session: Session, client: XnatClient, cache: ListingCache, log: Log) {
    this.#session = session
    this.#client = client
    this.#cache = cache
    this.#log = log
  }

  /** @returns the file as the server lists it now */
  store(
    directory: DirectoryEntry,
    name: string,
    source: StoreSource,
    replaces: FileEntry | undefined,
    signal?: AbortSignal,
  ): Promise<StoredFile> {
    const place = placeOf(directory) as TreePlace
    const part = place.parts[0]!
    const path = [...place.path, unescapeName(name)].join('/')
    return this.#locks.run(part.address.resource, async () => {
      if (replaces) await this.#checkUnchanged(part, replaces)
      const stored = replaces && (placeOf(replaces) as FilePlace).storedPath
      const md5 = await this.#put(part, path, replaces, source, signal)
      return this.#verify(part, path, stored, { sizeBytes: source.sizeBytes, md5 }, signal)
    })
  }

  /** @param after where something is to be stored before the file is removed */
  async requireRemovable(
    file: FileEntry,
    after?: { directory: DirectoryEntry; name: string },
  ): Promise<void> {
    const stored = (await this.#freshFiles(partOf(file))).map((other) => other.storedPath)
    if (after) {
      const place = placeOf(after.directory) as TreePlace
      const isSameResource = place.parts[0]!.address.resource === partOf(file).address.resource
      const path = [...place.path, unescapeName(after.name)].join('/')
      if (isSameResource) stored.push(storedAs(path), storePath(path))
    }
    requireAlone(file, stored)
    await this.#exactPath(file)
  }

  removeFile(file: FileEntry, signal?: AbortSignal): Promise<void> {
    const { address, storedPath } = placeOf(file) as FilePlace
    const isThere = async (): Promise<readonly StoredFile[] | undefined> => {
      const files = await this.#freshFiles(partOf(file))
      return files.some((other) => other.storedPath === storedPath) ? files : undefined
    }
    return this.#locks.run(address.resource, async () => {
      const files = await isThere()
      if (!files) return // gone already, as wanted
      requireAlone(
        file,
        files.map((other) => other.storedPath),
      )
      await deleteFile(this.#session, address, await this.#exactPath(file), signal)
      if (await isThere())
        throw new FsError('EIO', `the server says it deleted ${storedPath}, but still lists it`)
    })
  }

  /** Removes a resource that has no files. */
  removeResource(directory: DirectoryEntry, signal?: AbortSignal): Promise<void> {
    const place = placeOf(directory) as TreePlace
    // A folder has no place of its own on the server: what would be removed is the resource it lies in.
    if (place.level !== 'resource') throw new FsError('ENOTEMPTY', `remove ${directory.name}: it has files`)
    const part = place.parts[0]!
    return this.#locks.run(part.address.resource, async () => {
      const files = await this.#freshFiles(part)
      if (files.length > 0)
        throw new FsError('ENOTEMPTY', `remove ${directory.name}: the resource has ${files.length} files`)
      await this.#client.deleteResource(part.address, signal)
      this.#forgetResources(part.address)
    })
  }

  async makeResource(item: ItemAddress, label: string, signal?: AbortSignal): Promise<void> {
    await this.#client.createResource(item, label, signal)
    this.#forgetResources(item)
  }

  #forgetResources(item: ItemAddress): void {
    this.#cache.forget(isResourcesOf(item))
  }

  async #freshFiles(part: ResourcePart): Promise<readonly StoredFile[]> {
    this.#cache.forget(isFilesOf(part.address.resource))
    return new Sources(this.#client, this.#cache, undefined).files(part)
  }

  /** The reader's version must still be there: what somebody else wrote meanwhile is not overwritten. */
  async #checkUnchanged(part: ResourcePart, replaces: FileEntry): Promise<void> {
    const { storedPath, listedVersion } = placeOf(replaces) as FilePlace
    const now = (await this.#freshFiles(part)).find((file) => file.storedPath === storedPath)
    if (now && versionOf(now) === listedVersion) return
    const what = now ? 'was changed' : 'was removed'
    throw new FsError(
      'ESTALE',
      `${replaces.name} ${what} on the server since it was opened; it was not overwritten`,
    )
  }

  /** @returns the MD5 of the bytes sent */
  async #put(
    part: ResourcePart,
    path: string,
    replaces: FileEntry | undefined,
    source: StoreSource,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const stored = replaces && (placeOf(replaces) as FilePlace).storedPath
    const target = replaces ? { exact: await this.#exactPath(replaces) } : { new: path }
    let overwrite = stored !== undefined
    for (let attempt = 1; ; attempt++) {
      try {
        const upload = { sourcePath: source.path, sizeBytes: source.sizeBytes, overwrite }
        return await putFile(this.#session, part.address, target, upload, signal)
      } catch (error) {
        if (!(error instanceof XnatError) || attempt >= (attempts[error.code] ?? 1)) throw error
        await sleep(retryMs * attempt, signal)
        const listed = await this.#find(part, path, stored)
        if (listed && (listed.sizeBytes ?? source.sizeBytes) === source.sizeBytes) {
          const md5 = await md5OfFile(source.path)
          if ((await this.#digestOf(part, listed, signal)) === md5) return md5 // the answer was lost, the bytes were not
        }
        if (listed && stored === undefined) {
          throw new XnatError('conflict', `another client has stored a file ${path} meanwhile`, {
            cause: error,
          })
        }
        // What blocks a name that is not listed are the remains of a broken upload, which nobody can see (§5).
        overwrite = true
        this.#log.info(`store ${path}: sending it again after: ${error.message}`)
      }
    }
  }

  /** @throws FsError EBUSY when a change of this file cannot be told to the server without doubt */
  async #exactPath(file: FileEntry): Promise<string> {
    const { storedPath } = placeOf(file) as FilePlace
    let exact = exactPath(storedPath)
    if (exact !== exactPath(storedPath, false)) {
      this.#decodesPaths ??= decodesPaths(await this.#client.version())
      exact = exactPath(storedPath, this.#decodesPaths)
    }
    if (exact !== undefined) return exact
    throw new FsError('EBUSY', `no URL names '${storedPath}' alone; change or delete it on the server`)
  }

  async #find(part: ResourcePart, path: string, stored: string | undefined): Promise<StoredFile | undefined> {
    const files = await this.#freshFiles(part)
    const wanted = stored ?? storedAs(path)
    return (
      files.find((file) => file.storedPath === wanted) ??
      // Before 1.8.4 nothing was decoded, so a blank is stored as it was sent.
      (stored === undefined ? files.find((file) => shownPath(file.storedPath) === path) : undefined)
    )
  }

  async #verify(
    part: ResourcePart,
    path: string,
    stored: string | undefined,
    sent: { readonly sizeBytes: number; readonly md5: string },
    signal: AbortSignal | undefined,
  ): Promise<StoredFile> {
    const listed = await this.#find(part, path, stored)
    if (!listed) throw new FsError('EIO', `the server says it stored ${path}, but does not list it`)
    if (listed.sizeBytes !== undefined && listed.sizeBytes !== sent.sizeBytes) {
      throw new FsError('EIO', `the server has ${listed.sizeBytes} bytes of ${path}, not ${sent.sizeBytes}`)
    }
    const digest = await this.#digestOf(part, listed, signal)
    if (digest !== sent.md5) throw new FsError('EIO', `the server has other bytes of ${path} than were sent`)
    return listed
  }

  /** Sites may do without digests: then the only proof is to read the file back. */
  async #digestOf(part: ResourcePart, file: StoredFile, signal: AbortSignal | undefined): Promise<string> {
    if (file.digest !== undefined) return file.digest
    const bytes = await readFile(this.#session, part.address, file.storedPath, { signal })
    const hash = createHash('md5')
    for await (const chunk of bytes.body) hash.update(chunk as Buffer)
    return hash.digest('hex')
  }
}

function partOf(file: FileEntry): ResourcePart {
  return { address: (placeOf(file) as FilePlace).address, item: '', fileCount: undefined, isSeries: false }
}

/** XNAT deletes every file whose path begins like this one, or matches it where it ends in a star (§6). */
function requireAlone(file: FileEntry, storedPaths: readonly string[]): void {
  const { storedPath } = placeOf(file) as FilePlace
  const isPattern = storedPath.endsWith('*')
  const others = storedPaths.filter(
    (other) => other !== storedPath && (isPattern || other.startsWith(storedPath)),
  )
  if (others.length > 0) {
    const reason = `XNAT deletes by prefix and would take ${others.length} more with it, such as '${others[0]}'`
    throw new FsError('EBUSY', `remove ${storedPath}: ${reason}; nothing was deleted. Remove those first`)
  }
}

async function md5OfFile(path: string): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
