import type { Log } from '../util/log.js'
import type { Session } from '../xnat/session.js'
import type { GrowingBytes } from './archive.js'
import type { ExactPaths } from './exact-paths.js'
import { StreamedUpload } from './streamed-upload.js'
import type { UploadTarget } from './streamed-upload.js'

export interface StreamedUploadsOptions {
  readonly session: Session
  readonly exact: ExactPaths
  readonly log: Log
  /** How many may be under way: each holds a connection for as long as its file is written. */
  readonly most: number
}

/** The uploads that follow files as they are written. */
export class StreamedUploads {
  readonly #options: StreamedUploadsOptions
  #count = 0
  #isRefused = false

  constructor(options: StreamedUploadsOptions) {
    this.#options = options
  }

  /** @returns undefined where there are enough already, or the server is known to refuse them */
  start(target: UploadTarget, bytes: GrowingBytes): StreamedUpload | undefined {
    const { session, exact, most } = this.#options
    if (this.#isRefused || this.#count >= most) return undefined
    this.#count++
    const upload = new StreamedUpload(session, exact, target, bytes)
    void upload.over().then(() => this.#ended(upload))
    return upload
  }

  #ended(upload: StreamedUpload): void {
    this.#count--
    if (!upload.isRefused || this.#isRefused) return
    this.#isRefused = true
    this.#options.log.info(
      'the server takes no uploads of unknown length: files are sent when they are complete',
    )
  }
}
