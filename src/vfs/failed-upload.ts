import { FsError } from '../util/fs-error.js'
import type { ErrnoName } from '../util/fs-error.js'

/** Failures that may be over the next time. */
const passing: ReadonlySet<ErrnoName> = new Set(['EIO', 'ETIMEDOUT', 'EBUSY'])

/** An upload that failed, of one revision of local bytes. */
export class FailedUpload {
  readonly revision: number
  readonly error: unknown

  constructor(revision: number, error: unknown) {
    this.revision = revision
    this.error = error
  }

  get isPassing(): boolean {
    return this.error instanceof FsError && passing.has(this.error.code)
  }

  /** Somebody else has changed or made the file: it will fail again and again. */
  get isOutrun(): boolean {
    return this.error instanceof FsError && (this.error.code === 'ESTALE' || this.error.code === 'EEXIST')
  }
}
