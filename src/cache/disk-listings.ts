import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Lock } from '../util/lock.js'
import type { CacheDisk } from './cache-disk.js'
import { hashed, putInPlace } from './cache-layout.js'
import type { CacheRoom } from './cache-room.js'
import type { CacheWriterId } from './cache-writer-id.js'

export interface DiskListingsOptions {
  readonly disk: CacheDisk
  readonly server: string
  /** The directory of this user, who alone may see what is in it. */
  readonly user: string
  readonly room: CacheRoom
  readonly writer: CacheWriterId
}

/** A listing that changes with every file that is stored is written so seldom. */
const writeAfterMs = 500
/** Longest name of a file that is its key. */
const longestName = 200

interface Stored {
  readonly key: string
  readonly savedMs: number
  readonly value: unknown
}

/** The listings of one user on the disk: a file each, its name its key where that is short enough. */
export class DiskListings {
  readonly #options: DiskListingsOptions
  readonly #directory: string
  readonly #changes = new Lock()
  /** What is still to be written, newest only. */
  readonly #pending = new Map<string, unknown>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: DiskListingsOptions) {
    this.#options = options
    this.#directory = join(options.user, 'listings')
  }

  /** Undefined where there is none, or it is damaged. */
  async load(key: string): Promise<{ value: unknown; savedMs: number } | undefined> {
    return this.#changes.run(async () => {
      const { disk } = this.#options
      if (this.#pending.has(key)) return { value: this.#pending.get(key), savedMs: disk.now() }
      const path = join(this.#directory, nameOf(key))
      const bytes = await disk.read(() => disk.fs.readFile(path))
      if (!bytes) return undefined
      const stored = parse(bytes)
      if (stored?.key === key) return { value: stored.value, savedMs: stored.savedMs }
      disk.log.warn(`the disk cache's listing '${key}' is damaged; it is removed`)
      await disk.remove(path)
      return undefined
    })
  }

  save(key: string, value: unknown): void {
    const { disk, room } = this.#options
    if (!disk.canWrite() || !room.admits(0)) return
    this.#pending.set(key, value)
    this.#timer ??= setTimeout(() => void this.settled(), writeAfterMs).unref()
  }

  remove(matches: (key: string) => boolean): void {
    for (const key of this.#pending.keys()) if (matches(key)) this.#pending.delete(key)
    const { disk } = this.#options
    void this.#changes.run(async () => {
      const names = await disk.read(() => disk.fs.readdir(this.#directory))
      for (const name of names ?? []) {
        const key = keyOf(name)
        // What a long name stands for is not known: then it goes, too.
        if (key === undefined || matches(key)) await disk.remove(join(this.#directory, name))
      }
    })
  }

  /** Resolves when everything is on the disk that can be. */
  settled(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiting = [...this.#pending]
    return this.#changes.run(async () => {
      for (const [key, value] of waiting) await this.#write(key, value)
    })
  }

  async #write(key: string, value: unknown): Promise<void> {
    const { disk, server, room, writer } = this.#options
    // No longer true; or saved anew, maybe behind a removal that comes first.
    if (!this.#pending.has(key) || this.#pending.get(key) !== value) return
    this.#pending.delete(key)
    const bytes = encode({ key, savedMs: disk.now(), value })
    const path = join(this.#directory, nameOf(key))
    const isWritten = await disk.write(async () => {
      await writer.renew()
      await putInPlace(disk.fs, server, writer.id, path, [bytes])
    })
    if (isWritten) room.took(bytes.length)
  }
}

function nameOf(key: string): string {
  const name = encodeURIComponent(key)
  return name.length <= longestName ? name : `~${hashed(key, 40)}`
}

function keyOf(name: string): string | undefined {
  if (name.startsWith('~')) return undefined
  try {
    return decodeURIComponent(name)
  } catch {
    return undefined
  }
}

function encode(stored: Stored): Buffer {
  const text = JSON.stringify(stored)
  return Buffer.from(`${crc32(text).toString(16)} ${text}`)
}

function parse(bytes: Buffer): Stored | undefined {
  const blank = bytes.indexOf(0x20)
  const text = bytes.subarray(blank + 1)
  if (blank < 0 || crc32(text).toString(16) !== bytes.toString('latin1', 0, blank)) return undefined
  return JSON.parse(text.toString('utf8')) as Stored
}
