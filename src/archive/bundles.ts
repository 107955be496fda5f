import { md5Here } from '../util/md5.js'
import type { Md5 } from '../util/md5.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type { HttpResponse } from '../xnat/http.js'
import { keptPieceBytes } from '../xnat/file-transfer.js'
import { packedFolderPath } from '../xnat/packed-paths.js'
import { failureOf } from '../xnat/retry.js'
import type { Session } from '../xnat/session.js'
import { readPath } from '../xnat/wire-path.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'
import { NotReadable, readZip } from '../xnat/zip-stream.js'
import type { Bundle, BundledFile, DirectoryEntry, FileEntry } from './archive.js'
import { storedPathOf as pathOf } from './catalog.js'
import { toFsError } from './errors.js'
import { isTree, placeOf } from './layout.js'

/** After so many archives in a row that broke off or brought nothing that is right, no more are asked for. */
const spoiledLimit = 3
/** Failures that say nothing about archives. */
const passing: readonly XnatErrorCode[] = ['aborted', 'unreachable', 'timeout', 'throttled', 'unauthorized']
/** Failures that are about this resource only. */
const ofResource: readonly XnatErrorCode[] = ['not-found', 'forbidden']

/** Many files of one resource by one request: what the server packs into a zip (xnat-wire.md §4). */
export class Bundles {
  readonly #session: Session
  readonly #md5: Md5
  /** The server, or what is before it, has shown that it gives no archives, or none that are whole. */
  #isRefused = false
  #spoiled = 0

  constructor(session: Session, md5: Md5 = md5Here) {
    this.#session = session
    this.#md5 = md5
  }

  /** Undefined where no request brings files of just this directory, or where the server is known to refuse it. */
  of(directory: DirectoryEntry, files: readonly FileEntry[]): Bundle | undefined {
    const place = placeOf(directory)
    if (this.#isRefused || !isTree(place) || place.parts.length !== 1) return undefined
    const folders = new Set(files.map((file) => folderOf(pathOf(file))))
    const [folder] = folders
    if (folder === undefined || folders.size > 1) return undefined // one folder here may be several on the server
    const folderPath = folder === '' ? '' : readPath(folder.slice(0, -1))
    if (folderPath === undefined) return undefined
    const listed = newestListing(files).filter(({ storedPath }) => storedPath.startsWith(folder))
    const order = new Map(listed.map(({ storedPath }, index) => [storedPath, index]))
    const orderOf = (file: FileEntry): number => order.get(pathOf(file)) ?? listed.length
    const inOrder = files.toSorted((a, b) => orderOf(a) - orderOf(b))
    const path = packedFolderPath(place.parts[0]!.address, folderPath)
    return {
      files: inOrder,
      sizeBytes: listed.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
      fetch: (signal) => this.#fetch(directory.name, path, inOrder, signal),
    }
  }

  async *#fetch(
    name: string,
    path: string,
    files: readonly FileEntry[],
    signal: AbortSignal,
  ): AsyncGenerator<BundledFile> {
    const what = `fetch the files of ${name} together`
    let proved = 0
    try {
      for await (const file of this.#provedFiles(path, files, signal)) {
        proved++
        yield file
      }
      this.#judge(proved > 0)
    } catch (cause) {
      if (!signal.aborted) this.#judgeFailure(cause, proved)
      throw toFsError(failure(cause, path, signal), what)
    }
  }

  async *#provedFiles(
    path: string,
    files: readonly FileEntry[],
    signal: AbortSignal,
  ): AsyncGenerator<BundledFile> {
    const byPath = new Map(files.map((file) => [pathOf(file), file]))
    const find = (name: string): FileEntry | undefined => byPath.get(pathInResource(name) ?? '')
    const response = await this.#send(path, signal)
    try {
      const sizeOf = (entry: string): number | undefined => find(entry)?.sizeBytes
      const entries = readZip(response.body, sizeOf, keptPieceBytes)
      for (let next = entries.next(); ;) {
        const { done, value } = await next
        if (done) return
        const md5 = this.#md5(value.pieces)
        next = entries.next() // comes while this one is digested
        next.catch(() => {}) // told when it is its turn
        const file = find(value.name)!
        if ((await md5) === file.digest) yield { file, pieces: value.pieces }
      }
    } finally {
      response.discard()
    }
  }

  async #send(path: string, signal: AbortSignal): Promise<HttpResponse> {
    const response = await this.#session.send({
      method: 'GET',
      path,
      html: 'never',
      priority: 'read-ahead',
      signal,
    })
    if (response.status === 200) return response
    throw await response.toError()
  }

  #judge(isGood: boolean): void {
    this.#spoiled = isGood ? 0 : this.#spoiled + 1
    if (this.#spoiled >= spoiledLimit) this.#isRefused = true
  }

  #judgeFailure(cause: unknown, proved: number): void {
    const isRefusal =
      cause instanceof XnatError
        ? !passing.includes(cause.code) && !ofResource.includes(cause.code)
        : cause instanceof NotReadable && proved === 0
    if (isRefusal) this.#isRefused = true
    else this.#judge(false)
  }
}

function failure(cause: unknown, url: string, signal: AbortSignal): XnatError {
  if (!(cause instanceof NotReadable)) return failureOf(cause, 'GET', url, signal).error
  return new XnatError('bad-response', cause.message, { method: 'GET', url, cause })
}

/** With its last '/'; '' at the top. */
function folderOf(storedPath: string): string {
  return storedPath.slice(0, storedPath.lastIndexOf('/') + 1)
}

/** `<session>/scans/<scan>/resources/<resource>/files/<path>`; what is before differs, and is rewritten. */
function pathInResource(name: string): string | undefined {
  return /^(?:.*?\/)?resources\/[^/]*\/files\/(.+)$/s.exec(name)?.[1]
}

/** Files that were stored one by one are of different listings, each with one file more than the one before. */
function newestListing(files: readonly FileEntry[]): readonly StoredFile[] {
  const listings = files.map(({ listing }) => listing as readonly StoredFile[])
  return listings.reduce((newest, listing) => (listing.length > newest.length ? listing : newest))
}
