import type { MaybePromise } from '../archive/archive.js'
import type { Node } from './node.js'
import { TreeWalk } from './tree-walk.js'
import type { TreeWalkOptions } from './tree-walk.js'

export interface ListAheadOptions extends TreeWalkOptions {
  readonly archive: TreeWalkOptions['archive'] & { readonly isReachable: boolean }
  readonly now: () => number
}

/** Who walks through a tree lists the next directory at once. */
const pauseMs = 1000

interface Walker {
  readonly walk: TreeWalk
  /** Directories that it waits for. */
  waiting: number
  lastMs: number
}

/** Sees who walks through a tree of directories, and has what comes next listed before it is asked for. */
export class ListAhead {
  readonly #options: ListAheadOptions
  readonly #walkers = new Set<Walker>()
  readonly #listedMs = new WeakMap<Node, number>()

  constructor(options: ListAheadOptions) {
    this.#options = options
  }

  /** @param list asks for what is in the directory, which the walker waits for */
  around<T>(directory: Node, list: () => MaybePromise<T>): MaybePromise<T> {
    const listing = list() // before what may be wanted later
    if (this.#options.atOnce === 0 || directory.isLocalFolder || directory.isRemoved) return listing
    const walker = this.#walkerAt(directory)
    if (walker) {
      walker.waiting++
      walker.walk.reach(directory)
    }
    const done = (): void => this.#done(directory, walker)
    if (listing instanceof Promise) listing.then(done, done)
    else done()
    return listing
  }

  #walkerAt(directory: Node): Walker | undefined {
    const now = this.#options.now()
    for (const walker of this.#walkers) {
      if (walker.waiting === 0 && now - walker.lastMs > pauseMs) {
        walker.walk.end()
        this.#walkers.delete(walker)
      } else if (walker.walk.covers(directory)) return walker
    }
    const { parent } = directory
    const listedMs = parent && this.#listedMs.get(parent)
    if (listedMs === undefined || now - listedMs > pauseMs || !this.#options.archive.isReachable)
      return undefined
    const walker = { walk: new TreeWalk(parent!, this.#options), waiting: 0, lastMs: now }
    this.#walkers.add(walker)
    return walker
  }

  #done(directory: Node, walker: Walker | undefined): void {
    const now = this.#options.now()
    this.#listedMs.set(directory, now)
    if (!walker) return
    walker.waiting--
    walker.lastMs = now
  }
}
