import type { DirectoryEntry, FileEntry } from '../archive/archive.js'

/** Where a file was opened: the directory whose other files may be wanted next. */
export interface Surroundings {
  /** Its inode number. */
  readonly id: number
  readonly directory: DirectoryEntry
  /** The files of the directory in the order in which it lists them; undefined where that is not at hand. */
  files(): readonly FileEntry[] | undefined
}

interface Touch {
  readonly name: string
  readonly ms: number
}

/** A directory that was listed so lately was listed to be read. */
const listedMs = 30_000
/** Files of a series that are read one after the other need not follow each other faster than this. */
const seriesGapMs = 30_000
/** Other files do: many tools look at two or three files of a directory. */
const gapMs = 2000
const stepsOfWalk = 3
/** Nobody has anything open: the reader has gone, at once if it had looked at one file only. */
const closedMs = 2000
const singleMs = 250
/** Somebody has something open and does nothing: a viewer that shows a picture. */
const idleMs = 5000

/** How the files of one directory are being read: one after the other by somebody who wants them all, or one only. */
export class Walk {
  readonly surroundings: Surroundings
  handles = 0
  /** Not all that is done with its files is told: who has nothing open may have. */
  isUnheard = false
  #lastMs: number
  #touched = 0
  /** The newest last, each another file than the one before it. */
  #touches: Touch[] = []
  #isInterrupted = false

  constructor(surroundings: Surroundings, now: number) {
    this.surroundings = surroundings
    this.#lastMs = now
  }

  /** A file is opened, or read. */
  stir(now: number): void {
    this.#lastMs = now
    this.#isInterrupted = false
  }

  /** A file is read for the first time since it was opened. */
  touch(file: FileEntry, now: number): void {
    const last = this.#touches.at(-1)
    if (!last || now - last.ms > seriesGapMs) this.#touched = 0
    if (!last || last.name !== file.name) {
      this.#touches = [...this.#touches, { name: file.name, ms: now }].slice(-stepsOfWalk)
      this.#touched++
    }
    this.stir(now)
  }

  /** Somebody who waited was told to stop. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /** Whether the files that were not read yet will be wanted too. @param listed when the directory was last listed */
  isGoingOn(file: FileEntry, listed: number | undefined, now: number): boolean {
    if (file.isSeriesMember) {
      return this.#touched > 1 || (listed !== undefined && now - listed <= listedMs)
    }
    const steps = this.#touches
    if (steps.length < stepsOfWalk && !this.#isFromTheTop(listed)) return false
    if (steps.some((step, i) => i > 0 && step.ms - steps[i - 1]!.ms > gapMs)) return false
    return isAscending(steps.map(({ name }) => name)) || this.#isInOrder()
  }

  /** Whether the reader has gone. */
  isOver(now: number): boolean {
    const limitMs = this.#touched > 1 ? closedMs : singleMs
    const quietMs = now - this.#lastMs
    if (this.#isInterrupted) return quietMs > singleMs
    return quietMs > (this.handles > 0 || this.isUnheard ? idleMs : limitMs)
  }

  /** The files in the order in which they seem to be read: that of the listing, or that of their names. */
  inOrder<T extends FileEntry>(files: readonly T[]): readonly T[] {
    const names = this.#touches.map(({ name }) => name)
    if (names.length < 2 || !isAscending(names) || this.#isInOrder()) return files
    return files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The directory was listed, and then its first and its second file were read: as by `cat *`. */
  #isFromTheTop(listed: number | undefined): boolean {
    const [first, second] = this.#touches
    if (!first || !second || listed === undefined || first.ms - listed > gapMs) return false
    const names = this.surroundings.files()?.map(({ name }) => name) ?? []
    if (names[0] === first.name && names[1] === second.name) return true
    return first.name < second.name && names.every((name) => name >= second.name || name === first.name)
  }

  #isInOrder(): boolean {
    const files = this.surroundings.files()
    if (!files) return false
    const places = this.#touches.map(({ name }) => files.findIndex((file) => file.name === name))
    return !places.includes(-1) && isAscending(places)
  }
}

function isAscending(values: readonly string[] | readonly number[]): boolean {
  return values.every((value, i) => i === 0 || values[i - 1]! < value)
}
