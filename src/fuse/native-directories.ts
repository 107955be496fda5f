import type { DirectoryItem } from '../vfs/vfs.js'
import type { Errno, FuseOperations, MaybePromise } from './driver.js'
import { writeAttributes, writeNameBytes, writeTypeOnly } from './native-attributes.js'
import type { NativeBinding, NativeSession, SessionMemory } from './native-binding.js'

/** Bytes of an entry besides its name, without and with attributes (linux/fuse.h); each is filled up to 8. */
const entryBytes = 24
const entryPlusBytes = 152

export interface DirectoryRequest {
  readonly token: number
  readonly ino: number
  readonly handle: number
  /** How many entries the kernel has; `.` and `..` are the first two. */
  readonly offset: number
  readonly sizeBytes: number
  readonly hasAttributes: boolean
}

/** Listings of open directories, page by page: what a handle shows is the listing of when it was read from the start. */
export class NativeDirectories {
  readonly #operations: FuseOperations
  readonly #memory: SessionMemory
  readonly #rowNumbers: number
  readonly #maxRows: number
  readonly #maxNameBytes: number
  readonly #listings = new Map<number, readonly DirectoryItem[]>()

  constructor(operations: FuseOperations, memory: SessionMemory, binding: NativeBinding) {
    this.#operations = operations
    this.#memory = memory
    this.#rowNumbers = binding.attributeRow
    this.#maxRows = binding.attributeRows
    this.#maxNameBytes = binding.nameBytes
  }

  /** The listing that a request goes on in, or is to begin. */
  listing(request: DirectoryRequest, signal: AbortSignal): MaybePromise<readonly DirectoryItem[] | Errno> {
    const known = request.offset > 0 ? this.#listings.get(request.handle) : undefined
    return known ?? this.#operations.readdir(request.handle, signal)
  }

  /** Answers with as many entries as the kernel has room for. */
  reply(session: NativeSession, request: DirectoryRequest, items: readonly DirectoryItem[]): void {
    const { token, handle, offset, sizeBytes, hasAttributes } = request
    this.#listings.set(handle, items)
    const counted: number[] = []
    const rows = this.#fill(request, items, counted)
    if (session.replyDirectory(token, rows, offset, sizeBytes, hasAttributes)) return
    for (const ino of counted) this.#operations.forget(ino, 1)
  }

  release(handle: number): Errno {
    this.#listings.delete(handle)
    return this.#operations.releasedir(handle)
  }

  /** @param counted gets the inodes that the kernel will hold @returns the number of entries written */
  #fill(request: DirectoryRequest, items: readonly DirectoryItem[], counted: number[]): number {
    const fixedBytes = request.hasAttributes ? entryPlusBytes : entryBytes
    let room = request.sizeBytes
    let nameStart = 0
    let rows = 0
    for (let at = request.offset; rows < this.#maxRows && at < items.length + 2; at++) {
      const item = items[at - 2]
      const name = at === 0 ? '.' : (item?.name ?? '..')
      const nameBytes = this.#memory.attributeNames.write(name, nameStart)
      if (nameBytes > this.#maxNameBytes) throw new RangeError(`a name of ${nameBytes} bytes: ${name}`)
      room -= (fixedBytes + nameBytes + 7) & ~7
      if (room < 0) break
      const start = rows * this.#rowNumbers
      if (item) this.#writeItem(request, item, start, counted)
      else writeTypeOnly(this.#memory, start, at === 0 ? request.ino : 0, 'directory')
      writeNameBytes(this.#memory, start, nameBytes)
      nameStart += nameBytes
      rows++
    }
    return rows
  }

  #writeItem(request: DirectoryRequest, item: DirectoryItem, start: number, counted: number[]): void {
    const { ino, kind } = item.attributes
    if (!request.hasAttributes) return writeTypeOnly(this.#memory, start, ino, kind)
    // As it is now: what the kernel gets here it believes like a lookup.
    const attributes = this.#operations.remember(request.ino, item.name, ino)
    if (typeof attributes === 'number') return writeTypeOnly(this.#memory, start, 0, kind)
    counted.push(ino)
    writeAttributes(this.#memory, start, attributes)
  }
}
