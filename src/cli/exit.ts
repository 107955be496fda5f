/** Exit codes of xnatfs; docs/semantics.md and `xnatfs --help` list them. */
export const exitCodes = {
  success: 0,
  failure: 1,
  usage: 2,
  notLoggedIn: 3,
  notReachable: 4,
  notFound: 5,
  fuseMissing: 6,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** A failure the user is told in words: the thing, the reason, the next step. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.exitCode = exitCode
  }
}
