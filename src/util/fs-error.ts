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

/** Answers that a program expects and deals with. Of all others a user is told what to do. */
export type AnswerName =
  | 'EEXIST'
  | 'EINTR'
  | 'EISDIR'
  | 'ENAMETOOLONG'
  | 'ENODATA'
  | 'ENOENT'
  | 'ENOSYS'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'ERANGE'
  | 'EROFS'
  | 'EXDEV'

interface FsErrorOptions {
  readonly nextStep?: string | undefined
  readonly cause?: unknown
}

/**
 * What the caller of a file system operation sees: an errno, and for the log the sentence `<reason>; <next step>`, whose
 * reason begins with the thing.
 */
export class FsError extends Error {
  override readonly name = 'FsError'
  readonly code: ErrnoName
  readonly reason: string
  readonly nextStep: string | undefined

  constructor(code: AnswerName, reason: string, options?: FsErrorOptions)
  constructor(code: ErrnoName, reason: string, options: FsErrorOptions & { readonly nextStep: string })
  constructor(code: ErrnoName, reason: string, options: FsErrorOptions = {}) {
    const { nextStep, cause } = options
    // Most are answers, and a trace of the stack takes longer than most requests; the sentence says what it would.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(
      nextStep === undefined ? reason : `${reason}; ${nextStep}`,
      cause === undefined ? undefined : { cause },
    )
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.reason = reason
    this.nextStep = nextStep
  }
}

/** Whether an error of Node's says this: 'ENOENT', 'EEXIST' … */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
