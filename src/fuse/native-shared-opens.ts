import { constants } from 'node:os'
import { listOf } from '../util/pieces.js'
import type { Errno, FuseOperations, OpenReply } from './driver.js'
import { writeAttributes } from './native-attributes.js'
import type { NativeSession, SessionMemory } from './native-binding.js'

const { EBADF } = constants.errno

/** A file is opened without a look at its listing for so long at most. */
const longestOfferMs = 10_000
/** The kernel reads whole pages. */
const pageBytes = 4096

type Operations = Pick<FuseOperations, 'reopen' | 'smallFile' | 'foretell'>

export interface SharedOpensOptions {
  /** What may be believed for how long; 0: nothing. */
  readonly entryTimeoutMs: number
  readonly firstSharedHandle: number
  readonly memory: SessionMemory
  /** The operations have given one more plain handle of an inode. */
  readonly onAdopted: (ino: number) => void
}

/** An offer that waits until the kernel has certainly dropped the pages that it may not keep. */
interface Waiting {
  readonly handle: number
  readonly epoch: number
}

/**
 * Opens that the session's threads answer by themselves (native/shared-opens.h). The operations hear of them when a read
 * comes with one, or when the file is about to change: then a handle of theirs stands for all that are open.
 */
export class SharedOpens {
  readonly #operations: Operations
  readonly #options: SharedOpensOptions
  readonly #timeMs: number
  /** The operations' handle that stands for a shared one. */
  readonly #adopted = new Map<number, number>()
  readonly #waiting = new Map<number, Waiting>()
  #epoch = 0

  constructor(operations: Operations, options: SharedOpensOptions) {
    this.#operations = operations
    this.#options = options
    this.#timeMs = Math.min(longestOfferMs, options.entryTimeoutMs)
  }

  /** Changes when something has become known: what was opened before is not offered then. */
  get epoch(): number {
    return this.#epoch
  }

  /** All offers end, and none is made of what was opened before. */
  expire(session: NativeSession): void {
    this.#epoch++
    session.expireOpens()
  }

  /**
   * Further opens for reading are answered without the operations for a while, where they say that they may; and so is
   * what is read of a small file that is at hand.
   * @param epoch of before it was opened
   */
  offer(session: NativeSession, ino: number, opened: OpenReply, epoch: number): void {
    const { handle, isRepeatable, keepCache } = opened
    if (this.#timeMs <= 0 || isRepeatable !== true || epoch !== this.#epoch) return
    if (!keepCache) return void this.#waiting.set(ino, { handle, epoch })
    session.offerOpens(ino, this.#timeMs)
    this.#furnish(session, ino, handle, 0)
  }

  /** What the operations foretell is offered too. @param forget takes back what is offered of an inode */
  listen(session: NativeSession, forget: (ino: number) => void): void {
    if (this.#timeMs <= 0) return
    this.#operations.foretell(({ attributes, bytes, untilChanged }) => {
      if (!untilChanged(() => forget(attributes.ino))) return
      writeAttributes(this.#options.memory, 0, attributes)
      session.foretellOpens(attributes.ino, this.#timeMs, listOf(bytes))
    })
  }

  /** A handle is used, or closed: who opened it has got its answer, and the kernel has dropped what it was told to. */
  used(session: NativeSession, ino: number, handle: number): void {
    const waiting = this.#waiting.get(ino)
    if (waiting?.handle !== handle) return
    this.#waiting.delete(ino)
    if (waiting.epoch === this.#epoch) session.offerOpens(ino, this.#timeMs)
  }

  /** A file that is read in parts is opened and read again: all of it goes with the offer, where it is small. */
  read(session: NativeSession, ino: number, handle: number, offset: number, lengthBytes: number): void {
    const isAll = offset === 0 && lengthBytes % pageBytes !== 0 // the end of the file came with it
    if (!isAll) this.#furnish(session, ino, handle, lengthBytes)
  }

  /** @param readBytes so much of it need not be there */
  #furnish(session: NativeSession, ino: number, handle: number, readBytes: number): void {
    const small = this.#operations.smallFile(handle, readBytes)
    if (small === undefined || typeof small === 'number') return
    writeAttributes(this.#options.memory, 0, small.attributes)
    session.furnishOpens(ino, handle, listOf(small.bytes))
  }

  /** The file is about to change, or is to be looked at again when it is opened next. */
  withdraw(session: NativeSession, ino: number): void {
    this.#waiting.delete(ino)
    const handle = session.withdrawOpens(ino)
    if (handle !== 0) this.#reopen(ino, handle)
  }

  /** The operations are about to be asked of an inode. @param handle one of it that they have not heard of, or 0 */
  hear(session: NativeSession, ino: number, handle: number): void {
    if (handle > this.#options.firstSharedHandle) this.resolve(session, ino, handle)
  }

  /** What the operations call a handle of the kernel's, or the errno with which it cannot be had. */
  resolve(session: NativeSession, ino: number, handle: number): { readonly handle: number } | Errno {
    const isShared = handle > this.#options.firstSharedHandle
    const known = isShared ? this.#adopted.get(handle) : handle
    if (known !== undefined) return { handle: known }
    return session.adoptOpens(handle) ? this.#reopen(ino, handle) : EBADF
  }

  /** The last of those that share a handle is closed. @returns what the operations call it, if they know it */
  released(handle: number): number | undefined {
    if (handle <= this.#options.firstSharedHandle) return handle
    const own = this.#adopted.get(handle)
    this.#adopted.delete(handle)
    return own
  }

  #reopen(ino: number, handle: number): { readonly handle: number } | Errno {
    const reply = this.#operations.reopen(ino)
    if (typeof reply === 'number') return reply
    this.#adopted.set(handle, reply.handle)
    this.#options.onAdopted(ino)
    return reply
  }
}
