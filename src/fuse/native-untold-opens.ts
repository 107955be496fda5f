import { constants } from 'node:os'
import { lengthOf } from '../util/pieces.js'
import type { Pieces } from '../util/pieces.js'
import type { Errno, FuseOperations, MaybePromise, OpenReply } from './driver.js'
import type { NativeSession } from './native-binding.js'

const { EINTR } = constants.errno

/** Who has read nothing for so long has closed the file, as far as anybody can tell; one who has not finds it opened again. */
const idleMs = 5000
const sweepMs = 1000
/** More are not kept open. Those that are being read are, whatever their number. */
const mostOpen = 256

export interface UntoldOpensOptions {
  readonly operations: Pick<FuseOperations, 'openUntold' | 'read' | 'release'>
  /** The file is looked at when it is read next. */
  readonly forget: (ino: number) => void
  readonly now?: () => number
}

/** A handle of the operations for all that is read of an inode. */
interface Untold {
  readonly ino: number
  opened: MaybePromise<OpenReply | Errno>
  /** Reads that are not answered yet. */
  reading: number
  usedMs: number
  /** It is not to be used by those who come next. */
  isOver: boolean
}

/**
 * Files that the kernel opens without telling (`MountOptions.opensUntold`): the operations have each open from its first
 * read on, and until it was read to its end, or not at all for a while, or the kernel forgets it.
 */
export class UntoldOpens {
  readonly #options: UntoldOpensOptions
  readonly #now: () => number
  /** By inode; the one that was read longest ago first. */
  readonly #open = new Map<number, Untold>()
  #session!: NativeSession
  #timer: NodeJS.Timeout | undefined

  constructor(options: UntoldOpensOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  get size(): number {
    return this.#open.size
  }

  serve(session: NativeSession): void {
    this.#session = session
  }

  read(ino: number, offset: number, lengthBytes: number, signal: AbortSignal): MaybePromise<Pieces | Errno> {
    const untold = this.#use(ino)
    const { opened } = untold
    const bytes =
      opened instanceof Promise
        ? untilAborted(opened, signal).then((reply) => this.#readBy(reply, offset, lengthBytes, signal))
        : this.#readBy(opened, offset, lengthBytes, signal)
    const done = (result: Pieces | Errno): Pieces | Errno => this.#used(untold, result, lengthBytes)
    return bytes instanceof Promise ? bytes.then(done) : done(bytes)
  }

  /** The kernel has forgotten it, or it is another version by now. */
  close(ino: number): void {
    const untold = this.#open.get(ino)
    if (untold) this.#end(untold)
  }

  /** Closes what nobody reads. */
  sweep(): void {
    for (const untold of this.#open.values()) {
      if (untold.reading > 0) continue
      if (this.#now() - untold.usedMs < idleMs && this.#open.size <= mostOpen) break
      this.#end(untold)
    }
    if (this.#open.size === 0) this.#stopTimer()
  }

  /** The mount is gone. */
  end(): void {
    this.#stopTimer()
    for (const untold of this.#open.values()) this.#end(untold)
  }

  #stopTimer(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #readBy(
    reply: OpenReply | Errno,
    offset: number,
    lengthBytes: number,
    signal: AbortSignal,
  ): MaybePromise<Pieces | Errno> {
    if (typeof reply === 'number') return reply
    return this.#options.operations.read(reply.handle, offset, lengthBytes, signal)
  }

  #use(ino: number): Untold {
    const known = this.#open.get(ino)
    const untold: Untold = known ?? { ino, opened: this.#start(ino), reading: 0, usedMs: 0, isOver: false }
    if (!known && untold.opened instanceof Promise)
      void untold.opened.then((reply) => (untold.opened = reply))
    untold.reading++
    untold.usedMs = this.#now()
    this.#open.delete(ino)
    this.#open.set(ino, untold)
    if (!known && this.#open.size > mostOpen) this.sweep()
    this.#timer ??= setInterval(() => this.sweep(), sweepMs).unref()
    return untold
  }

  #start(ino: number): MaybePromise<OpenReply | Errno> {
    const opened = this.#options.operations.openUntold(ino)
    return opened instanceof Promise
      ? opened.then((reply) => this.#serve(ino, reply))
      : this.#serve(ino, opened)
  }

  /** What lies complete in a local file the session's threads read there, from now on. */
  #serve(ino: number, reply: OpenReply | Errno): OpenReply | Errno {
    if (typeof reply === 'number' || reply.backingPath === undefined) return reply
    if (reply.untilChanged?.(() => this.#options.forget(ino)))
      this.#session.serve(ino, ino, reply.backingPath)
    return reply
  }

  #used(untold: Untold, result: Pieces | Errno, lengthBytes: number): Pieces | Errno {
    untold.reading--
    const isAll = typeof result !== 'number' && lengthOf(result) < lengthBytes // the end of the file came with it
    if (isAll || typeof result === 'number') untold.isOver = true
    if (untold.isOver && untold.reading === 0) this.#end(untold)
    return result
  }

  #end(untold: Untold): void {
    const { ino, opened } = untold
    untold.isOver = true
    if (this.#open.get(ino) === untold) this.#open.delete(ino)
    if (untold.reading > 0) return // who is answered last ends it
    this.#session.releaseServed(ino)
    if (opened instanceof Promise) void opened.then((reply) => this.#release(reply))
    else this.#release(opened)
  }

  #release(reply: OpenReply | Errno): void {
    if (typeof reply !== 'number') this.#options.operations.release(reply.handle)
  }
}

function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T | Errno> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(EINTR)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
