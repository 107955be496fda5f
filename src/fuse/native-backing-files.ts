import { constants } from 'node:os'
import type { OpenReply } from './driver.js'
import type { NativeSession } from './native-binding.js'

const { ESTALE } = constants.errno

interface BackedInode {
  readonly path: string
  handles: number
}

/**
 * Opens that are read from another file without JavaScript: by the kernel, where it does that, or else by the session's
 * threads. The kernel wants all handles of an inode to be of one kind: while one is backed, all must be, and by the same
 * file; while one is not, none can.
 */
export class BackingFiles {
  /** Files that the kernel reads by itself, and handles that are open on them. */
  readonly #backed = new Map<number, BackedInode>()
  readonly #backedHandles = new Set<number>()
  readonly #plainHandles = new Map<number, number>()

  /** @returns a backing number, 0 for a plain open, or a negative errno */
  acquire(session: NativeSession, ino: number, { handle, backingPath }: OpenReply): number {
    const backed = this.#backed.get(ino)
    if (backed && backed.path !== backingPath) return -ESTALE // another version; the old one is still being read
    const mayBack = backingPath !== undefined && (this.#plainHandles.get(ino) ?? 0) === 0
    const number = mayBack ? session.acquireBacking(ino, backingPath) : 0
    if (number <= 0) {
      this.addPlain(ino)
      return 0
    }
    if (backed) backed.handles++
    else this.#backed.set(ino, { path: backingPath!, handles: 1 })
    this.#backedHandles.add(handle)
    return number
  }

  /** There is one more handle that the kernel reads through its pages. */
  addPlain(ino: number): void {
    this.#plainHandles.set(ino, (this.#plainHandles.get(ino) ?? 0) + 1)
  }

  /** Lets the session's threads read what the kernel does not. @returns whether they do, until they are told to stop */
  serve(session: NativeSession, ino: number, { handle, backingPath, untilChanged }: OpenReply): boolean {
    return backingPath !== undefined && untilChanged !== undefined && session.serve(ino, handle, backingPath)
  }

  /** The handle is closed, or was not taken. */
  release(session: NativeSession, ino: number, handle: number): void {
    if (this.#backedHandles.delete(handle)) {
      session.releaseBacking(ino)
      const backed = this.#backed.get(ino)!
      if (--backed.handles === 0) this.#backed.delete(ino)
      return
    }
    session.releaseServed(handle)
    const plain = (this.#plainHandles.get(ino) ?? 0) - 1
    if (plain > 0) this.#plainHandles.set(ino, plain)
    else this.#plainHandles.delete(ino)
  }
}
