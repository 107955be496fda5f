import { isAlone } from './pieces.js'

/** Bytes that nobody holds any more, but that somebody may still be looking at. */
interface Retired {
  readonly sizeBytes: number
  /** Users that had begun by then have a lower number. */
  readonly before: number
}

/** Users that take long do not make others' bytes pile up: beyond this V8 finds them, whenever it looks. */
const mostWaitingBytes = 24 * 1024 * 1024
/** Smaller ones are not worth it. */
const leastBytes = 4096

/**
 * Gives the memory of bytes back as soon as nobody can be using them. Left to itself V8 keeps them until a major
 * collection, and makes one for every few megabytes of them: a third of the time that reading a large file took
 * (measured).
 *
 * Who looks at bytes in one turn of the event loop, and in what follows it without waiting for anything, needs no
 * permission. Who looks at them longer says so by `use`; what is retired meanwhile stays until he has ended. Bytes that
 * were given back are empty (their length is 0): a mistake shows, and never as other bytes. Threads have no such
 * protection: what they read or write must be in use until they are done.
 */
export class Reclaimer {
  readonly #free: (memory: ArrayBuffer) => void
  /** In the order in which they began. */
  readonly #users = new Set<number>()
  #nextUser = 0
  /** The longest retired first. */
  readonly #retired = new Map<Uint8Array, Retired>()
  #waitingBytes = 0
  #isSweepDue = false

  /** @param free empties an ArrayBuffer and gives its memory back */
  constructor(free: (memory: ArrayBuffer) => void) {
    this.#free = free
  }

  /** @returns to be called at the end; the turn in which it is called still belongs to the use */
  use(): () => void {
    const user = this.#nextUser++
    this.#users.add(user)
    return () => {
      this.#users.delete(user)
      if (this.#retired.size > 0) this.#sweepSoon()
    }
  }

  /** Nobody holds these bytes any more. */
  retire(bytes: Uint8Array): void {
    const { length } = bytes
    if (length < leastBytes || !isAlone(bytes)) return
    if (this.#waitingBytes + length > mostWaitingBytes) return
    this.#waitingBytes += length
    this.#retired.set(bytes, { sizeBytes: length, before: this.#nextUser })
    this.#sweepSoon()
  }

  /** Somebody holds them again. @returns whether they were retired, and not given back yet */
  takeUp(bytes: Uint8Array): boolean {
    const retired = this.#retired.get(bytes)
    if (!retired) return false
    this.#waitingBytes -= retired.sizeBytes
    return this.#retired.delete(bytes)
  }

  #sweepSoon(): void {
    if (this.#isSweepDue) return
    this.#isSweepDue = true
    setImmediate(() => {
      this.#isSweepDue = false
      this.#sweep()
    })
  }

  #sweep(): void {
    const [oldest = Infinity] = this.#users
    for (const [bytes, { before }] of this.#retired) {
      if (before > oldest) return
      this.takeUp(bytes)
      try {
        this.#free(bytes.buffer as ArrayBuffer)
      } catch {
        // not one that can be emptied: V8 has it
      }
    }
  }
}
