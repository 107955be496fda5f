import {
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rmdir,
  stat,
  statfs,
  unlink,
  utimes,
} from 'node:fs/promises'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import type { WholeFiles } from '../util/whole-files.js'

/** What a cache asks of the file system; a parameter for tests of disks that are full or fail. */
export const nodeFs = {
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rmdir,
  stat,
  statfs,
  unlink,
  utimes,
}
export type CacheFs = typeof nodeFs

export interface CacheDiskOptions {
  readonly log: Log
  readonly fs?: CacheFs
  readonly wholeFiles?: WholeFiles | undefined
  readonly now?: () => number
}

/** After trouble the disk is left alone for this time. */
const restMs = 30_000

/**
 * The disk under a cache. Its trouble makes a mount slower and never fails it: the reason is logged once, the disk is
 * left alone for a while and tried again.
 */
export class CacheDisk {
  readonly fs: CacheFs
  /** Small files go this way where there is one. */
  readonly wholeFiles: WholeFiles | undefined
  readonly log: Log
  readonly now: () => number
  /** For reading and for writing: a disk that is full can still be read. */
  readonly #restingUntil = { read: 0, write: 0 }
  #lastReason: string | undefined

  constructor(options: CacheDiskOptions) {
    this.fs = options.fs ?? nodeFs
    this.wholeFiles = options.wholeFiles
    this.log = options.log
    this.now = options.now ?? Date.now
  }

  canRead(): boolean {
    return this.now() >= this.#restingUntil.read
  }

  canWrite(): boolean {
    return this.now() >= this.#restingUntil.write
  }

  /** Why the disk is left alone now. */
  get trouble(): string | undefined {
    return this.canRead() && this.canWrite() ? undefined : this.#lastReason
  }

  /** False for what is certainly not there: to be refused costs more than to look. */
  async mayBeThere(paths: readonly string[]): Promise<readonly boolean[]> {
    return (await this.wholeFiles?.areThere(paths)) ?? paths.map(() => true)
  }

  /** Runs a task; what is absent or fails is `undefined`. */
  async read<T>(task: () => Promise<T>): Promise<T | undefined> {
    if (!this.canRead()) return undefined
    try {
      return await task()
    } catch (error) {
      if (!isGone(error)) this.#rest('read', error)
      return undefined
    }
  }

  /** @returns whether it was done; what another process has evicted meanwhile is no trouble of the disk */
  async write(task: () => Promise<void>): Promise<boolean> {
    if (!this.canWrite()) return false
    try {
      await task()
      this.#recover()
      return true
    } catch (error) {
      if (!isGone(error)) this.#rest('write', error)
      return false
    }
  }

  /** Removes a file or an empty directory, if it can be. */
  async remove(path: string, kind: 'file' | 'directory' = 'file'): Promise<boolean> {
    try {
      await (kind === 'file' ? this.fs.unlink(path) : this.fs.rmdir(path))
      return true
    } catch {
      return false // gone already, in use by a newcomer, or a disk that fails: then the next write says so
    }
  }

  #rest(kind: 'read' | 'write', error: unknown): void {
    const reason = causeChain(error).replace(/(, \w+)? '.*$/, '$1') // without names, so that it is said once
    const isKnown = this.#lastReason === reason
    this.#restingUntil[kind] = this.now() + restMs
    this.#lastReason = reason
    if (isKnown) return
    this.log.warn(
      `the disk cache cannot ${kind}: ${causeChain(error)}; going on without it, and trying again later`,
    )
  }

  #recover(): void {
    if (this.#lastReason === undefined) return
    this.log.info('the disk cache works again')
    this.#lastReason = undefined
  }
}

/** On a network file system ESTALE says that another machine has removed what was open or looked up here. */
function isGone(error: unknown): boolean {
  return isAbsent(error) || (error instanceof Error && 'code' in error && error.code === 'ESTALE')
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
