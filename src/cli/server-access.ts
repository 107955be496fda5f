import { readFileSync } from 'node:fs'
import { causeChain } from '../util/log.js'
import type { Reach } from '../xnat/dispatcher.js'
import type { Credentials, Session } from '../xnat/session.js'
import type { Environment } from './credentials.js'
import { CliError, exitCodes } from './exit.js'
import type { ConnectionFlags } from './flags.js'
import { version } from './version.js'

/** How the flags and the environment say that a server is reached. @throws CliError for a CA file that is none */
export function reachOf(url: string, { caFile, insecure }: ConnectionFlags, env: Environment): Reach {
  const isHttps = url.startsWith('https:')
  const proxyOfHttps = isHttps ? env['https_proxy'] || env['HTTPS_PROXY'] : undefined
  return {
    caPem: readCaFile(caFile),
    isInsecure: insecure ?? false,
    proxy: proxyOfHttps || env['http_proxy'] || env['HTTP_PROXY'] || undefined,
    noProxy: env['no_proxy'] || env['NO_PROXY'] || undefined,
  }
}

/** Said wherever a server is talked to without knowing who it is. */
export function insecureWarning(url: string): string {
  return `--insecure: the certificate of ${url} is NOT checked. Anybody on the way can read the password and change data. Use --ca-file instead.`
}

/**
 * Talks to a server for the length of one short command, and leaves no session behind. What that takes is loaded here: most who start
 * a mount leave the talking to it.
 */
export async function withSession<T>(
  url: string,
  credentials: Credentials | undefined,
  flags: ConnectionFlags,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const reach = reachOf(url, flags, process.env)
  if (reach.isInsecure) process.stderr.write(`xnatfs: ${insecureWarning(url)}\n`)
  const [{ Http }, { Session }] = await Promise.all([import('../xnat/http.js'), import('../xnat/session.js')])
  const http = new Http({ baseUrl: url, userAgent: `xnatfs/${version()}`, reach })
  const session = new Session(http, credentials)
  try {
    return await work(session)
  } finally {
    await session.end().catch(() => {}) // the server forgets the session by itself
    await http.close()
  }
}

function readCaFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const thing = `--ca-file ${path}`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = `cannot be read: ${causeChain(cause)}`
    const nextStep = 'name a file with the certificate of who signed that of the server'
    throw new CliError(exitCodes.usage, { thing, reason, nextStep }, { cause })
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new CliError(exitCodes.usage, {
    thing,
    reason: "holds no certificate in PEM form ('-----BEGIN CERTIFICATE-----')",
    nextStep: 'convert it with `openssl x509`',
  })
}
