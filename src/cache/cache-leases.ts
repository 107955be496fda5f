import { join } from 'node:path'
import { hashed, temporaryPath, withDirectory } from './cache-layout.js'
import type { CacheDisk } from './cache-disk.js'
import type { CacheWriterId } from './cache-writer-id.js'

export interface Lease {
  /** Others may fetch it from now on. */
  end(): Promise<void>
}

export interface CacheLeasesOptions {
  readonly server: string
  readonly disk: CacheDisk
  readonly writer: CacheWriterId
}

/** What is seen of a lease: it changes as long as its owner lives. */
interface Seen {
  readonly writer: string
  readonly state: string
}

const beatMs = 3000
/** An owner whose lease has not changed for so long, by the clock of who looks, is dead, has lost the disk, or is stopped. */
const silentMs = 15_000
/** Who else writes here is asked again after this time. */
const companyMs = 1000

/**
 * Who fetches what, among the processes that share a cache directory: files that are made only where there is none, which
 * network file systems do as one step, and touched as long as their owner lives. No locks, and no clock of another machine:
 * a lease that does not change while one looks is nobody's. What goes wrong here costs a second download at most, for
 * leases say nothing of bytes.
 */
export class CacheLeases {
  readonly #options: CacheLeasesOptions
  readonly #held = new Set<string>()
  /** Since when a lease of somebody else has looked as it does. */
  readonly #unchanged = new Map<string, { readonly state: string; readonly sinceMs: number }>()
  #timer: NodeJS.Timeout | undefined
  #company = { isThere: false, askedMs: Number.NEGATIVE_INFINITY }

  constructor(options: CacheLeasesOptions) {
    this.#options = options
  }

  /** Whether there was somebody else when this was last asked. */
  get isShared(): boolean {
    return this.#company.isThere
  }

  /** Makes this process known to the others. */
  async announce(): Promise<void> {
    await this.#options.disk.write(() => this.#options.writer.renew())
  }

  /** Whether other living processes write to this directory. */
  async hasCompany(): Promise<boolean> {
    const { disk, server, writer } = this.#options
    const nowMs = disk.now()
    if (nowMs - this.#company.askedMs < companyMs) return this.#company.isThere
    this.#company = { ...this.#company, askedMs: nowMs }
    const ids = (await disk.read(() => disk.fs.readdir(join(server, 'writers')))) ?? []
    let isThere = false
    for (const id of ids) if (id !== writer.id && !isThere) isThere = await writer.isAlive(id)
    this.#company = { isThere, askedMs: nowMs }
    return isThere
  }

  /** @returns undefined when somebody else has it; 'none' when the disk gives no leases */
  async take(name: string): Promise<Lease | undefined | 'none'> {
    const { disk, writer } = this.#options
    const path = this.#path(name)
    let isTaken = false
    const isDone = await disk.write(async () => {
      await writer.renew()
      try {
        await withDirectory(disk.fs, path, () => this.#create(path))
      } catch (error) {
        if (!isThereAlready(error)) throw error
        isTaken = true
      }
    })
    if (isTaken) return undefined
    if (!isDone) return 'none'
    this.#held.add(path)
    this.#timer ??= setInterval(() => void this.#beat(), beatMs).unref()
    return { end: () => this.#end(path) }
  }

  /** Whether another process that lives has it. What a dead one has left is taken away. */
  async isElsewhere(name: string): Promise<boolean> {
    const path = this.#path(name)
    if (this.#held.has(path)) return false
    const seen = await this.#look(path)
    if (!seen) {
      this.#unchanged.delete(path)
      return false
    }
    if (!(await this.#isDead(path, seen))) return true
    await this.#takeAway(path, seen)
    return false
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held].map((path) => this.#end(path)))
  }

  async #create(path: string): Promise<void> {
    const handle = await this.#options.disk.fs.open(path, 'wx', 0o600)
    try {
      await handle.write(this.#options.writer.id)
    } finally {
      await handle.close()
    }
  }

  async #end(path: string): Promise<void> {
    const { disk, writer } = this.#options
    this.#forget(path)
    const seen = await this.#look(path)
    if (seen?.writer === writer.id) await disk.remove(path)
  }

  async #beat(): Promise<void> {
    const { disk, writer } = this.#options
    for (const path of this.#held) {
      const seconds = disk.now() / 1000
      const seen = await this.#look(path)
      if (seen?.writer === writer.id) await disk.write(() => disk.fs.utimes(path, seconds, seconds))
      else this.#forget(path) // we were taken for dead
    }
  }

  #forget(path: string): void {
    this.#held.delete(path)
    if (this.#held.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** By opening it: a network file system then asks its server, and does not answer from what it remembers. */
  async #look(path: string): Promise<Seen | undefined> {
    const { disk } = this.#options
    return disk.read(async () => {
      const handle = await disk.fs.open(path, 'r')
      try {
        const { mtimeMs, ino } = await handle.stat()
        const writer = await handle.readFile('utf8')
        return { writer, state: `${writer} ${ino} ${mtimeMs}` }
      } finally {
        await handle.close()
      }
    })
  }

  async #isDead(path: string, { writer, state }: Seen): Promise<boolean> {
    const nowMs = this.#options.disk.now()
    const before = this.#unchanged.get(path)
    if (before?.state !== state) this.#unchanged.set(path, { state, sinceMs: nowMs })
    else if (nowMs - before.sinceMs >= silentMs) return true
    // Its owner's name is written a moment after it is made.
    return writer !== '' && !(await this.#options.writer.isAlive(writer))
  }

  /** Two may find it dead at once: the second must not take away what the first has made in its place. */
  async #takeAway(path: string, seen: Seen): Promise<void> {
    const { disk, server, writer } = this.#options
    const aside = temporaryPath(server, writer.id)
    await disk.write(async () => {
      await withDirectory(disk.fs, aside, () => disk.fs.rename(path, aside))
      const taken = await disk.fs.readFile(aside, 'utf8')
      if (taken !== seen.writer) await disk.fs.link(aside, path).catch(() => {}) // then it is fetched twice
    })
    await disk.remove(aside)
    this.#unchanged.delete(path)
  }

  #path(name: string): string {
    return join(this.#options.server, 'leases', hashed(name, 32))
  }
}

function isThereAlready(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
