import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Credentials } from '../xnat/session.js'
import { CliError, exitCodes } from './exit.js'
import { parseServerUrl } from './server-url.js'

export type Environment = Readonly<Record<string, string | undefined>>

export interface CredentialSources {
  /** Of --user or XNAT_USER. */
  readonly user: string | undefined
  readonly env: Environment
  /** Asks on the terminal without echo; undefined where there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined
}

/** Whether XNAT_USER and XNAT_PASS are for this server: with XNAT_HOST they are for that one, and never sent to another. */
export function isForServer(url: string, env: Environment): boolean {
  const host = env['XNAT_HOST']
  if (!host) return true
  try {
    return parseServerUrl(host) === url
  } catch {
    return false
  }
}

/** What to say where the environment has a log-in for another server; undefined where it has none. */
export function foreignLogIn(url: string, env: Environment): string | undefined {
  const names = ['XNAT_USER', 'XNAT_PASS'].filter((name) => env[name])
  if (names.length === 0 || isForServer(url, env)) return undefined
  const verb = names.length === 1 ? 'is' : 'are'
  return `${names.join(' and ')} ${verb} for ${env['XNAT_HOST']} (XNAT_HOST) and ${verb} not used for ${url}`
}

/**
 * Who to log in as: user and XNAT_PASS; else ~/.netrc; else, with a user, the terminal. Undefined = as a guest.
 * @throws CliError for a password without a user, or a ~/.netrc that others can read
 */
export async function findCredentials(
  url: string,
  sources: CredentialSources,
): Promise<Credentials | undefined> {
  const { user, env, ask } = sources
  const password = isForServer(url, env) ? env['XNAT_PASS'] : undefined
  if (password !== undefined && password !== '') {
    if (user) return { user, password }
    throw new CliError(exitCodes.usage, 'XNAT_PASS is set but no user; give --user or set XNAT_USER')
  }
  const stored = await fromNetrc(new URL(url).host, user, env)
  if (stored) return stored
  if (!user) return undefined
  if (!ask) {
    const advice = `set XNAT_PASS, or put 'machine ${new URL(url).host} login ${user} password …' into ~/.netrc`
    const foreign = foreignLogIn(url, env)
    const why = foreign === undefined ? '' : ` (${foreign})`
    throw new CliError(exitCodes.notLoggedIn, `no password for user '${user}'${why}; ${advice}`)
  }
  return { user, password: await ask(`Password of ${user} at ${url}: `) }
}

async function fromNetrc(
  host: string,
  user: string | undefined,
  env: CredentialSources['env'],
): Promise<Credentials | undefined> {
  const path = env['NETRC'] || join(homedir(), '.netrc')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return undefined
  }
  const found = parseNetrc(text, host, user)
  if (found && ((await stat(path)).mode & 0o077) !== 0) {
    throw new CliError(exitCodes.usage, `${path} can be read by others; run \`chmod 600 ${path}\``)
  }
  return found
}

/**
 * The entry of a machine in a netrc file, or of `default`. The machine is the host with its port, where the URL has
 * one. @param user only an entry with this login counts
 */
export function parseNetrc(text: string, machine: string, user?: string): Credentials | undefined {
  const words = text.replace(/^\s*#.*$/gm, '').match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []
  let isWanted = false
  let entry: { login?: string; password?: string } = {}
  const complete = (): Credentials | undefined =>
    isWanted &&
    entry.login !== undefined &&
    entry.password !== undefined &&
    (user ?? entry.login) === entry.login
      ? { user: entry.login, password: entry.password }
      : undefined
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === 'machine' || word === 'default') {
      const found = complete()
      if (found) return found
      entry = {}
      isWanted = word === 'default' || unquote(words[++i] ?? '') === machine
    } else if (word === 'login') entry.login = unquote(words[++i] ?? '')
    else if (word === 'password') entry.password = unquote(words[++i] ?? '')
    else if (word === 'account') i++
    else if (word === 'macdef') break // a macro ends at an empty line; none of ours comes after one
  }
  return complete()
}

function unquote(word: string): string {
  return word.startsWith('"') && word.endsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word
}

/** A question on the terminal, the answer not shown; undefined without a terminal. */
export function terminalPrompt(): CredentialSources['ask'] {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return (question) =>
    new Promise((resolve, reject) => {
      process.stderr.write(question)
      const silent = new Writable({ write: (_, __, done) => done() })
      const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
      let answer: string | undefined
      lines.once('line', (line) => {
        answer = line
        lines.close()
      })
      lines.once('close', () => {
        process.stderr.write('\n')
        if (answer === undefined) reject(new CliError(exitCodes.notLoggedIn, 'no password was given'))
        else resolve(answer)
      })
    })
}
