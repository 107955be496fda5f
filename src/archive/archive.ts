/**
 * THE BOUNDARY between a file system and the archive: XNAT seen as a tree of directories, files and links. What is
 * above (vfs, data) knows this file only; what is below knows nothing of inodes and handles.
 */
import type { FsError } from '../util/fs-error.js'

export type MaybePromise<T> = T | Promise<T>

/** Where an entry lies in XNAT. Only the archive that made it looks inside. */
export interface Place {
  readonly level: string
}

/** What a listing told of an entry beside its name, size and time, by XNAT's own names: `uri`, `id`, `xsiType` … */
export type Facts = Readonly<Record<string, string>>

interface EntryBase {
  /** The file name shown. */
  readonly name: string
  /** Identity among its siblings: stays when the label changes. Inode numbers are made of it. */
  readonly id: string
  /** Modification time in ms since the epoch; 0 where XNAT knows none. */
  readonly mtimeMs: number
  readonly place: Place
}

export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory'
  /** A part of what `Archive.facts` tells. */
  readonly facts?: Facts | undefined
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file'
  /** Bytes, as the listing says. Undefined where the server does not know it without a look at the file. */
  readonly sizeBytes: number | undefined
  /** Identity of the stored file on its server, whatever path led to it. */
  readonly key: string
  /** Changes when the bytes change, as far as the listing can tell. */
  readonly version: string
  /** Lower-case hex MD5 of the bytes, where the server keeps one. */
  readonly digest: string | undefined
  /**
   * Which answer of the server listed it. Where there is no digest, the same version in another answer may be other
   * bytes: size and time are all that XNAT tells, and it does not notice what others do on its disk.
   */
  readonly listing?: object
  /** A listing that tells its name only: what was known of it before is not contradicted. */
  readonly isUnread?: boolean
  /** Only who opens it is to have the server asked what it says: by `Archive.told`. */
  readonly isToldWhenOpened?: true
  /** Its bytes are made of answers of the server: only a look tells whether they are still the same. */
  readonly isMade?: true
  /** One of many small files that are read together, as those of a DICOM series. */
  readonly isSeriesMember: boolean
}

export interface SymlinkEntry extends EntryBase {
  readonly kind: 'symlink'
  /** Undefined until `readlink` finds it out. */
  readonly target: string | undefined
}

export type Entry = DirectoryEntry | FileEntry | SymlinkEntry

/** A complete directory listing: a name that is not in it is known to be absent. */
export interface Listing {
  readonly entries: readonly Entry[]
  get(name: string): Entry | undefined
}

/** What one may want to do with or in an entry. */
export type Capability = 'create' | 'make-directory' | 'write' | 'remove' | 'relabel'

export type Urgency = 'foreground' | 'read-ahead'

/** First and last byte, both included. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

export interface FetchedBytes {
  /** Where in the file `body` begins: the first byte of the range, or 0 if the range was not honoured. */
  readonly first: number
  readonly rangeHonoured: boolean
  /** Size of the stored file now; undefined where the server does not say. */
  readonly totalBytes: number | undefined
  /** The version these bytes belong to, as far as an answer tells it. Equal for all parts of one version. */
  readonly answerVersion: string
  /** The file was changed so lately that it may be changed again without another version: its time is of whole seconds. */
  readonly isRecent: boolean
  /** Ends after exactly the bytes promised or throws FsError. Leaving the loop early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
  /** Closes the connection of a body that nobody has begun to read. */
  discard(): void
}

/** A file that came together with others; its size and digest are those of its listing. */
export interface BundledFile {
  readonly file: FileEntry
  /** One behind the other, each in memory of its own, mostly as large as a block of the cache. */
  readonly pieces: readonly Uint8Array[]
}

/** Files that one request can bring. */
export interface Bundle {
  /** In the order in which they will come, as far as that can be told. */
  readonly files: readonly FileEntry[]
  /** What the request moves: others may have to come along. */
  readonly sizeBytes: number
  /** What does not prove to be as it is listed is left out. Throws FsError where the answer breaks off. */
  fetch(signal: AbortSignal): AsyncIterable<BundledFile>
}

/** What an answer showed a file to be. */
export interface FileFacts {
  readonly sizeBytes: number
  readonly answerVersion: string
  /** Undefined where the listed one is known to be wrong. */
  readonly digest: string | undefined
}

/** A local file whose bytes are to be stored. */
export interface StoreSource {
  readonly path: string
  /** What follows in the file does not belong to it. */
  readonly sizeBytes: number
  /** All of it, where it is in memory: then it need not be at `path`. */
  readonly bytes?: Buffer
  /** The same bytes, on their way already; not used where it is for another name, or has failed. */
  readonly started?: StartedStore
  /** Aborts when it need not be stored any more. What has begun goes on; otherwise `store` fails with that at once. */
  readonly unwanted?: AbortSignal
}

/** The bytes of a file that is still being written. */
export interface GrowingBytes {
  /** From the first on, as they come. Throws when they will not be those of the file after all. */
  chunks(): AsyncIterable<Buffer>
  /** The MD5 (lower-case hex) of all of them, when they have ended. */
  md5(): Promise<string>
  /** Nobody reads them any more. */
  abandon(reason: string): void
}

