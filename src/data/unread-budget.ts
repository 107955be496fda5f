/** What was fetched ahead of all readers of a mount and has not been read yet, in bytes. */
export class UnreadBudget {
  readonly limitBytes: number
  #usedBytes = 0
  readonly #freed = new Set<() => void>()

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get isSpent(): boolean {
    return this.#usedBytes >= this.limitBytes
  }

  take(bytes: number): void {
    this.#usedBytes += bytes
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
    if (bytes > 0) for (const freed of this.#freed) freed()
  }

  /** Calls back whenever there is room again, until the returned function is called. */
  whenFreed(freed: () => void): () => void {
    this.#freed.add(freed)
    return () => this.#freed.delete(freed)
  }
}

/** How far ahead of a reader is fetched at first. */
const firstWindowBytes = 2 * 1024 * 1024
/** The window grows with what was read: who reads on wants more. */
const windowPerReadByte = 4

/** Files that are here and were not read, of one directory: no more than its reader may want next. */
export class UnreadFiles {
  readonly #budget: UnreadBudget
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #readBytes = 0

  constructor(budget: UnreadBudget) {
    this.#budget = budget
  }

  get isFull(): boolean {
    const windowBytes = Math.max(firstWindowBytes, windowPerReadByte * this.#readBytes)
    return this.#budget.isSpent || this.#bytes >= windowBytes
  }

  add(key: string, sizeBytes: number): void {
    this.drop(key)
    this.#sizes.set(key, sizeBytes)
    this.#bytes += sizeBytes
    this.#budget.take(sizeBytes)
  }

  read(key: string, sizeBytes: number): void {
    this.#readBytes += sizeBytes
    this.drop(key)
  }

  drop(key: string): void {
    const sizeBytes = this.#sizes.get(key)
    if (sizeBytes === undefined) return
    this.#sizes.delete(key)
    this.#bytes -= sizeBytes
    this.#budget.give(sizeBytes)
  }

  clear(): void {
    this.#sizes.clear()
    this.#budget.give(this.#bytes)
    this.#bytes = 0
  }
}
