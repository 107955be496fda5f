import { basename } from 'node:path'
import { FsError } from '../util/fs-error.js'
import { fileUrlPath, readFile } from '../xnat/file-transfer.js'
import type { FileBytes } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { failureOf } from '../xnat/retry.js'
import { isMemberPath } from '../xnat/wire-path.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { ByteRange, FetchedBytes, FileEntry, Urgency } from './archive.js'
import { toFsError } from './errors.js'
import { filePlaceOf, placeOf } from './layout.js'
import type { ArchivePlace } from './layout.js'

/** Asks the server for bytes of a file. They come with the size and time of the file they belong to. */
export async function fetchBytes(
  session: Session,
  file: FileEntry,
  range: ByteRange | undefined,
  urgency: Urgency,
  signal: AbortSignal | undefined,
): Promise<FetchedBytes> {
  const place = placeOf(file)
  const what = `read ${file.name}`
  try {
    const { storedPath, path } = storedFile(file)
    if (path === undefined)
      throw new FsError('ENOTSUP', `${what}: on the server another file's name hides it from every URL`, {
        nextStep: 'rename one of the two on the server',
      })
    const expected = { name: storedPath, sizeBytes: file.sizeBytes }
    const bytes = await readFile(session, path, { expected, range, priority: urgency, signal })
    if (bytes.servedName !== undefined && isPackedInstead(bytes.servedName, basename(storedPath))) {
      bytes.body.destroy()
      throw new FsError('EIO', `${what}: it is missing on the server, which has ${bytes.servedName} only`, {
        nextStep: 'have the catalog of its resource refreshed in a browser',
      })
    }
    return {
      first: bytes.first,
      rangeHonoured: bytes.rangeHonoured,
      totalBytes: bytes.totalBytes,
      // Of a whole file in chunks, without a length, its reader finds out whether it has the size that is listed.
      answerVersion: `${bytes.totalBytes ?? file.sizeBytes ?? '?'}@${bytes.lastModified ?? '?'}`,
      isRecent: isRecent(bytes.lastModified, bytes.date),
      body: checkedBody(bytes, what, signal),
      discard: () => void bytes.body.destroy(),
    }
  } catch (error) {
    if (isTakenForMember(error, place))
      throw new FsError('ENOTSUP', `${what}: XNAT takes a folder above it for an archive file by its name`, {
        nextStep: 'rename the folder on the server',
        cause: error,
      })
    if (error instanceof XnatError && (error.code === 'not-found' || isUnknown(error, place))) {
      // The catalog lists it, or did when the file was opened: never ENOENT, which would say it never was.
      throw new FsError('ESTALE', `${what}: ${error.reason}: it is listed, but gone from the server`, {
        nextStep: '`xnatfs refresh` it, or have the catalog of its resource refreshed in a browser',
        cause: error,
      })
    }
    throw toFsError(error, what)
  }
}

/** The URL path that means a file, undefined where none means it alone. @throws XnatError where none can be written */
export function urlPathOf(file: FileEntry): string | undefined {
  return storedFile(file).path
}

function storedFile(file: FileEntry): { readonly storedPath: string; readonly path: string | undefined } {
  const place = placeOf(file)
  if ('url' in place && 'storedPath' in place) return { storedPath: place.storedPath, path: place.url }
  const { address, storedPath, isShadowed } = filePlaceOf(file)
  return { storedPath, path: isShadowed ? undefined : fileUrlPath(address, storedPath) }
}

/** What the prearchive answers for a file that is not there (xnat-wire.md §2.2). */
function isUnknown({ status }: XnatError, { level }: ArchivePlace): boolean {
  return level === 'prearchived-file' && status === 400
}

function isTakenForMember(error: unknown, place: ArchivePlace): boolean {
  const isRefused = error instanceof XnatError && (error.status === 404 || error.status === 415)
  return isRefused && place.level === 'file' && isMemberPath(place.storedPath)
}

/** Clocks of a server and of its disks differ a little. */
const settledMs = 3000

/** Where no times are told, nothing tells versions apart. */
export function isRecent(lastModified: string | undefined, date: string | undefined): boolean {
  const ageMs = Date.parse(date ?? '') - Date.parse(lastModified ?? '')
  return Number.isNaN(ageMs) || ageMs < settledMs
}

/** XNAT serves `x.gz` where `x` is not on its disk (xnat-wire.md §3.6). What is not ASCII arrives mangled in a header. */
function isPackedInstead(servedName: string, name: string): boolean {
  const plain = (text: string): string => text.replace(/[^\x20-\x7e]|\?/g, '')
  return plain(servedName) === `${plain(name)}.gz`
}

async function* checkedBody(
  bytes: FileBytes,
  what: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let received = 0
  try {
    for await (const chunk of bytes.body) {
      received += (chunk as Buffer).length
      if (bytes.lengthBytes !== undefined && received > bytes.lengthBytes) break
      yield chunk as Buffer
    }
  } catch (cause) {
    const { method, url } = bytes.error('unreachable', '')
    throw toFsError(failureOf(cause, method ?? 'GET', url ?? '', signal).error, what)
  }
  if (bytes.lengthBytes !== undefined && received !== bytes.lengthBytes) {
    const reason = `${received} bytes came of ${bytes.lengthBytes} promised`
    throw toFsError(bytes.error('bad-response', reason), what)
  }
}
