import type { Dispatcher } from 'undici'
import { exchange } from './exchange.js'
import type { Answer, ExchangeOptions } from './exchange.js'

export interface PairMember {
  readonly url: string
  readonly options: ExchangeOptions
}

/**
 * Requests that go in pairs: the second is on the way before the first is answered, on the same connection, where a
 * server begins with it when it has answered the first (RFC 9112 §9.3.2). So both take one round trip.
 */
export class RequestPairs {
  readonly #connect: () => Dispatcher
  readonly #seen: (dispatcher: Dispatcher) => Dispatcher
  readonly #lines = new Set<Dispatcher>()
  readonly #idle: Dispatcher[] = []
  #isDestroyed = false

  /**
   * @param connect makes a dispatcher of one connection that takes two requests at a time
   * @param seen adds whoever watches
   */
  constructor(connect: () => Dispatcher, seen: (dispatcher: Dispatcher) => Dispatcher) {
    this.#connect = connect
    this.#seen = seen
  }

  /**
   * @param second a GET: where the connection ends before its answer it is sent once more, on another
   * @returns the answers; the body of the first is in the way of the second. Read or destroy both.
   */
  send(first: PairMember, second: PairMember): { answer: Promise<Answer>; behind: Promise<Answer> } {
    const line = this.#idle.pop() ?? this.#newLine()
    const dispatcher = this.#seen(line)
    const answer = exchange(dispatcher, first.url, { ...first.options, blocking: false })
    const behind = exchange(dispatcher, second.url, second.options)
    // The answer to a request of which nobody knows whether it arrived means nothing.
    answer.catch(() => behind.then(({ body }) => body.destroy()).catch(() => {}))
    void Promise.allSettled([answer.then(endOf), behind.then(endOf)]).then(() => this.#idle.push(line))
    return { answer, behind }
  }

  /** Whatever is under way or comes later fails. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true
    await Promise.all([...this.#lines].map((line) => line.destroy()))
  }

  #newLine(): Dispatcher {
    const line = this.#connect()
    this.#lines.add(line)
    if (this.#isDestroyed) void line.destroy()
    return line
  }
}

/** Resolves when the body of an answer has been read or destroyed. */
export function endOf({ body }: Answer): Promise<void> {
  body.on('error', () => {})
  return body.closed ? Promise.resolve() : new Promise<void>((done) => body.once('close', done))
}
