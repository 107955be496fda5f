import type { Credentials } from '../xnat/session.js'
import { findCredentials, logInOf } from './credentials.js'
import type { FoundCredentials } from './credentials.js'
import { CliError, exitCodes } from './exit.js'
import { explainLogIn } from './log-in.js'
import { fromNetrc } from './netrc.js'
import type { ConnectionFlags, CredentialFlags } from './flags.js'
import { withSession } from './server-access.js'
import { firstLineOfInput, terminalPrompt } from './terminal.js'
import { TokenStore } from './token-store.js'

/** `findCredentials` on this machine: its environment, files and terminal. */
export function findLogIn(url: string, flags: CredentialFlags & ConnectionFlags): Promise<FoundCredentials> {
  return findCredentials(url, {
    flags,
    env: process.env,
    ask: terminalPrompt(),
    readInput: firstLineOfInput,
    userOfSession: (jsession) => userOfSession(url, jsession, flags),
    stored: async (user) => (await TokenStore.open()).find(url, user),
  })
}

/**
 * What a mount can log in with later: what it was given, as its file has it by now, and what `xnatfs login` has stored for
 * the same user since.
 */
export async function latestLogIns(url: string, found: FoundCredentials): Promise<Credentials[]> {
  const { credentials, source } = found
  if (!credentials) return []
  const { user } = credentials
  const token = await readable(async () => (await TokenStore.open()).find(url, user))
  const stored = token ? [logInOf(token)] : []
  if (source === 'xnatfs login') return [...stored, credentials]
  if (source !== '~/.netrc') return [credentials, ...stored]
  const entry = await readable(() => fromNetrc(new URL(url).host, user, process.env))
  return [entry ?? credentials, ...stored]
}

/** A file that is damaged or open to others counts as none; `xnatfs mount` says why. */
function readable<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  return read().catch(() => undefined)
}

async function userOfSession(url: string, jsession: string, flags: ConnectionFlags): Promise<string> {
  const { XnatClient } = await import('../xnat/client.js')
  const credentials = { user: 'the session of XNAT_JSESSION', jsession }
  const user = await withSession(url, credentials, flags, (session) =>
    new XnatClient(session).whoAmI(),
  ).catch((error: unknown) => {
    throw explainLogIn(error, url)
  })
  if (user !== 'guest') return user // an open site takes whoever has an ended session for a guest
  throw new CliError(exitCodes.notLoggedIn, {
    thing: url,
    reason: 'the session of XNAT_JSESSION has ended',
    nextStep: 'set it to another one, or log in with a user',
  })
}