/** A store that has begun before its file was finished. `store` finishes it; until then the server stores nothing. */
export interface StartedStore {
  abandon(): void
}

export type Order = 'by-text' | 'by-name' | 'by-removal'

/** All methods throw FsError. A failure is never reported as absence. */
export interface Archive {
  readonly root: DirectoryEntry
  /** Whether the server answered when it was last asked. When not, older listings and bytes may have to do. */
  readonly isReachable: boolean
  /** All entries or an error. Not a promise when the listing is known and young enough. */
  list(directory: DirectoryEntry, signal?: AbortSignal): MaybePromise<Listing>
  /** The entry, listed or not, or undefined if there is none. */
  lookup(directory: DirectoryEntry, name: string, signal?: AbortSignal): MaybePromise<Entry | undefined>
  readlink(link: SymlinkEntry, signal?: AbortSignal): MaybePromise<string>
  /** What is known of an entry from the listings that it comes from. Asks nobody. */
  facts(entry: Entry): Facts
  /** Forget what is known about a directory (default: all), so that the next question goes to the server. */
  refresh(directory?: DirectoryEntry): void
  /** The same for a directory and everything below it. */
  refreshWithin(directory: DirectoryEntry): void
  /**
   * Why this cannot be done here, or undefined if it can be tried.
   * @param newName what is to be created or made in the directory `entry`
   */
  lacks(entry: Entry, capability: Capability, newName?: string): FsError | undefined
  /** @param range undefined = the whole file */
  fetch(
    file: FileEntry,
    range: ByteRange | undefined,
    urgency: Urgency,
    signal?: AbortSignal,
  ): Promise<FetchedBytes>
  /** How to fetch files of a directory together; undefined where no request does that. */
  bundle(directory: DirectoryEntry, files: readonly FileEntry[]): Bundle | undefined
  /**
   * The stored file turned out to be another than the listing says. Believed until the listing says something new:
   * the file's entry gets this size and digest, and a version of its own.
   */
  contradict(file: FileEntry, facts: FileFacts): void
  /** How long the listing of a directory will be believed; undefined where that is not known. */
  believedMs?(directory: DirectoryEntry): number | undefined
  /** A file that `isToldWhenOpened`, as it is now. */
  told(file: FileEntry, signal?: AbortSignal): Promise<FileEntry>
  /**
   * Stores a file and makes sure that the server has exactly these bytes.
   * @param replaces the file as it was when it was opened; undefined = there was none
   */
  store(
    directory: DirectoryEntry,
    name: string,
    source: StoreSource,
    replaces: FileEntry | undefined,
    signal?: AbortSignal,
  ): Promise<FileEntry>
  /**
   * Begins to send a file while it is written, for a later `store` to finish.
   * @returns undefined where that is not possible; then `store` alone does it
   */
  startStore(
    directory: DirectoryEntry,
    name: string,
    replaces: FileEntry | undefined,
    bytes: GrowingBytes,
  ): StartedStore | undefined
  /**
   * The other files of the directory that the server would remove together with this one, by a fresh listing.
   * @throws FsError EBUSY when there are such files elsewhere, or no request can name the file
   */
  takenAlong(directory: DirectoryEntry, file: FileEntry, signal?: AbortSignal): Promise<readonly FileEntry[]>
  /**
   * Removes a file, or a directory that is empty on the server.
   * @param andWith files that may go with it, as they are now; the caller has their bytes
   */
  remove(
    entry: FileEntry | DirectoryEntry,
    andWith?: readonly FileEntry[],
    signal?: AbortSignal,
  ): Promise<void>
  /** Whether the server knows of a directory what no copy of its files would have: its name changes by `relabel` or not. */
  hasRecord(directory: DirectoryEntry): boolean
  /** Changes the label of a directory that `hasRecord`, within its parent. @returns the entry as it is listed now */
  relabel(
    parent: DirectoryEntry,
    directory: DirectoryEntry,
    name: string,
    signal?: AbortSignal,
  ): Promise<DirectoryEntry>
  /**
   * Whether directories made in this one exist on the server from the start. In a resource they do not: XNAT knows
   * files only, and a folder comes to be with its first file and goes with its last.
   */
  keepsEmpty(directory: DirectoryEntry): boolean
  /** Makes a directory on the server, where `keepsEmpty`. */
  makeDirectory(parent: DirectoryEntry, name: string, signal?: AbortSignal): Promise<DirectoryEntry>
  /** The entry of a folder that exists only locally so far, where not `keepsEmpty`. */
  folder(parent: DirectoryEntry, name: string): DirectoryEntry
  /**
   * Whether what has this name gives an order to the server, and is not stored: by what is written into it when it is
   * closed, or by being made; then removing it takes that back. 'by-removal': a directory that is removed with all that
   * is in it, and that by its name only.
   */
  orders(directory: DirectoryEntry, name: string): Order | undefined
  /** Gives the order of such a file. */
  give(directory: DirectoryEntry, name: string, text: Buffer, signal?: AbortSignal): Promise<void>
  /** Whether files of these two directories are stored in the same place, whatever their names are. */
  isSamePlace(a: DirectoryEntry, b: DirectoryEntry): boolean
}
