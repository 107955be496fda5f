import { FsError } from '../util/fs-error.js'

/** Open handles by the number that the kernel holds. Numbers are positive and fit 31 bits. */
export class HandleTable<H> {
  readonly #handles = new Map<number, H>()
  #last = 0

  get size(): number {
    return this.#handles.size
  }

  values(): IterableIterator<H> {
    return this.#handles.values()
  }

  add(handle: H): number {
    do this.#last = (this.#last % 0x7fffffff) + 1
    while (this.#handles.has(this.#last))
    this.#handles.set(this.#last, handle)
    return this.#last
  }

  /** @throws FsError EBADF */
  get(number: number): H {
    const handle = this.#handles.get(number)
    if (!handle)
      throw new FsError('EBADF', `handle ${number} is not open`, { nextStep: 'open the file again' })
    return handle
  }

  remove(number: number): H {
    const handle = this.get(number)
    this.#handles.delete(number)
    return handle
  }
}
