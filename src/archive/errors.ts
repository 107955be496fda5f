import { FsError } from '../util/fs-error.js'
import type { ErrnoName } from '../util/fs-error.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'

/** What a failure of the server or the network is to a file system. Total: a new code needs its errno here. */
const errnoOf: Readonly<Record<XnatErrorCode, ErrnoName>> = {
  unauthorized: 'EACCES',
  forbidden: 'EACCES',
  'not-found': 'ENOENT',
  conflict: 'EEXIST',
  changed: 'ESTALE',
  locked: 'EBUSY',
  timeout: 'ETIMEDOUT',
  unreachable: 'EIO',
  server: 'EIO',
  throttled: 'EIO',
  'bad-response': 'EIO',
  unnameable: 'ENOTSUP',
  'too-large': 'EFBIG',
  'no-space': 'ENOSPC',
  aborted: 'EINTR',
}

/** The server says one thing about what it has done, and shows another. */
export function otherwise(reason: string): FsError {
  return new FsError('EIO', reason, { nextStep: 'look at it in a browser, and try again' })
}

/** What the server says it has done is not to be seen there. */
export function unlisted(reason: string): FsError {
  return new FsError('EIO', reason, { nextStep: '`xnatfs refresh` its directory, and try again' })
}

/** @param what names the thing and the operation, for the log: "list TEST/1/MR1" */
export function toFsError(error: unknown, what: string): unknown {
  if (!(error instanceof XnatError)) return error
  return new FsError(errnoOf[error.code], `${what}: ${error.reason}`, {
    nextStep: error.nextStep,
    cause: error,
  })
}

/** Runs a task of the archive so that it fails with FsError. */
export async function withFsErrors<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    throw toFsError(error, what)
  }
}
