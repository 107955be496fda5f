import { LRUCache } from 'lru-cache'
import { inBackground } from '../util/background.js'
import type { CacheDisk, CacheFs } from './cache-disk.js'

type Handle = Awaited<ReturnType<CacheFs['open']>>

interface Opened {
  /** What the one who opened it knows it as: a file that has taken its name since then is another. */
  readonly owner: object
  readonly handle: Promise<Handle>
  users: number
  isDropped: boolean
}

const most = 64

/** Files that are open for reading, few at a time, but for those that are read just now. */
export class OpenHandles {
  readonly #disk: CacheDisk
  readonly #open: LRUCache<string, Opened>

  constructor(disk: CacheDisk) {
    this.#disk = disk
    this.#open = new LRUCache({
      max: most,
      dispose: (opened) => {
        opened.isDropped = true
        this.#closeIfUnused(opened)
      },
    })
  }

  /** The file stays open until `read` is done, whoever else opens files meanwhile. */
  async use<T>(path: string, owner: object, read: (handle: Handle) => Promise<T>): Promise<T> {
    let opened = this.#open.get(path)
    if (opened?.owner !== owner) {
      opened = { owner, handle: this.#disk.fs.open(path, 'r'), users: 0, isDropped: false }
      this.#open.set(path, opened)
    }
    opened.users++
    try {
      return await read(await this.#opened(path, opened))
    } finally {
      opened.users--
      this.#closeIfUnused(opened)
    }
  }

  drop(path: string): void {
    this.#open.delete(path)
  }

  clear(): void {
    this.#open.clear()
  }

  async #opened(path: string, opened: Opened): Promise<Handle> {
    try {
      return await opened.handle
    } catch (error) {
      if (this.#open.get(path) === opened) this.#open.delete(path)
      throw error
    }
  }

  #closeIfUnused({ handle, users, isDropped }: Opened): void {
    if (!isDropped || users > 0) return
    const closed = handle.then(
      (opened) => opened.close(),
      () => {}, // who waits for it gets the failure
    )
    inBackground(this.#disk.log, 'close a cached file', closed)
  }
}
