import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { putInPlace } from './cache-layout.js'
import { isAbsent } from './cache-disk.js'
import type { CacheDisk, CacheFs } from './cache-disk.js'

interface Owner {
  /** The machine, and the process numbers that are told apart on it. */
  readonly host: string
  readonly pid: number
  /** When the process began, in the kernel's ticks since boot, and which boot: a number is given to another one later. */
  readonly started: string
}

/** A writer of another machine that has not renewed its file for so long is dead. */
const silentMs = 10 * 60_000
export const renewMs = 60_000
const registrations = 5

/**
 * The name under which one process writes to a cache directory, and whether those of others are still at work: what a
 * dead one left is taken over or swept away. Without locks, which network file systems keep badly.
 */
export class CacheWriterId {
  readonly id = randomBytes(6).toString('hex')
  readonly #server: string
  readonly #disk: CacheDisk
  #renewedMs = Number.NEGATIVE_INFINITY

  constructor(server: string, disk: CacheDisk) {
    this.#server = server
    this.#disk = disk
  }

  /** To be called before something is written. */
  async renew(): Promise<void> {
    if (this.#disk.now() - this.#renewedMs < renewMs) return
    const { fs } = this.#disk
    this.#renewedMs = this.#disk.now()
    try {
      await this.#register(fs)
    } catch (error) {
      this.#renewedMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }

  /** What this process has begun may be taken over. */
  async retire(): Promise<void> {
    await this.#disk.remove(this.#path(this.id))
  }

  async isAlive(id: string): Promise<boolean> {
    if (id === this.id) return true
    const { fs } = this.#disk
    try {
      const owner = JSON.parse(await fs.readFile(this.#path(id), 'utf8')) as Owner
      if (owner.host === here()) return owner.started === startOf(owner.pid)
      await this.renew()
      // By the clock of the file system, which all machines share.
      const now = (await fs.stat(this.#path(this.id))).mtimeMs
      return now - (await fs.stat(this.#path(id))).mtimeMs < silentMs + renewMs
    } catch (error) {
      return !isAbsent(error) && !(error instanceof SyntaxError) // in doubt it is left in peace
    }
  }

  /** Until it is done nobody knows that this writer lives, and who sweeps just then takes what is on its way for left. */
  async #register(fs: CacheFs): Promise<void> {
    const text = Buffer.from(JSON.stringify(self()))
    for (let attempt = 1; ; attempt++) {
      try {
        await putInPlace(fs, this.#server, this.id, this.#path(this.id), [text])
        return
      } catch (error) {
        if (!isAbsent(error) || attempt === registrations) throw error
      }
    }
  }

  #path(id: string): string {
    return join(this.#server, 'writers', id)
  }
}

function self(): Owner {
  return { host: here(), pid: process.pid, started: startOf(process.pid) ?? '' }
}

function here(): string {
  return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
}

/** Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return undefined
  }
}
