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

  async run<T>(task: () => T | Promise<T>): Promise<T> {
    this.#waiting++
    const result = this.#tail.then(task)
    this.#tail = result.catch(() => {}) // the caller gets the failure; the next task runs all the same
    try {
      return await result
    } finally {
      this.#waiting--
    }
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

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(key) ?? new Lock()
    this.#locks.set(key, lock)
    try {
      return await lock.run(task)
    } finally {
      if (lock.isIdle) this.#locks.delete(key)
    }
  }
}
