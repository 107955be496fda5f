import { XnatError } from '../xnat/xnat-error.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'

/** What a failure of the first request means to the user. */
export function explainLogIn(error: unknown, url: string): unknown {
  if (!(error instanceof XnatError)) return error
  const codes: Partial<Record<XnatError['code'], ExitCode>> = {
    unauthorized: exitCodes.notLoggedIn,
    forbidden: exitCodes.notLoggedIn,
    unreachable: exitCodes.notReachable,
    timeout: exitCodes.notReachable,
    throttled: exitCodes.notReachable,
    server: exitCodes.notReachable,
    'not-found': exitCodes.notFound,
    'bad-response': exitCodes.notFound,
  }
  return new CliError(codes[error.code] ?? exitCodes.failure, `cannot use ${url}: ${error.message}`, {
    cause: error,
  })
}
