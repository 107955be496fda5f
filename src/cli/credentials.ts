import type { Credentials } from '../xnat/session.js'
import { CliError, exitCodes } from './exit.js'
import type { CredentialFlags } from './flags.js'
import { fromNetrc } from './netrc.js'
import { parseServerUrl } from './server-url.js'
import type { Ask } from './terminal.js'
import type { StoredToken } from './token-store.js'

export type Environment = Readonly<Record<string, string | undefined>>

export interface CredentialSources {
  readonly flags: CredentialFlags
  readonly env: Environment
  /** Asks on the terminal without echo; undefined where there is none. */
  readonly ask: Ask | undefined
  /** The first line of the standard input. */
  readonly readInput: () => Promise<string>
  /** Whose session this is. @throws when it is nobody's any more */
  readonly userOfSession: (jsession: string) => Promise<string>
  /** What `xnatfs login` has left. */
  readonly stored: (user: string | undefined) => Promise<StoredToken | undefined>
}

export type CredentialSource =
  | '--guest'
  | '--password-stdin'
  | 'XNAT_PASS'
  | 'XNAT_JSESSION'
  | '~/.netrc'
  | 'xnatfs login'
  | 'the terminal'
  | 'nothing'

/** What to log in with, and where it was found. */
export interface FoundCredentials {
  /** Undefined: as a guest. */
  readonly credentials: Credentials | undefined
  readonly source: CredentialSource
}

/**
 * What to log in with, from the first place that has something: --guest; --password-stdin; XNAT_PASS; XNAT_JSESSION;
 * ~/.netrc; what `xnatfs login` stored; with a user, the terminal. No place is tried after another was refused: wrong
 * passwords lock accounts.
 * @throws CliError for a password without a user, or a file with passwords that others can read
 */
export async function findCredentials(url: string, sources: CredentialSources): Promise<FoundCredentials> {
  const { flags, ask } = sources
  const { user } = flags
  if (flags.guest) return { credentials: undefined, source: '--guest' }
  if (flags.passwordStdin) {
    if (!user) throw withoutUser('--password-stdin')
    return { credentials: { user, password: await sources.readInput() }, source: '--password-stdin' }
  }
  const found = (await fromEnvironment(url, sources)) ?? (await fromFiles(url, sources))
  if (found) return found
  if (!user) return { credentials: undefined, source: 'nothing' }
  if (ask) {
    const password = await ask(`Password of ${user} at ${url}: `)
    return { credentials: { user, password }, source: 'the terminal' }
  }
  throw new CliError(exitCodes.notLoggedIn, {
    thing: url,
    reason: `no password for user '${user}'${ignored(url, sources)}`,
    nextStep: `run \`xnatfs login ${url}\`, or set XNAT_PASS, or put 'machine ${new URL(url).host} login ${user} password …' into ~/.netrc`,
  })
}

/** @param thing where the password is from */
function withoutUser(thing: string): CliError {
  return new CliError(exitCodes.usage, {
    thing,
    reason: 'it is not known whose password that is',
    nextStep: 'give --user or set XNAT_USER',
  })
}

async function fromEnvironment(
  url: string,
  { flags, env, userOfSession }: CredentialSources,
): Promise<FoundCredentials | undefined> {
  if (!isForServer(url, env)) return undefined
  const password = env['XNAT_PASS']
  if (password && isForUser(flags.user, env)) {
    const user = flags.user || env['XNAT_USER']
    if (user) return { credentials: { user, password }, source: 'XNAT_PASS' }
    throw withoutUser('XNAT_PASS')
  }
  const jsession = env['XNAT_JSESSION']
  if (!jsession) return undefined
  const user = await userOfSession(jsession)
  if (flags.user && flags.user !== user) {
    throw new CliError(exitCodes.notLoggedIn, {
      thing: 'XNAT_JSESSION',
      reason: `is a session of '${user}', not of '${flags.user}'`,
      nextStep: `give --user ${user}, or unset XNAT_JSESSION`,
    })
  }
  return { credentials: { user, jsession }, source: 'XNAT_JSESSION' }
}

async function fromFiles(
  url: string,
  { flags, env, stored }: CredentialSources,
): Promise<FoundCredentials | undefined> {
  const user = flags.user || undefined
  const entry = await fromNetrc(new URL(url).host, user, env)
  if (entry) return { credentials: entry, source: '~/.netrc' }
  const token = await stored(user)
  return token && { credentials: logInOf(token), source: 'xnatfs login' }
}

export function logInOf({ user, alias, secret }: StoredToken): Credentials {
  return { user, password: secret, alias }
}

/**
 * Whether the log-in of the environment is for this server: with XNAT_HOST it is for that one, and never sent to
 * another.
 */
export function isForServer(url: string, env: Environment): boolean {
  const host = env['XNAT_HOST']
  if (!host) return true
  try {
    return parseServerUrl(host) === url
  } catch {
    return false
  }
}

/** XNAT_PASS goes with XNAT_USER: sent with another name it would be a wrong password. */
function isForUser(user: string | undefined, env: Environment): boolean {
  return !env['XNAT_USER'] || !user || user === env['XNAT_USER']
}

/** What to say where the environment has a log-in for another server; undefined where it has none. */
export function foreignLogIn(url: string, env: Environment): string | undefined {
  const names = ['XNAT_USER', 'XNAT_PASS', 'XNAT_JSESSION'].filter((name) => env[name])
  if (names.length === 0 || isForServer(url, env)) return undefined
  const verb = names.length === 1 ? 'is' : 'are'
  const what = names.join(', ').replace(/, ([^,]*)$/, ' and $1')
  return `${what} ${verb} for ${env['XNAT_HOST']} (XNAT_HOST) and ${verb} not used for ${url}`
}

function ignored(url: string, { flags, env }: CredentialSources): string {
  const foreign = foreignLogIn(url, env)
  if (foreign !== undefined) return ` (${foreign})`
  return env['XNAT_PASS'] && !isForUser(flags.user, env) ? ` (XNAT_PASS is for '${env['XNAT_USER']}')` : ''
}
