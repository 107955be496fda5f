import type { ByteSpan } from './byte-ranges.js'

interface ReadSession {
  /** Where the reader stands. */
  end: number
  /** How far ahead of it is asked for: grows as long as the reader goes on. */
  windowBytes: number
  /** How far was asked for already. */
  askedTo: number
}

export interface ReadAheadOptions {
  readonly firstWindowBytes: number
  readonly maxWindowBytes: number
  /** The kernel reads ahead itself and out of order; a read this near to the last one continues it. */
  readonly slackBytes: number
}

export const defaultReadAhead: ReadAheadOptions = {
  firstWindowBytes: 256 * 1024,
  maxWindowBytes: 16 * 1024 * 1024,
  slackBytes: 512 * 1024,
}

/** Readers of one handle that are told apart: a header and its data, or two threads. */
const sessionsPerHandle = 2

/**
 * Guesses what an open file will be read for next. Two reads in a row make a sequential reader, whose window doubles
 * with every read; a jump starts anew with no window, so that a random reader moves what it asks for and no more.
 */
export class ReadAhead {
  readonly #sizeBytes: number
  readonly #options: ReadAheadOptions
  #sessions: ReadSession[] = []

  constructor(sizeBytes: number, options: ReadAheadOptions = defaultReadAhead) {
    this.#sizeBytes = sizeBytes
    this.#options = options
  }

  /** To be called with every read. @returns the stretch to fetch now, if any */
  observe(offset: number, lengthBytes: number): ByteSpan | undefined {
    const end = Math.min(offset + lengthBytes, this.#sizeBytes)
    const session = this.#sessionAt(offset)
    if (!session) {
      const started = { end, windowBytes: 0, askedTo: end }
      this.#sessions = [started, ...this.#sessions].slice(0, sessionsPerHandle)
      return undefined
    }
    this.#sessions = [session, ...this.#sessions.filter((other) => other !== session)]
    session.end = Math.max(session.end, end)
    const doubled = Math.max(session.windowBytes * 2, this.#options.firstWindowBytes)
    session.windowBytes = Math.min(doubled, this.#options.maxWindowBytes)
    return this.#next(session)
  }

  #sessionAt(offset: number): ReadSession | undefined {
    return this.#sessions.find((session) => Math.abs(offset - session.end) <= this.#options.slackBytes)
  }

  /** Asks in large pieces: the next one when half of the window has been read. */
  #next(session: ReadSession): ByteSpan | undefined {
    const wanted = Math.min(session.end + session.windowBytes, this.#sizeBytes)
    const start = Math.max(session.askedTo, session.end)
    const isWorthIt = wanted - start >= session.windowBytes / 2 || wanted === this.#sizeBytes
    if (wanted <= start || !isWorthIt) return undefined
    session.askedTo = wanted
    return { start, end: wanted }
  }
}
