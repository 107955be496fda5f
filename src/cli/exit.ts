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

/** What a user needs to know of a failure. `<thing>: <reason>; <nextStep>` is the line that is shown. */
export interface Refusal {
  /** What it is about, as the user calls it: a path, a URL, a flag, a command. */
  readonly thing: string
  /** What is wrong with it, with what the system or the server said. */
  readonly reason: string
  /** What to do about it. */
  readonly nextStep: string
}

/** A failure the user is told in words. The line says all: a cause is not shown. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly refusal: Refusal

  constructor(exitCode: ExitCode, refusal: Refusal, options?: { cause?: unknown }) {
    super(`${refusal.thing}: ${refusal.reason}; ${refusal.nextStep}`, options)
    this.exitCode = exitCode
    this.refusal = refusal
  }
}
