import { constants } from 'node:os'

const { EEXIST, EINTR, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, ESTALE } = constants.errno

/**
 * A file system in memory, to test drivers by themselves. What counts for the kernel is visible: lookup counts, handles,
 * interrupts. Files named `stuck` are never answered when read; those named `slow` when the reader gives up.
 */
export class MemoryOperations {
  nodes = new Map()
  handles = new Map()
  interrupts = 0
  /** Inode numbers of foretold files, as the driver has told that they are opened. */
  told = []
  /** Answers of reads of `stuck`. */
  stuck = []
  static #uid = process.getuid()
  static #gid = process.getgid()
  #lastIno = 1
  #lastHandle = 0
  #tell

  constructor() {
    this.nodes.set(1, this.#node(1, 'directory', 0o755))
  }

  #node(ino, kind, mode) {
    const base = {
      ino,
      kind,
      mode,
      uid: MemoryOperations.#uid,
      gid: MemoryOperations.#gid,
      atimeMs: 1_700_000_000_000,
      mtimeMs: 1_700_000_000_000,
      lookups: 0,
      version: 1,
    }
    return kind === 'directory' ? { ...base, entries: new Map() } : { ...base, bytes: Buffer.alloc(0) }
  }

  /** Makes what is not there. @returns its inode number */
  put(path, bytes = Buffer.alloc(0), options = {}) {
    const names = path.split('/')
    let parent = this.nodes.get(1)
    for (const name of names.slice(0, -1)) parent = this.#child(parent, name, 'directory')
    const node = this.#child(parent, names.at(-1), 'file')
    this.#change(node)
    Object.assign(node, { bytes, ...options })
    return node.ino
  }

