import { dirname } from 'node:path'
import { causeChain } from '../util/log.js'
import { isAbsent } from './cache-disk.js'
import type { CacheDisk } from './cache-disk.js'
import { partSuffix } from './cache-layout.js'
import { sumsPath, survey } from './cache-survey.js'
import type { CacheEntry, Leftover } from './cache-survey.js'
import { CacheWriterId } from './cache-writer-id.js'

export interface CacheRoomOptions {
  readonly root: string
  readonly disk: CacheDisk
  /** All that the cache may take, over all servers and users of it. */
  readonly maxBytes: number
  /** What is left free on the disk, for whatever else needs it. Default: a twentieth of it, at least 1 GiB. */
  readonly keepFreeBytes?: number
  /** When a survey is made that nobody waits for. */
  readonly firstSurveyMs?: number
}

const leastFreeBytes = 1024 ** 3
const leastFreeShare = 0.05
/** A round of eviction goes this far below the limit, so that the next one is not at once. */
const roundShare = 0.9
/** Other processes write too: after so much of our own it is looked again what there is. */
const surveyShare = 1 / 8
/** The free room of the disk is asked for after so many bytes, or sooner where the limit is small. */
const longestCheckBytes = 32 * 1024 * 1024
/** What looks left behind may be on its way for this long. */
const leftoverMs = 60 * 60_000
const firstSurveyMs = 10_000
/** A mount ends without its room being made when that takes longer. */
const longestCloseMs = 5000
/** A disk without room is looked at again after this time. */
const fullMs = 30_000

/**
 * Keeps a cache within its limit and off the last free room of its disk: what was used longest ago goes first. What is
 * there is found out when it is first needed, or in the background; each process does so for itself, and finds nothing
 * wrong in what another has removed.
 */
export class CacheRoom {
  readonly maxBytes: number
  readonly #options: CacheRoomOptions
  readonly #checkBytes: number
  readonly #timer: NodeJS.Timeout
  /** By the last survey, and what was stored here since. */
  #usedBytes: number | undefined
  #sinceSurvey = 0
  #sinceCheck = Number.POSITIVE_INFINITY
  #fullUntil = 0
  #wasFull = false
  /** Somebody wants a survey, or it is time for the first. */
  #isAsked = false
  #making: Promise<void> | undefined

  constructor(options: CacheRoomOptions) {
    this.#options = options
    this.maxBytes = options.maxBytes
    this.#checkBytes = Math.min(longestCheckBytes, options.maxBytes * surveyShare)
    this.#timer = setTimeout(() => void this.makeRoom(), options.firstSurveyMs ?? firstSurveyMs)
    this.#timer.unref()
  }

  /** As far as is known. */
  get usedBytes(): number | undefined {
    return this.#usedBytes
  }

  /** Whether blocks of a file of this size may be stored now. */
  admits(sizeBytes: number): boolean {
    if (this.#options.disk.now() < this.#fullUntil) return false
    if (this.#sinceCheck > this.#checkBytes) void this.#make()
    return sizeBytes < this.maxBytes // of a larger one the beginning would be gone before its end is read
  }

  took(sizeBytes: number): void {
    this.#sinceSurvey += sizeBytes
    this.#sinceCheck += sizeBytes
    if (this.#usedBytes !== undefined) this.#usedBytes += sizeBytes
    const isOver = this.#usedBytes !== undefined && this.#usedBytes > this.maxBytes
    if (isOver || this.#sinceCheck > this.#checkBytes) void this.#make()
  }

  /** Evicts what has to go. Never fails. */
  async makeRoom(): Promise<void> {
    this.#isAsked = true
    await this.#making
    if (this.#isAsked) await this.#make()
  }

  #make(): Promise<void> {
    this.#making ??= this.#makeRoom()
      .catch((error: unknown) => {
        const { disk } = this.#options
        if (!isAbsent(error))
          disk.log.warn(
            `the disk cache cannot be looked through: ${causeChain(error)}; see whether it is yours, or give another --cache-dir`,
          )
      })
      .finally(() => (this.#making = undefined))
    return this.#making
  }

  /** Mounts that are short and many must not fill it either. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const isNew = this.#usedBytes === undefined && this.#sinceSurvey > 0
    const made = isNew ? this.makeRoom() : this.#making
    if (!made) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, longestCloseMs)))
    await Promise.race([made, late])
    clearTimeout(timer)
  }

  /** Nobody waits for a first survey while little was stored: a mount that only reads begins without one. */
  async #makeRoom(): Promise<void> {
    this.#sinceCheck = 0
    const lackBytes = await this.#lackingOnDisk()
    const { maxBytes } = this
    const isDue =
      this.#usedBytes === undefined
        ? this.#isAsked || this.#sinceSurvey > this.#checkBytes
        : this.#usedBytes > maxBytes || this.#sinceSurvey > maxBytes * surveyShare
    let missing = lackBytes
    if (isDue || lackBytes > 0) missing -= await this.#evict(lackBytes)
    this.#noteFull(missing > 0)
  }

  /** @returns the bytes that were freed */
  async #evict(lackBytes: number): Promise<number> {
    const { disk, root } = this.#options
    this.#sinceSurvey = 0
    this.#isAsked = false
    const { entries, leftovers } = await survey(disk.fs, root)
    for (const leftover of leftovers) await this.#sweep(leftover)
    const totalBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const overBytes = totalBytes > this.maxBytes ? totalBytes - this.maxBytes * roundShare : 0
    const wantedBytes = Math.max(overBytes, lackBytes)
    let freedBytes = 0
    for (const entry of entries.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (freedBytes >= wantedBytes) break
      await removeEntry(disk, entry)
      freedBytes += entry.sizeBytes
    }
    this.#usedBytes = totalBytes - freedBytes + this.#sinceSurvey
    return freedBytes
  }

  async #sweep({ server, path, writer, changedMs }: Leftover): Promise<void> {
    const { disk } = this.#options
    const isLeft =
      writer === undefined
        ? disk.now() - changedMs > leftoverMs
        : !(await new CacheWriterId(server, disk).isAlive(writer))
    if (isLeft) await disk.remove(path)
  }

  async #lackingOnDisk(): Promise<number> {
    const { disk, root, keepFreeBytes } = this.#options
    const { bavail, blocks, bsize } = await disk.fs.statfs(root)
    const keepBytes = keepFreeBytes ?? Math.max(leastFreeBytes, blocks * bsize * leastFreeShare)
    return Math.max(0, keepBytes - bavail * bsize)
  }

  #noteFull(isFull: boolean): void {
    const { disk } = this.#options
    if (isFull) {
      this.#fullUntil = disk.now() + fullMs
      this.#sinceCheck = Number.POSITIVE_INFINITY
      if (!this.#wasFull)
        disk.log.warn(
          'the disk has no room left for the cache, which takes nothing more until it has; free some, or give --cache-dir on another one',
        )
    }
    this.#wasFull = isFull
  }
}

/** First what says that it is there, then its bytes. Who has them open reads on. */
export async function removeEntry(disk: CacheDisk, { kind, path }: CacheEntry): Promise<void> {
  if (kind === 'listing') return void (await disk.remove(path))
  await disk.remove(sumsPath(path))
  await disk.remove(path)
  if (path.endsWith(partSuffix)) await disk.remove(dirname(path), 'directory')
}
