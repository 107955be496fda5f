import { FsError } from '../util/fs-error.js'

/** Documents of sessions have some hundred KiB. */
const mostBytes = 64 * 1024 * 1024

/** What is written into a file that gives orders, until it is closed. */
export class OrderText {
  /** How many descriptors may write. */
  writers = 0
  /** Something is to be given when one of them is closed. */
  isPending: boolean
  #bytes: Buffer | undefined
  readonly #before: { readonly sizeBytes: number; load(): Promise<Buffer> } | undefined

  /** @param before what the file says now; undefined = it is new */
  constructor(
    before: { readonly sizeBytes: number; load(): Promise<Buffer> } | undefined,
    isPending: boolean,
  ) {
    this.#before = before
    this.#bytes = before ? undefined : Buffer.alloc(0)
    this.isPending = isPending
  }

  get sizeBytes(): number {
    return this.#bytes?.length ?? this.#before!.sizeBytes
  }

  async read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    await this.#load()
    return this.#bytes!.subarray(offset, offset + lengthBytes)
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const endBytes = offset + bytes.length
    if (endBytes > mostBytes) throw tooLarge()
    const copy = Buffer.from(bytes) // the caller's memory is its own again when it has waited
    await this.#load()
    // No waiting from here on: others may write at the same time.
    const text = resized(this.#bytes!, Math.max(this.#bytes!.length, endBytes))
    text.set(copy, offset)
    this.#bytes = text
    this.isPending = true
  }

  /** No order by itself: a program that makes a file empty goes on to write, or has nothing to say. */
  async truncate(sizeBytes: number): Promise<void> {
    if (sizeBytes > mostBytes) throw tooLarge()
    if (sizeBytes > 0) await this.#load()
    this.#bytes = resized(this.#bytes ?? Buffer.alloc(0), sizeBytes)
  }

  /** The text that is to be given, once. */
  async take(): Promise<Buffer> {
    this.isPending = false
    await this.#load()
    return this.#bytes!
  }

  /** What was written or cut while it was loaded stays. */
  async #load(): Promise<void> {
    if (this.#bytes !== undefined) return
    const loaded = await this.#before!.load()
    this.#bytes ??= loaded
  }
}

function resized(bytes: Buffer, sizeBytes: number): Buffer {
  if (bytes.length === sizeBytes) return bytes
  const other = Buffer.alloc(sizeBytes)
  other.set(bytes.subarray(0, sizeBytes))
  return other
}

function tooLarge(): FsError {
  return new FsError('EFBIG', `no order has more than ${mostBytes} bytes`, {
    nextStep: 'write what it takes',
  })
}
