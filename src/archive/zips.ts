import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { LRUCache } from 'lru-cache'
import { file as temporaryFile } from 'tmp-promise'
import { inBackground } from '../util/background.js'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { SingleFlight } from '../util/single-flight.js'
import { failureOf } from '../xnat/retry.js'
import type { Session } from '../xnat/session.js'
import { zipFileSizes } from '../xnat/zip-directory.js'
import type { ByteRange, FetchedBytes, FileEntry } from './archive.js'
import { toFsError } from './errors.js'
import type { ZipPlace } from './zip-entries.js'

export interface ZipsOptions {
  readonly session: Session
  readonly log: Log
  /** Where they lie while they are read; they have no names there. */
  readonly directory: string
}

/** The server's own zip of some resources, as it came. */
interface Zip {
  readonly handle: FileHandle
  readonly sizeBytes: number
  readonly digest: string
  readonly version: string
  users: number
  isDropped: boolean
}

const zipsKept = 8
const bytesKept = 4 * 1024 ** 3
const pieceBytes = 256 * 1024

/**
 * Zips that the server packs. It tells no size, and packs anew for each request (xnat-wire.md §4): so one request
 * brings all of it to the disk, nobody sees a byte before it is whole, and every reader of it reads from there.
 */
export class Zips {
  readonly #options: ZipsOptions
  readonly #flights = new SingleFlight<Zip>()
  readonly #zips = new LRUCache<string, Zip>({
    max: zipsKept,
    maxSize: bytesKept,
    maxEntrySize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: ({ sizeBytes }) => Math.min(Math.max(sizeBytes, 1), bytesKept),
    dispose: (zip) => this.#drop(zip),
  })

  constructor(options: ZipsOptions) {
    this.#options = options
  }

  /** What is here of a zip of these files. */
  known(version: string): Pick<Zip, 'sizeBytes' | 'digest' | 'version'> | undefined {
    return this.#zips.get(version)
  }

  async fetch(
    file: FileEntry,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<FetchedBytes> {
    const place = file.place as ZipPlace
    const zip =
      this.#zips.get(place.listedVersion) ??
      (await this.#flights.run(place.listedVersion, signal, (shared) =>
        this.#bring(file.name, place, shared),
      ))
    if (file.sizeBytes !== undefined && zip.version !== file.version)
      throw new FsError('ESTALE', `read ${file.name}: it was packed anew`, { nextStep: 'open it again' })
    zip.users++
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      zip.users--
      this.#closeIfUnused(zip)
    }
    const first = range?.first ?? 0
    const end = Math.min((range?.last ?? Infinity) + 1, zip.sizeBytes)
    return {
      first,
      rangeHonoured: range !== undefined,
      totalBytes: zip.sizeBytes,
      answerVersion: zip.version,
      isRecent: false,
      body: piecesOf(zip.handle, first, end, release),
      discard: release,
    }
  }

  close(): void {
    this.#zips.clear()
  }

  async #bring(name: string, place: ZipPlace, signal: AbortSignal): Promise<Zip> {
    const what = `read ${name}`
    const { path, cleanup } = await temporaryFile({
      tmpdir: this.#options.directory,
      prefix: 'zip-',
      discardDescriptor: true,
      mode: 0o600,
    })
    let handle: FileHandle
    try {
      handle = await open(path, 'r+')
    } finally {
      await cleanup()
    }
    try {
      const { sizeBytes, digest } = await this.#download(handle, place, what, signal)
      await checkFiles(handle, sizeBytes, place, what)
      const version = `${place.listedVersion} ${digest}`
      const zip: Zip = { handle, sizeBytes, digest, version, users: 0, isDropped: false }
      this.#zips.set(place.listedVersion, zip)
      return zip
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async #download(
    handle: FileHandle,
    { url }: ZipPlace,
    what: string,
    signal: AbortSignal,
  ): Promise<{ sizeBytes: number; digest: string }> {
    const hash = createHash('md5')
    let sizeBytes = 0
    try {
      const response = await this.#options.session.send({ method: 'GET', path: url, html: 'never', signal })
      if (response.status !== 200) throw await response.toError()
      try {
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          hash.update(chunk)
          await this.#append(handle, chunk, sizeBytes, what)
          sizeBytes += chunk.length
        }
      } finally {
        response.discard()
      }
    } catch (error) {
      if (error instanceof FsError) throw error
      throw toFsError(failureOf(error, 'GET', url, signal).error, what)
    }
    return { sizeBytes, digest: hash.digest('hex') }
  }

  /** @throws FsError of what is wrong here: it must not be taken for trouble of the server */
  async #append(handle: FileHandle, chunk: Buffer, at: number, what: string): Promise<void> {
    const { directory } = this.#options
    try {
      for (let done = 0; done < chunk.length;)
        done += (await handle.write(chunk, done, chunk.length - done, at + done)).bytesWritten
    } catch (cause) {
      const { code = 'unknown' } = cause as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EDQUOT')
        throw new FsError('ENOSPC', `${what}: no room for it in ${directory} (${code})`, {
          nextStep: 'free some there',
          cause,
        })
      throw new FsError('EIO', `${what}: it cannot be written in ${directory} (${code})`, {
        nextStep: 'see whether that disk is well',
        cause,
      })
    }
  }

  #drop(zip: Zip): void {
    zip.isDropped = true
    this.#closeIfUnused(zip)
  }

  #closeIfUnused(zip: Zip): void {
    if (zip.isDropped && zip.users === 0) inBackground(this.#options.log, 'remove a zip', zip.handle.close())
  }
}

/** The server leaves out what it cannot find, and its names are no help (xnat-wire.md §4): their sizes are. */
async function checkFiles(
  handle: FileHandle,
  sizeBytes: number,
  place: ZipPlace,
  what: string,
): Promise<void> {
  const sizes = await zipFileSizes(handle, sizeBytes)
  if (!sizes)
    throw new FsError('EIO', `${what}: the server broke off before its end`, { nextStep: 'read it again' })
  const { fileSizes } = place
  if (!fileSizes) return
  const isWhole =
    sizes.length === fileSizes.length &&
    (fileSizes.includes(undefined) || sorted(sizes).join() === sorted(fileSizes as number[]).join())
  if (isWhole) return
  const reason = `the server packed ${sizes.length} files that are not the ${fileSizes.length} that it lists`
  throw new FsError('EIO', `${what}: ${reason}`, { nextStep: 'read the files themselves' })
}

function sorted(sizes: readonly number[]): number[] {
  return sizes.toSorted((a, b) => a - b)
}

async function* piecesOf(
  handle: FileHandle,
  first: number,
  end: number,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (let at = first; at < end;) {
      const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, end - at))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0)
        throw new FsError('EIO', 'a zip on the disk is shorter than it was', { nextStep: 'read it again' })
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    release()
  }
}
