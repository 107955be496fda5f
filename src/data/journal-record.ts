import { open, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DirectoryEntry, FileEntry } from '../archive/archive.js'
import { hasErrorCode } from '../util/fs-error.js'
import { removeFile } from '../util/remove-file.js'
import type { ByteSpan } from './byte-ranges.js'

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
  /** The stored file that is to be deleted when this one is stored: it was renamed. Its path is from the mountpoint. */
  readonly origin?: { readonly path: string; readonly file: FileEntry }
  /** The entry with the version of the file before this one; there for a moment, or after a power failure. */
  readonly supersedes?: string
  /** The entry of the file that had this name before the rename of this one. */
  readonly displaces?: string
  /** The file is to be deleted on the server, and its bytes are not needed any more. */
  readonly isDeleted?: true
  /** ISO time of the last change of this record. */
  readonly at: string
  /** What was sent under its name while no answer told whether it was stored. */
  readonly doubtful?: readonly { readonly sizeBytes: number; readonly md5: string }[]
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

/**
 * Writes, or replaces as a whole, the record beside a staging file. `isDurable`: it survives a power failure, as does
 * the name of the staging file; the caller has synced the bytes before. Otherwise it survives the end of the process.
 */
export async function writeRecord(
  stagingPath: string,
  record: JournalRecord,
  options: { readonly isDurable: boolean },
): Promise<void> {
  const path = stagingPath + suffix
  const text = JSON.stringify(record)
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: options.isDurable })
  await rename(`${path}.new`, path)
  if (options.isDurable) await syncDirectory(dirname(path))
}

/** To be called before the staging file is removed: a record without bytes is one that was being forgotten. */
export async function removeRecord(stagingPath: string): Promise<void> {
  await removeFile(stagingPath + suffix)
}

/** Removes an entry that nobody needs. */
export async function removeEntry(stagingPath: string): Promise<void> {
  await removeRecord(stagingPath)
  await removeFile(stagingPath)
}

/**
 * The entries of a journal directory, oldest first. What is no entry is left alone.
 * @param unreadable is told of each record that cannot be read: where its bytes are, and why. They stay there.
 */
export async function readEntries(
  directory: string,
  unreadable: (error: Error) => void,
): Promise<JournalEntry[]> {
  const names = new Set(await readdir(directory))
  const entries: JournalEntry[] = []
  for (const name of names) {
    const bytes = name.slice(0, -suffix.length)
    if (!name.endsWith(suffix) || !names.has(bytes)) continue
    const text = await readFile(join(directory, name), 'utf8').catch((error: unknown) => {
      if (hasErrorCode(error, 'ENOENT')) return undefined // its process goes on, and has just stored it
      throw error
    })
    if (text === undefined) continue
    const stagingPath = join(directory, bytes)
    try {
      entries.push({ stagingPath, record: parse(text) })
    } catch (cause) {
      unreadable(
        new Error(`the journal record ${name} is of no use; its bytes are in ${stagingPath}`, { cause }),
      )
    }
  }
  return entries.toSorted((a, b) => (a.record.at < b.record.at ? -1 : 1))
}

/** Versions of which there is a later one in the journal, or another file in their place: nobody needs them any more. */
export function superseded(entries: readonly JournalEntry[]): ReadonlySet<JournalEntry> {
  const ids = new Set(entries.flatMap(({ record }) => [record.supersedes, record.displaces]))
  return new Set(entries.filter(({ stagingPath }) => ids.has(entryId(stagingPath))))
}

/** Removes what no record speaks of: bytes of files that were never closed, and halves of records. */
export async function removeUnrecorded(directory: string): Promise<void> {
  const names = new Set(await readdir(directory))
  for (const name of names) {
    const isRecord = name.endsWith(suffix) && names.has(name.slice(0, -suffix.length))
    if (!isRecord && !names.has(name + suffix) && name !== aboutFile) await removeFile(join(directory, name))
  }
}

function parse(text: string): JournalRecord {
  const record = JSON.parse(text) as JournalRecord
  if (record.format !== 1) throw new Error('it is of another version of xnatfs')
  return record
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
