import { causeChain } from '../util/log.js'
import { invalidateToken, issueToken } from '../xnat/alias-token.js'
import { XnatClient } from '../xnat/client.js'
import type { PasswordLogIn } from '../xnat/session.js'
import { XnatError } from '../xnat/xnat-error.js'
import { foreignLogIn, isForServer, logInOf } from './credentials.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import type { LoginFlags, LogoutFlags } from './flags.js'
import { explainLogIn } from './log-in.js'
import { forgetSecrets } from './secret-environment.js'
import { withSession } from './server-access.js'
import { parseServerUrl } from './server-url.js'
import { firstLineOfInput, terminalPrompt, terminalQuestion } from './terminal.js'
import { TokenStore } from './token-store.js'
import type { StoredToken } from './token-store.js'

/** `xnatfs login`: gets a token for a password, and keeps the token. */
export async function loginCommand(server: string | undefined, flags: LoginFlags): Promise<ExitCode> {
  const url = parseServerUrl(server ?? process.env['XNAT_HOST'])
  const credentials = await askPassword(url, flags)
  forgetSecrets()
  const store = await TokenStore.open()
  const { user, expiresMs } = await withSession(url, credentials, flags, async (session) => {
    const user = await new XnatClient(session).whoAmI()
    const before = await store.find(url, user)
    const issuedMs = Date.now()
    const token = { url, user, issuedMs, ...(await issueToken(session, issuedMs)) }
    await store.put(token).catch(async (error: unknown) => {
      await invalidateToken(session, token.alias).catch(() => {}) // it ends by itself
      throw error
    })
    if (before) await invalidateToken(session, before.alias).catch(() => {}) // it ends by itself
    return token
  }).catch((error: unknown) => {
    throw explainLogIn(error, url)
  })
  const end = isoMinute(expiresMs)
  process.stdout.write(
    `logged in at ${url} as ${user}; the token is good until ${end}, and mounts renew it\n`,
  )
  return exitCodes.success
}

/** `xnatfs logout`: makes tokens worthless on the server, and removes them here. */
export async function logoutCommand(server: string | undefined, flags: LogoutFlags): Promise<ExitCode> {
  const store = await TokenStore.open()
  let exitCode: ExitCode = exitCodes.success
  for (const token of doomed(await store.all(), server, flags)) {
    const { url, user, expiresMs } = token
    const failure = await withSession(url, logInOf(token), flags, (session) =>
      invalidateToken(session, token.alias),
    ).then(
      () => undefined,
      (error: unknown) => error,
    )
    await store.remove(token)
    if (failure === undefined || isWorthless(failure)) {
      process.stdout.write(`logged out at ${url} (${user})\n`)
      continue
    }
    exitCode = exitCodes.notReachable
    const end = isoMinute(expiresMs)
    const what = `the token of ${user} is removed here, and stays valid at ${url} until ${end}`
    process.stderr.write(`xnatfs: ${what}: ${causeChain(failure)}; end it there in a browser\n`)
  }
  return exitCode
}

/** The log-ins that `xnatfs logout` means. @throws CliError where it is not clear, or there are none */
function doomed(
  all: readonly StoredToken[],
  server: string | undefined,
  flags: LogoutFlags,
): readonly StoredToken[] {
  const url = server === undefined ? undefined : parseServerUrl(server)
  const found = all.filter(
    (token) => (url === undefined || token.url === url) && (flags.user ?? token.user) === token.user,
  )
  if (found.length === 0) {
    throw new CliError(exitCodes.notFound, {
      thing: `${url ?? 'any server'}${flags.user === undefined ? '' : ` as ${flags.user}`}`,
      reason: 'nobody is logged in there by `xnatfs login`',
      nextStep: 'remove what ~/.netrc or the environment has, if that is meant',
    })
  }
  if (url === undefined && found.length > 1 && !flags.all) {
    const list = found.map((token) => `${token.url} (${token.user})`).join(', ')
    throw new CliError(exitCodes.usage, {
      thing: 'logout',
      reason: `there are several log-ins: ${list}`,
      nextStep: 'give the URL of one, or --all',
    })
  }
  return found
}

/** The server did not let the token in: it has ended already. */
function isWorthless(failure: unknown): boolean {
  return failure instanceof XnatError && failure.code === 'unauthorized'
}

/** From --password-stdin, XNAT_PASS or the terminal. Not from ~/.netrc: who has one there needs no token. */
async function askPassword(url: string, flags: LoginFlags): Promise<PasswordLogIn> {
  const { env } = process
  const isMeant = isForServer(url, env)
  const foreign = foreignLogIn(url, env)
  if (foreign !== undefined) process.stderr.write(`xnatfs: ${foreign}\n`)
  const userOfEnvironment = isMeant ? env['XNAT_USER'] || undefined : undefined
  const user =
    flags.user || userOfEnvironment || (await terminalQuestion('give --user')?.(`User at ${url}: `))
  if (!user) {
    const reason = 'it is not known who logs in, and there is no terminal to ask on'
    throw new CliError(exitCodes.usage, { thing: url, reason, nextStep: 'give --user' })
  }
  if (flags.passwordStdin) return { user, password: await firstLineOfInput() }
  const password = isMeant && user === (userOfEnvironment ?? user) ? env['XNAT_PASS'] : undefined
  if (password) return { user, password }
  const ask = terminalPrompt()
  if (ask) return { user, password: await ask(`Password of ${user} at ${url}: `) }
  throw new CliError(exitCodes.notLoggedIn, {
    thing: url,
    reason: `no password for user '${user}', and there is no terminal to ask on`,
    nextStep: 'pipe it into --password-stdin',
  })
}

/** To the minute, in UTC: the same everywhere. */
function isoMinute(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
