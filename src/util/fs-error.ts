/** The errno names this project answers with. The kernel's numbers belong to fuse/operations.ts. */
export type ErrnoName =
  | 'EACCES'
  | 'EBADF'
  | 'EBUSY'
  | 'EEXIST'
  | 'EFBIG'
  | 'EINTR'
  | 'EINVAL'
  | 'EIO'
  | 'EISDIR'
  | 'ENAMETOOLONG'
  | 'ENODATA'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'ENOTSUP'
  | 'EPERM'
  | 'ERANGE'
  | 'EROFS'
  | 'ESTALE'
  | 'ETIMEDOUT'
  | 'EXDEV'

/**
 * What the caller of a file system operation sees: an errno, and for the log a sentence that names the thing,
 * the reason and the next step.
 */
export class FsError extends Error {
  override readonly name = 'FsError'
  readonly code: ErrnoName

  constructor(code: ErrnoName, message: string, options?: { cause?: unknown }) {
    // Most are answers, and a trace of the stack takes longer than most requests; the sentence says what it would.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
  }
}

/** Whether an error of Node's says this: 'ENOENT', 'EEXIST' … */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
