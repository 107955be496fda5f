/** Runs tasks one after the other, in the order they came. */
export class Lock {
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0

  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** One task is under way, and none waits. */
  get isLast(): boolean {
    return this.#waiting === 1
  }

  /** Resolves when no task is under way and none waits. */
  async idle(): Promise<void> {
    while (!this.isIdle) await this.#tail
  }

  /** @param unwanted aborts when the task need not be run any more: it fails with that at once, unless its turn has come */
  run<T>(task: () => T | Promise<T>, unwanted?: AbortSignal): Promise<T> {
    this.#waiting++
    let hasBegun = false
    const result = this.#tail.then(() => {
      unwanted?.throwIfAborted()
      hasBegun = true
      return task()
    })
    const ended = (): void => void this.#waiting--
    this.#tail = result.then(ended, ended) // the caller gets the failure; the next task runs all the same
    if (!unwanted) return result
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (!hasBegun) reject(unwanted.reason as Error)
      }
      unwanted.addEventListener('abort', leave)
      void result.then(resolve, reject).finally(() => unwanted.removeEventListener('abort', leave))
    })
  }
}

/** A lock for each key: the tasks of one key take turns, those of different keys do not wait for each other. */
export class KeyedLock {
  readonly #locks = new Map<string, Lock>()

  isBusy(key: string): boolean {
    return this.#locks.has(key)
  }

  /** One task of the key is under way, and none waits. */
  isLast(key: string): boolean {
    return this.#locks.get(key)?.isLast ?? false
  }

  /** Resolves when no task of the key is under way and none waits. */
  async idle(key: string): Promise<void> {
    await this.#locks.get(key)?.idle()
  }

  /** @param unwanted as of `Lock.run` */
  async run<T>(key: string, task: () => Promise<T>, unwanted?: AbortSignal): Promise<T> {
    const lock = this.#locks.get(key) ?? new Lock()
    this.#locks.set(key, lock)
    const drop = (): void => {
      if (lock.isIdle && this.#locks.get(key) === lock) this.#locks.delete(key)
    }
    try {
      return await lock.run(task, unwanted)
    } finally {
      drop()
      // Who has left before its turn has come has left that behind.
      if (unwanted?.aborted) void lock.idle().then(drop)
    }
  }
}
