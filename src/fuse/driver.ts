/**
 * What carries the kernel's requests to a file system. Two implementations: fuse-native (portable) and, where it can be
 * built, one of our own over libfuse3. Both call the same inode-based operations.
 */
import type { Attributes } from '../vfs/attributes.js'
import type { DirectoryItem } from '../vfs/vfs.js'
import type { Md5 } from '../util/md5.js'
import type { Pieces } from '../util/pieces.js'
import type { WholeFiles } from '../util/whole-files.js'

/** What `--driver` may say. */
export const driverNames = ['auto', 'libfuse3', 'fuse-native'] as const
export type DriverName = (typeof driverNames)[number]

/** A positive error number of this system; 0 is success. */
export type Errno = number
export type MaybePromise<T> = T | Promise<T>

export interface OpenReply {
  readonly handle: number
  readonly keepCache: boolean
  /** Where a driver can, the kernel neither uses nor fills its pages by this handle: they are of another version. */
  readonly isApart?: boolean
  /**
   * A local file that has exactly the bytes of what was opened, for as long as the handle is open, under a name that no
   * other version will have. A driver may let the kernel read it instead of asking.
   */
  readonly backingPath?: string
  /**
   * Calls `stop` just before the file gets other bytes, or other attributes. A driver that reads `backingPath` for the
   * kernel asks again from then on: kernel and caller would see the bytes of two versions otherwise.
   * @returns false where that has happened already
   */
  readonly untilChanged?: (stop: () => void) => boolean
  /** Until then further opens for reading would get the same answer, but for `keepCache`, which would be true. */
  readonly isRepeatable?: boolean
}

export interface SmallFile {
  readonly attributes: Attributes
  /** To be used at once. */
  readonly bytes: Pieces
}

/** A small file that is at hand and has not been opened yet, as far as is known. */
export interface ForetoldFile extends SmallFile {
  /** See `OpenReply`. */
  readonly untilChanged: (stop: () => void) => boolean
}

export interface AttributeRequest {
  readonly sizeBytes?: number
  /** By which the size is set, where it is not by name. */
  readonly handle?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly atimeMs?: number
  readonly mtimeMs?: number
}

/**
 * Every operation answers a number (an errno) or the thing asked for. None throws or rejects. One that answers at once,
 * without a promise, must not hold on to its signal: the next may get the same.
 */
export interface FuseOperations {
  lookup(parent: number, name: string, signal?: AbortSignal): MaybePromise<Attributes | Errno>
  /** As `lookup`, for a driver that goes by paths: the kernel is not told the attributes, and goes on with those it has. */
  walk(parent: number, name: string, signal?: AbortSignal): MaybePromise<Attributes | Errno>
  forget(ino: number, count: number): void
  /** @param isOpen whether a handle may be open of which the operations have not heard (`isRepeatable`) */
  getattr(ino: number, signal?: AbortSignal, isOpen?: boolean): MaybePromise<Attributes | Errno>
  setattr(ino: number, changes: AttributeRequest, signal?: AbortSignal): MaybePromise<Attributes | Errno>
  readlink(ino: number, signal?: AbortSignal): MaybePromise<string | Errno>
  /** The names and values of all extended attributes. Answers at once: programs ask for them of all they meet. */
  xattrs(ino: number): ReadonlyMap<string, string> | Errno
  access(ino: number, mask: number): Errno
  opendir(ino: number): OpenReply | Errno
  readdir(handle: number, signal?: AbortSignal): MaybePromise<readonly DirectoryItem[] | Errno>
  /**
   * The attributes of an entry that readdir gave, counted as a lookup. ENOENT if it is not what that name is any more,
   * or is not in memory.
   */
  remember(parent: number, name: string, ino: number): Attributes | Errno
  releasedir(handle: number): Errno
  open(ino: number, canWrite: boolean, signal?: AbortSignal): MaybePromise<OpenReply | Errno>
  /** A handle for what is read of a file that the kernel has opened without telling: of what it was when it was looked up. */
  openUntold(ino: number, signal?: AbortSignal): MaybePromise<OpenReply | Errno>
  /** One more handle for reading of a file that was opened and has not changed since. Answers at once. */
  reopen(ino: number): OpenReply | Errno
  create(
    parent: number,
    name: string,
    options: { readonly mode: number; readonly isExclusive: boolean },
    signal?: AbortSignal,
  ): MaybePromise<(OpenReply & { readonly attributes: Attributes }) | Errno>
  read(
    handle: number,
    offset: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): MaybePromise<Pieces | Errno>
  /**
   * An open file that is small, all of it, as it is read by this handle; undefined where it is not at hand, or no longer
   * than what was read of it.
   */
  smallFile(handle: number, readBytes: number): SmallFile | Errno | undefined
  /**
   * Tells of small files that somebody will probably open soon to read them. A driver may answer that by itself until the
   * file changes, as for an open that `isRepeatable`, and reports the first open of each by `opened`.
   */
  foretell(tell: (file: ForetoldFile) => void): void
  opened(ino: number): void
  write(handle: number, offset: number, bytes: Uint8Array): MaybePromise<Errno>
  /** Makes the file at least so long. */
  fallocate(handle: number, endBytes: number, signal?: AbortSignal): MaybePromise<Errno>
  flush(handle: number, signal?: AbortSignal): MaybePromise<Errno>
  fsync(handle: number, signal?: AbortSignal): MaybePromise<Errno>
  release(handle: number): Errno
  mkdir(parent: number, name: string, signal?: AbortSignal): MaybePromise<Attributes | Errno>
  rmdir(parent: number, name: string, signal?: AbortSignal): MaybePromise<Errno>
  unlink(parent: number, name: string, signal?: AbortSignal): MaybePromise<Errno>
  rename(
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    options: { readonly mayReplace: boolean },
    signal?: AbortSignal,
  ): MaybePromise<Errno>
  /** For a library that takes the name of an open file away before it is removed or replaced: answers its number. */
  hide(parent: number, name: string, signal?: AbortSignal): MaybePromise<{ readonly ino: number } | Errno>
  /** Nobody has the hidden file open any more. */
  unhide(ino: number): MaybePromise<Errno>
}

