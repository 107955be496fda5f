import { LRUCache } from 'lru-cache'
import { inBackground } from '../util/background.js'
import type { CacheDisk, CacheFs } from './cache-disk.js'

type Handle = Awaited<ReturnType<CacheFs['open']>>

interface Opened {
  /** What the one who opened it knows it as: a file that has taken its name since then is another. */
  readonly owner: object
  readonly handle: Promise<Handle>
}

const most = 64

/** Files that are open for reading, few at a time. */
export class OpenHandles {
  readonly #disk: CacheDisk
  readonly #open: LRUCache<string, Opened>

  constructor(disk: CacheDisk) {
    this.#disk = disk
    this.#open = new LRUCache({
      max: most,
      // close() waits for the reads that are under way.
      dispose: ({ handle }) => {
        const closed = handle.then(
          (opened) => opened.close(),
          () => {}, // who waits for it gets the failure
        )
        inBackground(disk.log, 'close a cached file', closed)
      },
    })
  }

  async get(path: string, owner: object): Promise<Handle> {
    let opened = this.#open.get(path)
    if (opened?.owner !== owner) {
      opened = { owner, handle: this.#disk.fs.open(path, 'r') }
      this.#open.set(path, opened)
    }
    try {
      return await opened.handle
    } catch (error) {
      if (this.#open.get(path) === opened) this.#open.delete(path)
      throw error
    }
  }

  drop(path: string): void {
    this.#open.delete(path)
  }

  clear(): void {
    this.#open.clear()
  }
}
