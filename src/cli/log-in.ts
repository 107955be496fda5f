import { XnatError } from '../xnat/xnat-error.js'
import type { CredentialSource } from './credentials.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'

/** What a failure of the first request means to the user. @param source where what was refused was found */
export function explainLogIn(error: unknown, url: string, source?: CredentialSource): unknown {
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
  const isRefused = error.code === 'unauthorized' && source !== undefined && source !== 'nothing'
  const from = isRefused ? ` (the log-in is from ${source})` : ''
  const elsewhere = error.code === 'not-found' ? 'no XNAT answers here: ' : ''
  const reason = `cannot be used: ${elsewhere}${error.reason}${from}`
  return new CliError(
    codes[error.code] ?? exitCodes.failure,
    { thing: url, reason, nextStep: error.nextStep },
    { cause: error },
  )
}
