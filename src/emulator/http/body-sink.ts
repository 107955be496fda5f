import type { ServerResponse } from 'node:http'
import type { ResponseEffects } from '../faults/effects.js'
import type { RequestRecord } from '../faults/request-log.js'
import type { Throttle } from './throttle.js'

/** Thrown out of a body that was ended by a fault or by the client: there is nothing left to say. */
export class BodyEnded extends Error {
  override readonly name = 'BodyEnded'
}

/** Where the bytes of one response go: counts them, slows them down and lets faults happen at a given byte. */
export class BodySink {
  /** The limit of a body that promised fewer bytes than there are; Infinity otherwise. */
  limit = Number.POSITIVE_INFINITY
  readonly #response: ServerResponse
  readonly #effects: ResponseEffects
  readonly #record: RequestRecord
  readonly #throttle: Throttle | undefined
  readonly #chunked: boolean
  #sent = 0

  /** Body bytes passed on so far. */
  get sent(): number {
    return this.#sent
  }

  constructor(
    response: ServerResponse,
    effects: ResponseEffects,
    record: RequestRecord,
    throttle: Throttle | undefined,
    chunked: boolean,
  ) {
    this.#response = response
    this.#effects = effects
    this.#record = record
    this.#throttle = throttle
    this.#chunked = chunked
  }

  /** Runs the faults that are due before any byte of the body. */
  async begin(): Promise<void> {
    const cut = this.#effects.cut
    if (cut && cut.afterBytes === 0) await this.#interrupt()
  }

  async write(data: Buffer): Promise<void> {
    let chunk = this.#corrupted(data)
    if (this.#sent + chunk.length > this.limit) chunk = chunk.subarray(0, this.limit - this.#sent)
    const cut = this.#effects.cut
    if (cut && this.#sent + chunk.length >= cut.afterBytes) {
      await this.#pass(chunk.subarray(0, cut.afterBytes - this.#sent))
      await this.#interrupt()
    }
    await this.#pass(chunk)
  }

  async #pass(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return
    const response = this.#response
    if (hasGone(response)) throw new BodyEnded('the client has gone')
    if (this.#throttle) await this.#throttle.take(chunk.length)
    this.#sent += chunk.length
    this.#record.responseBytes += chunk.length
    if (!response.write(chunk)) await drained(response)
  }

  #corrupted(data: Buffer): Buffer {
    const at = this.#effects.corruptAt
    if (at === undefined || at < this.#sent || at >= this.#sent + data.length) return data
    const copy = Buffer.from(data)
    const index = at - this.#sent
    copy[index] = copy[index]! ^ 0xff
    return copy
  }

  /** The connection is dropped, falls silent, or the body simply ends here. */
  async #interrupt(): Promise<never> {
    const response = this.#response
    const kind = this.#effects.cut?.kind
    response.flushHeaders()
    if (kind === 'truncate' && this.#chunked) {
      response.end()
    } else if (kind !== 'stall') {
      // What was written must leave before the socket goes, or the client sees less than was asked for.
      await passedOn(response)
      if (kind === 'truncate') response.socket?.end()
      else response.socket?.destroy()
    }
    throw new BodyEnded(`fault: ${kind}`)
  }
}

/** An answer whose turn on its connection comes when that has ended is never told so. */
function hasGone(response: ServerResponse): boolean {
  return response.destroyed || response.req.socket.destroyed
}

/** Resolves when what was written so far has left, or the client has gone. */
export function passedOn(response: ServerResponse): Promise<void> {
  return untilGone(response, (done) => response.write('', done))
}

function drained(response: ServerResponse): Promise<void> {
  return untilGone(response, (done) => response.once('drain', done))
}

async function untilGone(response: ServerResponse, wait: (done: () => void) => void): Promise<void> {
  const { socket } = response.req
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      socket.off('close', done)
      resolve()
    }
    response.on('close', done)
    socket.on('close', done)
    wait(done)
    if (hasGone(response)) done()
  })
}
