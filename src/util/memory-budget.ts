import { Reclaimer } from './reclaimer.js'

/** What a piece of bytes costs beyond them: keys, map entries, the Buffer object. */
const overheadBytes = 256

/** Who holds a piece of bytes. */
interface Holders {
  /** In a cache, which gives them up when room is wanted. */
  cached: number
  /** On their way to somewhere: nobody may give them up. */
  pinned: number
  /** A cache has had them: they are its own, and nobody keeps them beside it. */
  isOwned: boolean
}

/**
 * The memory that the bytes of files may take in a mount, whoever holds them. A piece that several hold counts once.
 * When it is full the caches give way; who has something under way asks before there is more of it.
 */
export class MemoryBudget {
  readonly limitBytes: number
  readonly #holders = new Map<Uint8Array, Holders>()
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = []
  #heldBytes = 0
  #pinnedBytes = 0
  /** About to come; and what of it was let in by `reserve`. */
  #comingBytes = 0
  #reservedBytes = 0
  #giveWay: (() => boolean) | undefined
  readonly #reclaimer: Reclaimer | undefined

  /** @param free empties an ArrayBuffer and gives its memory back at once; default: V8 does so when it gets to it */
  constructor(limitBytes: number, free?: (memory: ArrayBuffer) => void) {
    this.limitBytes = limitBytes
    this.#reclaimer = free && new Reclaimer(free)
  }

  /** All bytes that are held or about to come. */
  get usedBytes(): number {
    return this.#heldBytes + this.#comingBytes
  }

  /** What there would be room for if the caches gave way. */
  get freeBytes(): number {
    return Math.max(0, this.limitBytes - this.#pinnedBytes - this.#comingBytes)
  }

  /** @param giveWay gives up what was not used for longest; false: there is nothing left */
  onFull(giveWay: () => boolean): void {
    this.#giveWay = giveWay
  }

  /**
   * A cache takes bytes that it gives up when room is wanted. They are empty some time after the last holder has let
   * go of them, but not while a `use` lasts that began before.
   */
  cache(bytes: Uint8Array): void {
    const holders = this.#hold(bytes)
    holders.cached++
    holders.isOwned = true
    this.#makeRoom()
  }

  uncache(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes)
    if (!holders) return
    holders.cached--
    this.#forget(bytes, holders)
  }

  /** Bytes are on their way to somewhere and stay until they are there. */
  pin(bytes: Uint8Array): void {
    const holders = this.#hold(bytes)
    if (holders.pinned++ === 0) this.#pinnedBytes += costOf(bytes)
    this.#makeRoom()
  }

  unpin(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes)
    if (!holders) return
    if (--holders.pinned === 0) this.#pinnedBytes -= costOf(bytes)
    this.#forget(bytes, holders)
  }

  /** What looks at cached bytes over more than one turn of the event loop, its result included for the turn it comes in. */
  use<T>(task: () => T | Promise<T>): T | Promise<T> {
    if (!this.#reclaimer) return task()
    const end = this.#reclaimer.use()
    let isOver = true
    try {
      const result = task()
      if (!(result instanceof Promise)) return result
      isOver = false
      return result.finally(end)
    } finally {
      if (isOver) end()
    }
  }

  /**
   * Room for bytes that come in one piece. All that came in this way together are half of the budget at most, but one is
   * always let in. @returns gives the room back @throws what the signal says
   */
  async reserve(bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#waiting.length > 0 || !this.#isRoomFor(bytes)) await this.#turn(bytes, signal)
    else this.#reservedBytes += bytes
    const giveBack = this.expect(bytes)
    let isGiven = false
    return () => {
      if (isGiven) return
      isGiven = true
      this.#reservedBytes -= bytes
      giveBack()
      this.#admit()
    }
  }

  /** As `reserve`, for bytes that are not waited for. */
  expect(bytes: number): () => void {
    this.#comingBytes += bytes
    this.#makeRoom()
    return () => (this.#comingBytes -= bytes)
  }

  #turn(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(signal.reason as Error)
        this.#admit()
      }
      const waiter = {
        bytes,
        enter: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiter)
    })
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#isRoomFor(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#reservedBytes += next.bytes
      next.enter()
    }
  }

  #isRoomFor(bytes: number): boolean {
    return this.#reservedBytes === 0 || this.#reservedBytes + bytes <= this.limitBytes / 2
  }

  #hold(bytes: Uint8Array): Holders {
    const known = this.#holders.get(bytes)
    if (known) return known
    const holders = { cached: 0, pinned: 0, isOwned: this.#reclaimer?.takeUp(bytes) ?? false }
    this.#holders.set(bytes, holders)
    this.#heldBytes += costOf(bytes)
    return holders
  }

  #forget(bytes: Uint8Array, { cached, pinned, isOwned }: Holders): void {
    if (cached + pinned > 0) return
    this.#holders.delete(bytes)
    this.#heldBytes -= costOf(bytes)
    if (isOwned) this.#reclaimer?.retire(bytes)
  }

  #makeRoom(): void {
    while (this.usedBytes > this.limitBytes && this.#giveWay?.());
  }
}

function costOf(bytes: Uint8Array): number {
  return bytes.length + overheadBytes
}
