import type { DirectoryEntry, Entry, FileEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import type { KernelTraits } from './kernel-traits.js'
import { Node } from './node.js'
import type { NodeKind } from './node.js'

export const rootIno = 1

/** Nodes without any reference are kept this long in number: lookups come again, and times set here with them. */
const idleNodesKept = 100_000

export interface InodeTableOptions extends Pick<KernelTraits, 'opensApart' | 'opensUntold'> {
  /** The kernel is not to believe any more what it was told of a name. Where the driver can. */
  readonly dropName?: ((parent: number, name: string) => void) | undefined
  /** How many nodes without any reference are kept. */
  readonly idleKept?: number
}

/**
 * All nodes by inode number. The number is made of the identities along the path, so that it is the same in every
 * mount and after the node was forgotten.
 */
export class InodeTable {
  readonly root: Node
  readonly #byIno = new Map<number, Node>()
  readonly #byKey = new Map<string, Node>()
  readonly #keys = new Map<Node, string>()
  /** The longest idle first. (lru-cache clears all of its arrays when its only entry is deleted: 0.5 ms at this size.) */
  readonly #idle = new Map<number, Node>()
  readonly #options: InodeTableOptions
  readonly #idleKept: number

  constructor(rootEntry: DirectoryEntry, options: InodeTableOptions = {}) {
    this.root = new Node(rootIno, 'directory', undefined, '', rootEntry)
    this.#byIno.set(rootIno, this.root)
    this.#options = options
    this.#idleKept = options.idleKept ?? idleNodesKept
  }

  get size(): number {
    return this.#byIno.size
  }

  /** Nodes that the kernel knows, but for the root. */
  *lookedUp(): Iterable<Node> {
    for (const node of this.#byIno.values()) if (node.lookups > 0 && node !== this.root) yield node
  }

  find(ino: number): Node | undefined {
    return this.#byIno.get(ino)
  }

  /** @throws FsError ESTALE for a number that was never given out, or whose node is gone */
  get(ino: number): Node {
    const node = this.#byIno.get(ino)
    if (!node)
      throw new FsError('ESTALE', `inode ${ino} is not known any more`, { nextStep: 'look it up again' })
    return node
  }

  /** The node of a directory's entry, made when it is not there yet. */
  intern(parent: Node, entry: Entry): Node {
    const known = this.#byKey.get(keyOf(parent, entry.id))
    const { opensApart = true, opensUntold = false } = this.#options
    if (known?.isReadAsOther(entry, { opensApart, opensUntold })) {
      // An operation that holds it goes on with just this node; afterwards it is looked at again.
      if (opensApart && known.holds === 0) return this.#setAside(known, parent, entry)
      known.newer = entry
      return known
    }
    if (known?.kind === entry.kind) {
      known.newer = undefined
      if (!known.local) known.adopt(entry)
      known.name = entry.name
      known.entry ??= entry
      return known
    }
    if (known) this.#forgetKey(known)
    return this.#create(parent, entry.kind, entry.name, entry.id, entry)
  }

  /** The node of a name that the archive does not have (yet). Gets the number that it will have when stored. */
  internLocal(parent: Node, kind: NodeKind, name: string, entry: Entry | undefined): Node {
    const id = entry?.id ?? fileId(name)
    const known = this.#byKey.get(keyOf(parent, id))
    if (known) this.#forgetKey(known)
    return this.#create(parent, kind, name, id, entry)
  }

  /** After a rename: the number stays. */
  rename(node: Node, parent: Node, name: string): void {
    this.#forgetKey(node)
    const key = keyOf(parent, fileId(name))
    const displaced = this.#byKey.get(key)
    if (displaced) this.#forgetKey(displaced)
    if (node.parent) this.#unref(node.parent, 'children')
    node.parent = parent
    node.name = name
    parent.children++
    this.#byKey.set(key, node)
    this.#keys.set(node, key)
  }

  /** The name is gone; the node stays for those who hold it. */
  detach(node: Node): void {
    node.isRemoved = true
    this.#forgetKey(node)
    this.release(node)
  }

  ref(node: Node, what: 'lookups' | 'handles'): void {
    node[what]++
    this.#idle.delete(node.ino)
  }

  unref(node: Node, what: 'lookups' | 'handles', count = 1): void {
    node[what] = Math.max(0, node[what] - count)
    this.release(node)
  }

  /** To be called when a reason to keep a node has gone. */
  release(node: Node): void {
    if (node.isPinned || node === this.root) return
    if (node.isRemoved) this.#drop(node)
    else this.#setIdle(node)
  }

  /** As if the file had been replaced, by a rename say: who has it open goes on with the node, and has ESTALE at the worst. */
  #setAside(old: Node, parent: Node, entry: FileEntry): Node {
    old.isSetAside = true
    old.isLost = true
    this.detach(old)
    const node = this.#create(parent, entry.kind, entry.name, entry.id, entry)
    node.follow(old)
    // Who opens it without telling is to open the new one from now on.
    if (this.#options.opensUntold) this.#options.dropName?.(parent.ino, entry.name)
    return node
  }

  #create(parent: Node, kind: NodeKind, name: string, id: string, entry: Entry | undefined): Node {
    const key = keyOf(parent, id)
    let ino = inodeNumber(id, parent.ino)
    while (this.#byIno.has(ino)) ino = (ino % Number.MAX_SAFE_INTEGER) + 1
    const node = new Node(ino, kind, parent, name, entry)
    parent.children++
    this.#idle.delete(parent.ino)
    this.#byIno.set(ino, node)
    this.#byKey.set(key, node)
    this.#keys.set(node, key)
    this.#setIdle(node)
    return node
  }

  #setIdle(node: Node): void {
    this.#idle.delete(node.ino)
    this.#idle.set(node.ino, node)
    while (this.#idle.size > this.#idleKept) {
      const [ino, oldest] = this.#idle.entries().next().value!
      this.#idle.delete(ino)
      if (this.#byIno.get(ino) === oldest && !oldest.isPinned) this.#drop(oldest)
    }
  }

  #drop(node: Node): void {
    this.#forgetKey(node)
    this.#byIno.delete(node.ino)
    this.#idle.delete(node.ino)
    if (node.parent) this.#unref(node.parent, 'children')
  }

  #unref(parent: Node, what: 'children'): void {
    parent[what]--
    this.release(parent)
  }

  #forgetKey(node: Node): void {
    const key = this.#keys.get(node)
    if (key !== undefined && this.#byKey.get(key) === node) this.#byKey.delete(key)
    this.#keys.delete(node)
  }
}

/** The identity that the archive gives a file of this name. */
function fileId(name: string): string {
  return `file:${name}`
}

function keyOf(parent: Node, id: string): string {
  return `${parent.ino}/${id}`
}

/**
 * 53 bits (what a number holds) of two multiplicative hashes, mixed with those of the parent. Never 0 or 1, which mean
 * no inode and the root.
 */
export function inodeNumber(id: string, parentIno: number): number {
  let a = 0xdeadbeef ^ (parentIno & 0xffffffff)
  let b = 0x41c6ce57 ^ Math.floor(parentIno / 0x100000000)
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i)
    a = Math.imul(a ^ code, 0x9e3779b1)
    b = Math.imul(b ^ code, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  const ino = (b & 0x1fffff) * 0x100000000 + (a >>> 0)
  return ino <= rootIno ? ino + 2 : ino
}
