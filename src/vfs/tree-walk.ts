import type { Archive, DirectoryEntry, Listing } from '../archive/archive.js'
import type { Node } from './node.js'

export interface TreeWalkOptions {
  readonly archive: Pick<Archive, 'list'>
  /** How many directories are listed ahead at a time. */
  readonly atOnce: number
}

/** A directory that the walker is at, or that comes after it. */
interface Place {
  readonly path: string
  readonly entry: DirectoryEntry
  /** Levels below the top of the walk. */
  readonly depth: number
  state: 'waiting' | 'asked' | 'listed'
}

/** One directory after another may be chance. */
const stepsOfWalk = 2
/** Directories of the deepest level that are listed before the walker is there: at first, and when it follows. */
const firstWindow = 2
const widestWindow = 8
/** Those above the deepest level mostly cost nothing, for their listings are there. */
const allPerDeepest = 4
const mostMisses = 2

/**
 * Somebody lists the directories of a tree one by one, each before those in it (`find`, `ls -R`, `du`). What comes next
 * is listed before it is asked for: only as deep as was seen, only a few ahead, and no more when it goes elsewhere.
 */
export class TreeWalk {
  readonly #options: TreeWalkOptions
  readonly #top: Node
  /** In the order of the walk; the first is where it is. */
  #places: Place[] = []
  #deepest = 0
  #isByName = false
  #window = firstWindow
  #steps = 0
  #misses = 0
  /** Directories of the deepest level, where it was and where it was not. */
  #followed = 0
  #passed = 0
  #running = 0
  #isOver = false

  constructor(top: Node, options: TreeWalkOptions) {
    this.#top = top
    this.#options = options
  }

  covers(node: Node): boolean {
    for (let above = node.parent; above; above = above.parent) if (above === this.#top) return true
    return false
  }

  /** The walker lists this directory now. */
  reach(node: Node): void {
    const here = this.#places[0]
    if (this.#isOver || here?.path === node.path) return
    const found = this.#expected(node.path)
    if (found !== undefined) this.#follow(found)
    else if (!here || (node.parent?.path === here.path && here.depth === this.#deepest)) this.#goDeeper(node)
    else this.#miss(node)
    this.#listHere()
    this.#fill()
  }

  /** Nothing further is listed ahead. */
  end(): void {
    this.#isOver = true
    this.#places = []
  }

  /** Where among the places it is, if it is one that may come now: one that was listed ahead, or the next. */
  #expected(path: string): number | undefined {
    const nextWaiting = this.#places.findIndex(({ state }, i) => i > 0 && state === 'waiting')
    const index = this.#places.findIndex((place) => place.path === path)
    if (index === -1) return undefined
    const isNext = nextWaiting === -1 || index <= nextWaiting || this.#places[index]!.state !== 'waiting'
    return isNext ? index : undefined
  }

  #follow(index: number): void {
    const passed = this.#places.slice(1, index).filter(({ depth }) => depth === this.#deepest).length
    this.#places.splice(0, index)
    this.#steps++
    this.#misses = 0
    if (passed > 0) this.#passBy(passed)
    else if (this.#places[0]!.depth === this.#deepest) {
      this.#followed++
      this.#window = Math.min(widestWindow, this.#window * 2)
    }
  }

  /** Not all that comes next is wanted. */
  #passBy(count: number): void {
    this.#window = 1
    this.#passed += count
    if (this.#passed > mostMisses && this.#passed * 4 > this.#followed) this.end()
  }

  #goDeeper(node: Node): void {
    this.#steps++
    this.#window = firstWindow
    this.#startFrom(node)
  }

  /** It goes by another order, or level by level; or there are two. */
  #miss(node: Node): void {
    if (++this.#misses > mostMisses) return this.end()
    if (this.#places.some(({ path }) => path === node.path)) this.#isByName = !this.#isByName
    this.#window = 1
    this.#startFrom(node)
  }

  /** The places from a directory on, as far as the listings above it are known. */
  #startFrom(node: Node): void {
    const after: Place[] = []
    let depth = depthBelow(this.#top, node)
    this.#deepest = Math.max(this.#deepest, depth)
    const here: Place = { path: node.path, entry: node.directory, depth, state: 'waiting' }
    for (let at = node; at !== this.#top && at.parent; at = at.parent, depth--) {
      const listing = this.#options.archive.list(at.parent.directory)
      if (listing instanceof Promise) {
        listing.catch(() => {})
        return this.end()
      }
      const siblings = this.#directoriesOf(listing, at.parent.path, depth)
      const index = siblings.findIndex(({ path }) => path === at.path)
      if (index !== -1) after.push(...siblings.slice(index + 1))
    }
    this.#places = [here, ...after]
  }

  /** Shared with the walker, which lists it at the same time: for what is in it. */
  #listHere(): void {
    const here = this.#places[0]
    if (here?.state === 'waiting') this.#list(here)
  }

  #fill(): void {
    while (this.#steps >= stepsOfWalk && this.#running < this.#options.atOnce) {
      const ahead = this.#places.slice(1)
      const begun = ahead.filter(({ state }) => state !== 'waiting')
      const deepest = begun.filter(({ depth }) => depth === this.#deepest)
      const next = ahead.find(({ state }) => state === 'waiting')
      if (!next || deepest.length >= this.#window || begun.length >= allPerDeepest * this.#window) return
      this.#list(next)
    }
  }

  #list(place: Place): void {
    place.state = 'asked'
    const isAhead = place !== this.#places[0]
    const listing = this.#options.archive.list(place.entry)
    if (!(listing instanceof Promise)) return this.#listed(place, listing)
    if (isAhead) this.#running++
    void listing
      .then(
        (known) => this.#listed(place, known),
        () => this.end(), // the walker will see why
      )
      .finally(() => {
        if (isAhead) this.#running--
        this.#fill()
      })
  }

  #listed(place: Place, listing: Listing): void {
    place.state = 'listed'
    const index = this.#places.indexOf(place)
    if (index === -1 || place.depth >= this.#deepest) return
    this.#places.splice(index + 1, 0, ...this.#directoriesOf(listing, place.path, place.depth + 1))
  }

  #directoriesOf({ entries }: Listing, path: string, depth: number): Place[] {
    const places = entries.flatMap((entry): Place[] =>
      entry.kind === 'directory' ? [{ path: `${path}/${entry.name}`, entry, depth, state: 'waiting' }] : [],
    )
    return this.#isByName ? places.sort((a, b) => (a.path < b.path ? -1 : 1)) : places
  }
}

function depthBelow(top: Node, node: Node): number {
  let depth = 0
  for (let at: Node | undefined = node; at && at !== top; at = at.parent) depth++
  return depth
}
