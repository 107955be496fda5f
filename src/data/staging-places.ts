import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeFile } from '../util/remove-file.js'
import { syncPath } from '../util/sync-path.js'
import { SmallFileMemory } from './small-bytes.js'

/** An empty file of the journal directory, for one staging file. */
export interface StagingPlace {
  /** The name is that of the journal entry, for people too: short, and never used twice. */
  readonly path: string
  readonly handle: FileHandle
  /** The name survives a power failure. */
  isNamed: boolean
}

/** So many are made when there are fewer than half of it. */
const stockCount = 32

/** Where staging files come to be: places are made before they are needed, many with one sync of the directory. */
export class StagingPlaces {
  readonly memory = new SmallFileMemory()
  readonly #directory: string
  readonly #stock: StagingPlace[] = []
  #restocking: Promise<void> | undefined
  #isClosed = false

  constructor(directory: string) {
    this.#directory = directory
  }

  async take(): Promise<StagingPlace> {
    const place = this.#stock.pop()
    if (this.#stock.length < stockCount / 2 && !this.#isClosed) this.#restock()
    return place ?? this.#make()
  }

  /** A place that was never written to: its name stands in no record. */
  async giveBack(place: StagingPlace): Promise<void> {
    if (this.#isClosed) await discard(place)
    else this.#stock.push(place)
  }

  /** Removes what was made and not needed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#restocking
    for (const place of this.#stock.splice(0)) await discard(place)
  }

  async #make(): Promise<StagingPlace> {
    const name = `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`
    const path = join(this.#directory, name)
    return { path, handle: await open(path, 'wx+', 0o600), isNamed: false }
  }

  #restock(): void {
    this.#restocking ??= this.#makeStock()
      .catch(() => {}) // a full disk, say: who takes a place is told
      .finally(() => (this.#restocking = undefined))
  }

  async #makeStock(): Promise<void> {
    const made: StagingPlace[] = []
    try {
      while (this.#stock.length + made.length < stockCount) made.push(await this.#make())
      await syncPath(this.#directory)
      for (const place of made) place.isNamed = true
    } finally {
      this.#stock.push(...made)
    }
  }
}

/** Makes sure that the name survives a power failure. */
export async function nameDurably(place: StagingPlace): Promise<void> {
  if (place.isNamed) return
  await syncPath(dirname(place.path))
  place.isNamed = true
}

async function discard({ path, handle }: StagingPlace): Promise<void> {
  await handle.close()
  await removeFile(path)
}
