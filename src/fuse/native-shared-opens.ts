import type { Errno, FuseOperations, OpenReply } from './driver.js'
import type { NativeSession } from './native-binding.js'

/** A file is opened without a look at its listing for so long at most. */
const longestOfferMs = 10_000

export interface SharedOpensOptions {
  /** What may be believed for how long; 0: nothing. */
  readonly entryTimeoutMs: number
  readonly firstSharedHandle: number
}

/**
 * Opens that the session's threads answer by themselves (native/shared-opens.h). The operations hear of them when a read
 * comes with one, or when the file is about to change: then a handle of theirs stands for all that are open.
 */
export class SharedOpens {
  readonly #operations: Pick<FuseOperations, 'reopen'>
  readonly #timeMs: number
  readonly #firstHandle: number
  /** The operations' handle that stands for a shared one. */
  readonly #adopted = new Map<number, number>()

  constructor(operations: Pick<FuseOperations, 'reopen'>, options: SharedOpensOptions) {
    this.#operations = operations
    this.#timeMs = Math.min(longestOfferMs, options.entryTimeoutMs)
    this.#firstHandle = options.firstSharedHandle
  }

  /** Further opens for reading are answered without the operations for a while, where they say that they may. */
  offer(session: NativeSession, ino: number, { isRepeatable }: OpenReply): void {
    if (this.#timeMs > 0 && isRepeatable === true) session.offerOpens(ino, this.#timeMs)
  }

  /** The operations are about to be asked of an inode. @param handle one of it that they have not heard of, or 0 */
  hear(session: NativeSession, ino: number, handle: number): void {
    if (handle > this.#firstHandle) this.resolve(session, ino, handle)
  }

  /** The file is about to change, or is to be looked at again when it is opened next. */
  withdraw(session: NativeSession, ino: number): void {
    const handle = session.withdrawOpens(ino)
    if (handle !== 0) this.#reopen(ino, handle)
  }

  /** What the operations call a handle of the kernel's, or the errno with which it cannot be had. */
  resolve(session: NativeSession, ino: number, handle: number): { readonly handle: number } | Errno {
    const known = handle > this.#firstHandle ? this.#adopted.get(handle) : handle
    if (known !== undefined) return { handle: known }
    session.adoptOpens(handle)
    return this.#reopen(ino, handle)
  }

  /** The last of those that share a handle is closed. @returns what the operations call it, if they know it */
  released(handle: number): number | undefined {
    if (handle <= this.#firstHandle) return handle
    const own = this.#adopted.get(handle)
    this.#adopted.delete(handle)
    return own
  }

  #reopen(ino: number, handle: number): { readonly handle: number } | Errno {
    const reply = this.#operations.reopen(ino)
    if (typeof reply !== 'number') this.#adopted.set(handle, reply.handle)
    return reply
  }
}
