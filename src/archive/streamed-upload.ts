import { putGrowing } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { FileEntry, GrowingBytes, StartedStore } from './archive.js'
import { storedPathOf } from './catalog.js'
import type { ExactPaths } from './exact-paths.js'
import type { ResourcePart } from './layout.js'

/** Where a file goes. */
export interface UploadTarget {
  readonly part: ResourcePart
  /** From the resource's top, as the file is called. */
  readonly path: string
  /** The stored file that it replaces, as it was when it was opened. */
  readonly replaces: FileEntry | undefined
}

/** How servers and proxies say that they want to know the length beforehand. */
const refusals: ReadonlySet<number | undefined> = new Set([400, 411, 501])

/**
 * An upload that follows its file as it is written. The end of its multipart body is held back until `finish`: without
 * it XNAT stores nothing (xnat-wire.md §5), so until then it can be abandoned without a trace.
 */
export class StreamedUpload implements StartedStore {
  readonly #target: UploadTarget
  readonly #bytes: GrowingBytes
  readonly #abort = new AbortController()
  readonly #permission: Promise<void>
  readonly #answer: Promise<void>
  #permit: () => void = () => {}
  /** Of all bytes; from then on the server may have stored them. */
  #md5: string | undefined
  #isAnswered = false
  #error: unknown

  constructor(session: Session, exact: ExactPaths, target: UploadTarget, bytes: GrowingBytes) {
    this.#target = target
    this.#bytes = bytes
    this.#permission = new Promise((resolve) => (this.#permit = resolve))
    this.#answer = this.#send(session, exact)
    this.#answer.then(
      () => this.#end(undefined),
      (error: unknown) => this.#end(error),
    )
  }

  /** Resolves when no connection is used any more. */
  async over(): Promise<void> {
    await this.#answer.catch(() => {})
  }

  /** The server, or what is in front of it, takes no body of unknown length. */
  get isRefused(): boolean {
    return this.#error instanceof XnatError && refusals.has(this.#error.status)
  }

  isFor({ part, path, replaces }: UploadTarget): boolean {
    const mine = this.#target
    return (
      part.address.resource === mine.part.address.resource &&
      path === mine.path &&
      (replaces && storedPathOf(replaces)) === (mine.replaces && storedPathOf(mine.replaces))
    )
  }

  /**
   * Sends the end of the body: the bytes are final, and may be stored now.
   * @returns the MD5 of what was sent, or undefined when the server can have stored nothing: it is to be sent anew
   * @throws XnatError when it is not known what has become of it
   */
  async finish(): Promise<string | undefined> {
    if (this.#isAnswered) return undefined
    this.#permit()
    try {
      await this.#answer
      return this.#md5
    } catch (error) {
      if (this.#md5 === undefined || this.isRefused) return undefined
      throw error
    }
  }

  abandon(): void {
    if (!this.#isAnswered) this.#abort.abort()
  }

  async #send(session: Session, exact: ExactPaths): Promise<void> {
    const { part, path, replaces } = this.#target
    const target = replaces ? { exact: await exact.of(replaces) } : { new: path }
    const upload = { bytes: () => this.#body(), overwrite: replaces !== undefined }
    await putGrowing(session, part.address, target, upload, this.#abort.signal)
  }

  async *#body(): AsyncGenerator<Buffer> {
    this.#md5 = undefined
    yield* this.#bytes.chunks()
    await this.#permission
    const md5 = await this.#bytes.md5()
    this.#abort.signal.throwIfAborted()
    this.#md5 = md5
  }

  #end(error: unknown): void {
    this.#isAnswered = true
    this.#error = error
    this.#permit() // for a body that nobody reads any more
    this.#bytes.abandon('the upload is over')
  }
}
