/** One request as the server saw it. Filled while it is handled: a record exists from its first byte on. */
export interface RequestRecord {
  readonly method: string
  /** As sent, with the query. */
  readonly path: string
  /** 0 until the answer begins. */
  status: number
  /** Body bytes received and sent (after the transfer coding). */
  requestBytes: number
  responseBytes: number
  /** Login of whoever it was; `guest` if nobody. */
  user: string
  readonly range: string | undefined
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds until the answer was complete; undefined while it is not. */
  durationMs: number | undefined
}

/** A benchmark must not fill the memory with its own log. */
const MAX_RECORDS = 200_000

export class RequestLog {
  #records: RequestRecord[] = []

  add(record: RequestRecord): void {
    if (this.#records.length >= MAX_RECORDS) this.#records = this.#records.slice(MAX_RECORDS / 2)
    this.#records.push(record)
  }

  all(): readonly RequestRecord[] {
    return this.#records.map((record) => ({ ...record }))
  }

  reset(): void {
    this.#records = []
  }
}
