import { Readable } from 'node:stream'
import { errors } from 'undici'
import type { Dispatcher } from 'undici'

export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** An answer whose body is still to come. Read the body or destroy it: it holds a connection. */
export interface Answer {
  readonly statusCode: number
  readonly headers: Headers
  /** Gives pieces of bytes that are the reader's own. */
  readonly body: Readable
}

export type ExchangeOptions = Pick<
  Dispatcher.DispatchOptions,
  'method' | 'body' | 'headersTimeout' | 'blocking'
> & {
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
  /**
   * The body comes in pieces of this many bytes, the last one excepted: as it is to be kept. Default: as it arrives.
   */
  readonly pieceBytes?: number
}

/** Pieces that wait for a reader before the connection is told to wait. */
const waitingPieces = 4

/** Sends one request. @param url absolute */
export function exchange(dispatcher: Dispatcher, url: string, options: ExchangeOptions): Promise<Answer> {
  const { signal, pieceBytes, ...request } = options
  const { origin, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const handler = new ExchangeHandler({ resolve, reject }, signal, pieceBytes)
    dispatcher.dispatch({ ...request, origin, path: pathname + search }, handler)
  })
}

interface Caller {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #caller: Caller
  readonly #signal: AbortSignal | undefined
  readonly #pieceBytes: number | undefined
  readonly #giveUp = (): void => this.#fail(asError(this.#signal!.reason))
  #controller: Dispatcher.DispatchController | undefined
  #body: Readable | undefined
  #gathering: Gathering | undefined
  readonly #collected: Buffer[] = []
  #isOver = false

  constructor(caller: Caller, signal: AbortSignal | undefined, pieceBytes: number | undefined) {
    this.#caller = caller
    this.#signal = signal
    this.#pieceBytes = pieceBytes
    signal?.addEventListener('abort', this.#giveUp)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#signal?.aborted) this.#giveUp()
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number, headers: Headers): void {
    if (statusCode < 200) return
    const body = new Readable({
      objectMode: true,
      highWaterMark: waitingPieces,
      read: () => controller.resume(),
      destroy: (error, done) => {
        this.#signal?.removeEventListener('abort', this.#giveUp)
        if (!this.#isOver) controller.abort(error ?? new errors.RequestAbortedError())
        done(error)
      },
    })
    this.#body = body
    if (this.#pieceBytes !== undefined) this.#gathering = new Gathering(this.#pieceBytes, lengthOf(headers))
    this.#caller.resolve({ statusCode, headers, body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length === 0) return // the parser gives one whenever it goes on
    if (!this.#gathering) return this.#collect(controller, chunk)
    for (const piece of this.#gathering.add(chunk)) this.#hand(controller, piece)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#isOver = true
    this.#handCollected(controller)
    const rest = this.#gathering?.rest()
    if (rest) this.#hand(controller, rest)
    this.#body?.push(null)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#isOver = true
    this.#fail(error)
  }

  /**
   * One read from the network may have hundreds of chunks of the server in it. They are handed over together: a reader
   * that is slow would have the rest of the read put back, and copied, at each.
   */
  #collect(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // Valid until the connection is read from again, which is not before this turn of the loop has ended.
    if (this.#collected.push(chunk) === 1) queueMicrotask(() => this.#handCollected(controller))
  }

  #handCollected(controller: Dispatcher.DispatchController): void {
    if (this.#collected.length > 0) this.#hand(controller, Buffer.concat(this.#collected))
    this.#collected.length = 0
  }

  #hand(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (!this.#body!.push(piece)) controller.pause()
  }

  #fail(error: Error): void {
    this.#signal?.removeEventListener('abort', this.#giveUp)
    this.#caller.reject(error)
    if (this.#body) this.#body.on('error', () => {}).destroy(error)
    else if (!this.#isOver) this.#controller?.abort(error)
  }
}

/** Makes pieces of one size of what comes. */
class Gathering {
  readonly #pieceBytes: number
  #leftBytes: number
  #piece: Buffer | undefined
  #filled = 0

  /** @param lengthBytes of all that comes, where it is known */
  constructor(pieceBytes: number, lengthBytes: number | undefined) {
    this.#pieceBytes = pieceBytes
    this.#leftBytes = lengthBytes ?? Infinity
  }

  /** @returns the pieces that are full now */
  *add(chunk: Buffer): Generator<Buffer> {
    for (let taken = 0; taken < chunk.length;) {
      this.#piece ??= Buffer.allocUnsafeSlow(Math.min(this.#pieceBytes, Math.max(this.#leftBytes, 1)))
      const count = chunk.copy(this.#piece, this.#filled, taken)
      taken += count
      this.#filled += count
      this.#leftBytes -= count
      if (this.#filled === this.#piece.length) yield this.rest()!
    }
  }

  /** What has come since the last full piece. */
  rest(): Buffer | undefined {
    const piece = this.#piece?.subarray(0, this.#filled)
    this.#piece = undefined
    this.#filled = 0
    return piece
  }
}

function lengthOf(headers: Headers): number | undefined {
  const length = Number(headers['content-length'])
  return Number.isSafeInteger(length) ? length : undefined
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new errors.RequestAbortedError(String(reason))
}
