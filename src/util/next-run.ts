interface Turn<T> {
  readonly promise: Promise<T>
  hasBegun: boolean
}

/**
 * Runs of a task that began after they were asked for: callers that come while one is under way share the next. So an
 * answer is never older than the question, and many questions cost few runs.
 */
export class NextRun<T> {
  readonly #last = new Map<string, Turn<T>>()

  /** @param ready what the run waits for; those who come meanwhile share it */
  run(key: string, task: () => Promise<T>, ready: () => Promise<void> = () => Promise.resolve()): Promise<T> {
    const last = this.#last.get(key)
    if (last && !last.hasBegun) return last.promise
    const before = last?.promise.catch(() => {}) ?? Promise.resolve()
    const begin = (): Promise<T> => {
      turn.hasBegun = true
      return task()
    }
    const turn: Turn<T> = { hasBegun: false, promise: before.then(ready).then(begin) }
    this.#last.set(key, turn)
    const done = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key)
    }
    turn.promise.then(done, done)
    return turn.promise
  }
}
