interface Flight<V> {
  readonly promise: Promise<V>
  readonly controller: AbortController
  waiters: number
}

/**
 * Concurrent callers that ask for the same key share one run. A caller that gives up (its signal aborts) leaves the
 * run to the others; the run itself is aborted when nobody waits for it any more.
 */
export class SingleFlight<V> {
  readonly #flights = new Map<string, Flight<V>>()

  run(key: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<V>): Promise<V> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const flight = this.#flights.get(key) ?? this.#start(key, start)
    flight.waiters++
    return this.#wait(key, flight, signal)
  }

  /** Later callers start anew; those who wait already get the result of the run they joined. */
  forgetAll(matches: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (matches(key)) this.#flights.delete(key)
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<V>): Flight<V> {
    const controller = new AbortController()
    const promise = start(controller.signal)
    const flight: Flight<V> = { promise, controller, waiters: 0 }
    this.#flights.set(key, flight)
    const done = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    promise.finally(done).catch(() => {}) // each waiter gets the failure itself
    return flight
  }

  async #wait(key: string, flight: Flight<V>, signal: AbortSignal | undefined): Promise<V> {
    try {
      return await withSignal(flight.promise, signal)
    } finally {
      flight.waiters--
      if (flight.waiters === 0 && signal?.aborted) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.controller.abort(signal.reason)
      }
    }
  }
}

/** Settles as `promise` does, or rejects with the signal's reason, whichever comes first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) {
      promise.catch(() => {}) // nobody is here who would hear it
      return abort()
    }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