export interface MountOptions {
  /** An existing directory, absolute, links resolved. */
  readonly mountpoint: string
  /** What `mount` and `df` show as the device. */
  readonly source: string
  readonly isReadOnly: boolean
  readonly allowOther: boolean
  /** How long the kernel believes names and attributes, and that a name is absent. */
  readonly entryTimeoutMs: number
  readonly negativeTimeoutMs: number
  /** Of small files that are being read: a driver may hold so many to answer by itself. */
  readonly heldBytes: number
  /** The kernel opens and closes files without telling, where the driver can have it do so and nothing is written. */
  readonly opensUntold?: boolean
}

export interface FuseMount {
  /** Resolves when the mount is gone, whoever unmounted it. */
  readonly closed: Promise<void>
  /** Stops answering, where the driver can: programs that still use a mount taken away lazily get errors. */
  end?(): Promise<void>
  /** What was asked for and how often, for tests and logs. */
  stats?(): Readonly<Record<string, number>>
  /** Resolves when the kernel believes no size of this file that it was told before. */
  settle(ino: number): Promise<void>
  readonly cache?: KernelCache
}

/** What the kernel has cached. Takes effect later, in order; what the kernel does not have is no error. */
export interface KernelCache {
  /** Resolves when what was asked for has taken effect; after a second also where the kernel makes it wait. */
  told(): Promise<void>
  /** Something has become known of some file: what is opened next is looked at. Takes effect at once. */
  expireOpens(): void
  dropPages(ino: number): void
  dropAttributes(ino: number): void
  dropName(parent: number, name: string): void
  /** Bytes that the kernel will find when it reads; only for a file that it has looked up. */
  storePages(ino: number, offset: number, bytes: Uint8Array): void
}

export type DriverProbe =
  | { readonly isAvailable: true }
  | { readonly isAvailable: false; readonly reason: string; readonly remedy: string }

export interface FuseDriver {
  readonly name: string
  /** Empties a buffer that no thread is at work on, and gives its memory back at once. Where a driver can. */
  readonly freeMemory?: (memory: ArrayBuffer) => void
  /** Where a driver has brought something that can. */
  readonly wholeFiles?: WholeFiles
  readonly md5?: Md5
  /** From which size on it gains by a `backingPath`, which costs something to name; Infinity: it cannot use one. */
  backsFromBytes(): number
  /** Whether it keeps what the kernel has of one version of a file away from who has opened another. */
  readonly opensApart: boolean
  /** Whether it can have the kernel open files without telling (`MountOptions.opensUntold`). */
  readonly canOpenUntold: boolean
  /** Whether it can work on this machine; if not, why, and what to do. */
  probe(): Promise<DriverProbe>
  /** Resolves when the kernel's requests are being answered. @throws Error in words for the user */
  mount(operations: FuseOperations, options: MountOptions): Promise<FuseMount>
}
