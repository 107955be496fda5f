import { readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DirectoryEntry, FileEntry } from '../archive/archive.js'
import { hasErrorCode } from '../util/fs-error.js'
import { removeFile } from '../util/remove-file.js'
import { syncPath } from '../util/sync-path.js'
import type { ByteSpan } from './byte-ranges.js'
import { readTrailer } from './journal-trailer.js'

/** What may lie under the name of a file on the server and is the work of this user. Plain data. */
export interface DoubtfulBytes {
  readonly sizeBytes: number
  /** Lower-case hex; absent where the server does not say it. */
  readonly md5?: string
  /** As it was listed. */
  readonly version?: string
}

export function isDoubtful(file: FileEntry, doubtful: DoubtfulBytes): boolean {
  const isOf = <Value>(mine: Value | undefined, its: Value | undefined): boolean =>
    mine !== undefined && mine === its
  return isOf(doubtful.md5, file.digest) || isOf(doubtful.version, file.version)
}

/** What has to be known of a staging file to store it in another process. Plain data. */
export interface JournalRecord {
  readonly format: 1
  /** From the mountpoint. */
  readonly path: string
  /** Where it is to be stored, and under which name. */
  readonly directory: DirectoryEntry
  readonly name: string
  readonly sizeBytes: number
  readonly mtimeMs: number
  /** The stretches of the staging file that count; the rest up to `baseEnd` is that of `replaces`, and then zeros. */
  readonly written: readonly ByteSpan[]
  readonly baseEnd: number
  /** The stored file that was opened, or that a new one may replace. */
  readonly replaces?: FileEntry
  /** That one is no older version of it: it was renamed or removed here, and may be gone by now. */
  readonly covers?: true
  /** The stored file that is to be deleted when this one is stored: it was renamed. Its path is from the mountpoint. */
  readonly origin?: {
    readonly path: string
    readonly file: FileEntry
    /** That may have been asked for already. */
    readonly isLeaving?: true
  }
  /** The entry with the version of the file before this one; there for a moment, or after a power failure. */
  readonly supersedes?: string
  /** The entry of the file that had this name before the rename of this one. */
  readonly displaces?: string
  /** The file is to be deleted on the server. If that is refused, it is there again, with these bytes. */
  readonly isDeleted?: true
  /** ISO time of the last change of this record. */
  readonly at: string
  /** What was sent under its name while no answer told whether it was stored. */
  readonly doubtful?: readonly DoubtfulBytes[]
  /** Another file, of the same directory: a delete of it that may be under way takes what is stored of this one along. */
  readonly goesWith?: FileEntry
  /** Why it could not be stored, when that was tried. */
  readonly reason?: string
}

/** A staging file that a process has left, with what is to become of it. */
export interface JournalEntry {
  readonly stagingPath: string
  readonly record: JournalRecord
}

const suffix = '.json'
/** What a journal directory says of the mount it is of. */
export const aboutFile = 'about'

/** Whether all bytes are here; otherwise the rest is that of the stored file. */
export function isComplete({ baseEnd, written }: Pick<JournalRecord, 'baseEnd' | 'written'>): boolean {
  return baseEnd === 0 || written.some(({ start, end }) => start === 0 && end >= baseEnd)
}

/** The name of an entry for people: that of its staging file. */
export function entryId(stagingPath: string): string {
  return basename(stagingPath)
}

export function recordText(record: JournalRecord): string {
  return JSON.stringify(record)
}

/**
 * Writes, or replaces as a whole, the record beside a staging file; from then on it counts, and not one that lies behind
 * the bytes. `isDurable`: it survives a power failure, as does
 * the name of the staging file; the caller has synced the bytes before. Otherwise it survives the end of the process.
 */
export async function writeRecord(
  stagingPath: string,
  record: JournalRecord,
  options: { readonly isDurable: boolean },
): Promise<void> {
  const path = stagingPath + suffix
  await writeFile(`${path}.new`, recordText(record), { mode: 0o600, flush: options.isDurable })
  await rename(`${path}.new`, path)
  if (options.isDurable) await syncPath(dirname(path))
}

/** To be called when there is none behind the bytes, which would count again. */
export async function removeRecord(stagingPath: string): Promise<void> {
  await removeFile(stagingPath + suffix)
}

/** Removes an entry that nobody needs: the bytes first, because a record without them is one that was being forgotten. */
export async function removeEntry(stagingPath: string): Promise<void> {
  await removeFile(stagingPath)
  await removeRecord(stagingPath)
}

/**
 * The entries of a journal directory, oldest first. What is no entry is left alone.
 * @param unreadable is told of each record that cannot be read: where its bytes are, and why. They stay there.
 */
export async function readEntries(
  directory: string,
  unreadable: (error: Error) => void,
): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for (const { stagingPath, text } of await readTexts(directory)) {
    try {
      if (text instanceof Error) throw text
      entries.push({ stagingPath, record: parse(text) })
    } catch (cause) {
      const name = basename(stagingPath)
      unreadable(
        new Error(`the journal record of ${name} is of no use; its bytes are in ${stagingPath}`, { cause }),
      )
    }
  }
  return entries.toSorted((a, b) => (a.record.at < b.record.at ? -1 : 1))
}

interface RecordText {
  readonly stagingPath: string
  /** An error: nobody knows whether there is a record. */
  readonly text: string | Error
}

/** The records, beside the bytes or behind them, that have bytes. What cannot be read may be one. */
async function readTexts(directory: string): Promise<RecordText[]> {
  const names = await readdir(directory)
  const records = new Set(names.filter((name) => name.endsWith(suffix)))
  const texts: RecordText[] = []
  for (const name of names) {
    if (records.has(name) || name === aboutFile) continue
    const stagingPath = join(directory, name)
    const reading = records.has(name + suffix) ? readIfThere(stagingPath + suffix) : readTrailer(stagingPath)
    const text = await reading.catch((cause: unknown) => new Error('it cannot be read', { cause }))
    if (text !== undefined) texts.push({ stagingPath, text })
  }
  return texts
}

/** Its process may go on, and have just stored the file. */
async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  })
}

/** Versions of which there is a later one in the journal, or another file in their place: nobody needs them any more. */
export function superseded(entries: readonly JournalEntry[]): ReadonlySet<JournalEntry> {
  const ids = new Set(entries.flatMap(({ record }) => [record.supersedes, record.displaces]))
  return new Set(entries.filter(({ stagingPath }) => ids.has(entryId(stagingPath))))
}

/** Removes what no record speaks of: bytes of files that were never closed, and halves of records. */
export async function removeUnrecorded(directory: string): Promise<void> {
  const recorded = new Set((await readTexts(directory)).map(({ stagingPath }) => basename(stagingPath)))
  for (const name of await readdir(directory)) {
    const bytes = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name
    if (!recorded.has(bytes) && name !== aboutFile) await removeFile(join(directory, name))
  }
}

function parse(text: string): JournalRecord {
  const record = JSON.parse(text) as JournalRecord
  if (record.format !== 1) throw new Error('it is of another version of xnatfs')
  return record
}
