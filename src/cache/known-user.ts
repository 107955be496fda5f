import { join } from 'node:path'
import type { CacheDisk } from './cache-disk.js'
import { identityName, putInPlace } from './cache-layout.js'
import type { CacheWriterId } from './cache-writer-id.js'

/**
 * That a log-in to the server has succeeded, so that what is cached for this user can be shown while the server does
 * not answer. No password is kept, not even its digest: what is cached is readable by its owner on this machine anyway.
 */
export class KnownUser {
  readonly #disk: CacheDisk
  readonly #server: string
  readonly #path: string
  readonly #writer: CacheWriterId

  constructor(disk: CacheDisk, server: string, user: string, writer: CacheWriterId) {
    this.#disk = disk
    this.#server = server
    this.#path = join(user, identityName)
    this.#writer = writer
  }

  /** @param name as the server knows the user */
  async remember(name: string, url: string): Promise<void> {
    const bytes = Buffer.from(JSON.stringify({ name, url }))
    const { fs } = this.#disk
    const about = join(this.#server, 'about.json')
    await this.#disk.write(async () => {
      await this.#writer.renew()
      await putInPlace(fs, this.#server, this.#writer.id, about, [Buffer.from(JSON.stringify({ url }))])
      await putInPlace(fs, this.#server, this.#writer.id, this.#path, [bytes])
    })
  }

  /** Undefined when no log-in of this user is known to have succeeded. */
  async recall(): Promise<string | undefined> {
    const bytes = await this.#disk.read(() => this.#disk.fs.readFile(this.#path))
    try {
      const name: unknown = bytes && (JSON.parse(bytes.toString('utf8')) as { name?: unknown }).name
      return typeof name === 'string' ? name : undefined
    } catch {
      return undefined
    }
  }
}
