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
  const reason = `cannot be used: ${elsewhere}${reasonAt(url, error)}${from}`
  return new CliError(
    codes[error.code] ?? exitCodes.failure,
    { thing: url, reason, nextStep: error.nextStep },
    { cause: error },
  )
}

/** The line begins with the URL: of the request it says what the server answered to, and nothing where there was no answer. */
function reasonAt(url: string, { reason, method, url: requested, status, code }: XnatError): string {
  const request = `${method} ${requested}: `
  if (method === undefined || requested === undefined || !reason.startsWith(request)) return reason
  const said = reason.slice(request.length)
  if (status === undefined || code === 'unauthorized' || !requested.startsWith(url)) return said
  return `${method} ${requested.slice(url.length)}: ${said}`
}
