import type { Archive, Entry, Listing, MaybePromise } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { removedMeanwhile } from './ascertain.js'
import type { InodeTable } from './inode-table.js'
import { isHidden } from './node.js'
import type { Node } from './node.js'

/** Names: what the archive lists, with what is different here laid over it. */
export class Namespace {
  readonly #archive: Archive
  readonly #table: InodeTable

  constructor(archive: Archive, table: InodeTable) {
    this.#archive = archive
    this.#table = table
  }

  /** The node of this name, or undefined if there is none. */
  find(parent: Node, name: string, signal?: AbortSignal): MaybePromise<Node | undefined> {
    if (parent.kind !== 'directory') throw new FsError('ENOTDIR', `${parent.path} is no directory`)
    const local = parent.overlay.get(name)
    if (local) return isHidden(local) ? undefined : local
    if (parent.isLocalFolder) return this.#findInLocalFolder(parent, name, signal)
    const entry = this.#archive.lookup(parent.directory, name, signal)
    return entry instanceof Promise
      ? entry.then((found) => this.#known(parent, found))
      : this.#known(parent, entry)
  }

  /** As `find`, but a name that is absent is an error. */
  async require(parent: Node, name: string, signal?: AbortSignal): Promise<Node> {
    const node = await this.find(parent, name, signal)
    if (!node) throw new FsError('ENOENT', `${parent.path}/${name} is not there`)
    return node
  }

  /** The nodes of a path below the root, the root first, as far as there are any. */
  async follow(path: string, signal?: AbortSignal): Promise<Node[]> {
    const way = [this.#table.root]
    for (const name of namesOf(path)) {
      const parent = way.at(-1)!
      const node = parent.kind === 'directory' ? await this.find(parent, name, signal) : undefined
      if (!node) break
      way.push(node)
    }
    return way
  }

  /** Everything in a directory. */
  list(parent: Node, signal?: AbortSignal): MaybePromise<Node[]> {
    if (parent.isLocalFolder) return this.#listLocalFolder(parent, signal)
    const listing = this.#archive.list(parent.directory, signal)
    return listing instanceof Promise
      ? listing.then((known) => this.#merge(parent, known))
      : this.#merge(parent, listing)
  }

  /** Brings a node up to date. @throws FsError ENOENT when it is gone, ESTALE when another has its name */
  refresh(node: Node, signal?: AbortSignal): MaybePromise<void> {
    const { parent } = node
    if (!parent || node.isRemoved || node.local || parent.overlay.get(node.name) === node) return undefined
    const found = this.find(parent, node.name, signal)
    return found instanceof Promise ? found.then((now) => requireSame(node, now)) : requireSame(node, found)
  }

  /** @throws FsError ESTALE when it is gone: the kernel looks it up anew, and makes it where it was asked to */
  async refreshToOpen(node: Node, signal?: AbortSignal): Promise<void> {
    try {
      await this.refresh(node, signal)
    } catch (error) {
      if (!(error instanceof FsError && error.code === 'ENOENT')) throw error
      throw new FsError('ESTALE', error.reason, { nextStep: 'it is looked up again' })
    }
  }

  #known(parent: Node, entry: Entry | undefined): Node | undefined {
    return entry && this.#table.intern(parent, entry)
  }

  #merge(parent: Node, listing: Listing | undefined): Node[] {
    const nodes: Node[] = []
    for (const entry of listing?.entries ?? []) {
      if (!parent.overlay.has(entry.name)) nodes.push(this.#table.intern(parent, entry))
    }
    for (const local of parent.overlay.values()) if (!isHidden(local)) nodes.push(local)
    return nodes
  }

  async #findInLocalFolder(parent: Node, name: string, signal?: AbortSignal): Promise<Node | undefined> {
    const entry = await this.#orAbsent(async () => this.#archive.lookup(parent.directory, name, signal))
    return this.#known(parent, entry)
  }

  async #listLocalFolder(parent: Node, signal?: AbortSignal): Promise<Node[]> {
    return this.#merge(parent, await this.#orAbsent(async () => this.#archive.list(parent.directory, signal)))
  }

  /** The server does not know a folder that has no files in it. */
  async #orAbsent<T>(question: () => Promise<T>): Promise<T | undefined> {
    try {
      return await question()
    } catch (error) {
      if (error instanceof FsError && error.code === 'ENOENT') return undefined
      throw error
    }
  }
}

export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

function requireSame(node: Node, now: Node | undefined): void {
  if (now === node) return
  if (now) throw removedMeanwhile(node)
  throw new FsError('ENOENT', `${node.path} is no longer there`)
}
