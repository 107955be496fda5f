import type { MaybePromise } from '../archive/archive.js'
import { isAlone } from '../util/pieces.js'
import { withSignal } from '../util/single-flight.js'

/** One request brings at most this; larger stretches become several at once. */
export const longestRunBytes = 8 * 1024 * 1024

/** What a block's waiter gets: its bytes, or `undefined` when the server sent the whole file instead (see SpoolFile). */
type BlockResult = Uint8Array | undefined

interface Deferred {
  readonly promise: Promise<BlockResult>
  readonly resolve: (bytes: BlockResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * Blocks in a row that one request brings. Each is handed over as it is complete. The request is given up when those
 * who waited for it have gone, unless it was made to read ahead: that ends with the file handle.
 */
export class BlockRun {
  readonly first: number
  readonly last: number
  readonly isAhead: boolean
  readonly #controller = new AbortController()
  readonly #blocks: Deferred[] = []
  /** The next block to be delivered. */
  #next: number
  #waiters = 0

  constructor(first: number, last: number, isAhead: boolean) {
    this.first = first
    this.last = last
    this.isAhead = isAhead
    this.#next = first
    for (let index = first; index <= last; index++) this.#blocks.push(deferred())
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get next(): number {
    return this.#next
  }

  get isDone(): boolean {
    return this.#next > this.last
  }

  /** Waits for a block; a waiter whose signal aborts leaves. */
  async wait(index: number, signal: AbortSignal | undefined): Promise<BlockResult> {
    this.#waiters++
    try {
      return await withSignal(this.#blocks[index - this.first]!.promise, signal)
    } finally {
      this.#waiters--
      if (signal?.aborted && !this.isAhead) this.abandonIfUnwanted()
    }
  }

  deliver(bytes: Uint8Array): void {
    this.#blocks[this.#next - this.first]!.resolve(bytes)
    this.#next++
  }

  /** The rest comes by way of the whole file. */
  redirect(): void {
    for (; !this.isDone; this.#next++) this.#blocks[this.#next - this.first]!.resolve(undefined)
  }

  fail(error: unknown): void {
    for (; !this.isDone; this.#next++) this.#blocks[this.#next - this.first]!.reject(error)
  }

  abandonIfUnwanted(): void {
    if (this.#waiters > 0 || this.isDone) return
    this.#controller.abort(new DOMException('nobody waits for these blocks any more', 'AbortError'))
  }
}

/** Makes blocks of what comes, from the next one of a run on, no faster than they are taken. More than was asked for is passed over. */
export async function cutIntoBlocks(
  body: AsyncIterable<Uint8Array>,
  run: BlockRun,
  lengthOf: (index: number) => number,
  take: (block: Buffer) => MaybePromise<void>,
): Promise<void> {
  let block: Buffer | undefined
  let filled = 0
  for await (const chunk of body) {
    for (let taken = 0; taken < chunk.length;) {
      if (run.isDone) return
      const lengthBytes = lengthOf(run.next)
      if (filled === 0 && taken === 0 && chunk.length === lengthBytes && isAlone(chunk)) {
        await take(Buffer.from(chunk.buffer))
        break
      }
      block ??= Buffer.allocUnsafeSlow(lengthBytes)
      const part = chunk.subarray(taken, taken + block.length - filled)
      block.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < block.length) continue
      await take(block)
      block = undefined
      filled = 0
    }
  }
}

function deferred(): Deferred {
  let resolve!: Deferred['resolve']
  let reject!: Deferred['reject']
  const promise = new Promise<BlockResult>((res, rej) => {
    resolve = res
    reject = rej
  })
  promise.catch(() => {}) // a block that was read ahead may have no waiter
  return { promise, resolve, reject }
}