  #child(parent, name, kind) {
    const known = parent.entries.get(name)
    if (known) return known
    const node = this.#node(++this.#lastIno, kind, kind === 'directory' ? 0o755 : 0o644)
    this.nodes.set(node.ino, node)
    parent.entries.set(name, node)
    return node
  }

  /** Whoever reads elsewhere for it has to ask again. */
  #change(node) {
    node.stop?.()
    node.stop = undefined
  }

  #attributes({ ino, kind, mode, uid, gid, atimeMs, mtimeMs, bytes }) {
    return {
      ino,
      kind,
      mode,
      uid,
      gid,
      atimeMs,
      mtimeMs,
      links: 1,
      preferredWriteBytes: 0,
      sizeBytes: bytes?.length ?? 0,
    }
  }

  #count(node) {
    node.lookups++
    return this.#attributes(node)
  }

  lookup(parent, name) {
    const node = this.nodes.get(parent)?.entries?.get(name)
    return node ? this.#count(node) : ENOENT
  }
  walk(parent, name) {
    return this.lookup(parent, name)
  }
  forget(ino, count) {
    this.nodes.get(ino).lookups -= count
  }
  getattr(ino) {
    const node = this.nodes.get(ino)
    return node ? this.#attributes(node) : ESTALE
  }
  setattr(ino, { sizeBytes, ...changes }) {
    const node = this.nodes.get(ino)
    this.#change(node)
    Object.assign(node, changes)
    if (sizeBytes !== undefined) this.#resize(node, sizeBytes)
    return this.#attributes(node)
  }
  #resize(node, sizeBytes) {
    this.#change(node)
    const bytes = Buffer.alloc(sizeBytes)
    node.bytes.copy(bytes)
    node.bytes = bytes
  }
  readlink() {
    return EINVAL
  }
  /** @returns those that `put` was given */
  xattrs(ino) {
    return new Map(Object.entries(this.nodes.get(ino).xattrs ?? {}))
  }
  access() {
    return 0
  }
  #open(node) {
    this.handles.set(++this.#lastHandle, node)
    const keepCache = node.openedVersion === node.version
    node.openedVersion = node.version
    const reply = { handle: this.#lastHandle, keepCache }
    const { backingPath, isRepeatable } = node
    if (backingPath === undefined && !isRepeatable) return reply
    const untilChanged = (stop) => Boolean((node.stop = stop))
    return { ...reply, ...(backingPath !== undefined && { backingPath }), isRepeatable, untilChanged }
  }
  opendir(ino) {
    return this.#open(this.nodes.get(ino))
  }
  readdir(handle) {
    const { entries } = this.handles.get(handle)
    return [...entries].map(([name, node]) => ({ name, attributes: this.#attributes(node) }))
  }
  remember(parent, name, ino) {
    const node = this.nodes.get(parent).entries.get(name)
    return node?.ino === ino ? this.#count(node) : ENOENT
  }
  releasedir(handle) {
    return this.release(handle)
  }
  async open(ino) {
    const node = this.nodes.get(ino)
    return node.kind === 'directory' ? EISDIR : this.#open(node)
  }
  openUntold(ino) {
    return this.#open(this.nodes.get(ino))
  }
  reopen(ino) {
    return this.#open(this.nodes.get(ino))
  }
  async create(parent, name, { mode, isExclusive }) {
    const directory = this.nodes.get(parent)
    if (directory.entries.has(name)) return isExclusive ? EEXIST : ESTALE
    const node = this.#child(directory, name, 'file')
    node.mode = mode
    return { ...this.#open(node), attributes: this.#count(node) }
  }
  read(handle, offset, lengthBytes, signal) {
    const node = this.handles.get(handle)
    const bytes = node.bytes.subarray(offset, offset + lengthBytes)
    if (!node.isStuck && !node.isSlow) return bytes
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        this.interrupts++
        if (node.isSlow) resolve(EINTR)
      })
      if (node.isStuck) this.stuck.push(() => resolve(bytes))
    })
  }
  smallFile(handle, readBytes) {
    const node = this.handles.get(handle)
    return node.isSmall && node.bytes.length > readBytes
      ? { attributes: this.#attributes(node), bytes: node.bytes }
      : undefined
  }
  foretell(tell) {
    this.#tell = tell
  }
  /** @param isChanged meanwhile the file has got other bytes */
  foretellOf(path, isChanged = false) {
    const node = path.split('/').reduce((parent, name) => parent.entries.get(name), this.nodes.get(1))
    node.openedVersion = node.version
    const untilChanged = (stop) => !isChanged && Boolean((node.stop = stop))
    this.#tell?.({ attributes: this.#attributes(node), bytes: node.bytes, untilChanged })
  }
  opened(ino) {
    this.told.push(ino)
  }
  async write(handle, offset, bytes) {
    const node = this.handles.get(handle)
    if (node.bytes.length < offset + bytes.length) this.#resize(node, offset + bytes.length)
    this.#change(node)
    node.bytes.set(bytes, offset)
    return 0
  }
  fallocate(handle, endBytes) {
    const node = this.handles.get(handle)
    if (node.bytes.length < endBytes) this.#resize(node, endBytes)
    return 0
  }
  flush() {
    return 0
  }
  fsync() {
    return 0
  }
  release(handle) {
    this.handles.delete(handle)
    return 0
  }
  mkdir(parent, name) {
    const directory = this.nodes.get(parent)
    return directory.entries.has(name) ? EEXIST : this.#count(this.#child(directory, name, 'directory'))
  }
  rmdir(parent, name) {
    const node = this.nodes.get(parent).entries.get(name)
    if (!node) return ENOENT
    if (node.kind !== 'directory') return ENOTDIR
    if (node.entries.size > 0) return ENOTEMPTY
    this.nodes.get(parent).entries.delete(name)
    return 0
  }
  unlink(parent, name) {
    return this.nodes.get(parent).entries.delete(name) ? 0 : ENOENT
  }
  rename(parent, name, newParent, newName, { mayReplace }) {
    const from = this.nodes.get(parent).entries
    const to = this.nodes.get(newParent).entries
    if (!from.has(name)) return ENOENT
    if (to.has(newName) && !mayReplace) return EEXIST
    to.set(newName, from.get(name))
    from.delete(name)
    return 0
  }
}
