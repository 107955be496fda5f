import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PasswordLogIn } from '../xnat/session.js'
import { CliError, exitCodes } from './exit.js'
import { homeDirectory } from './home-directory.js'

/** What ~/.netrc (or $NETRC) has for a host. @throws CliError when others can read the file */
export async function fromNetrc(
  host: string,
  user: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PasswordLogIn | undefined> {
  const path = env['NETRC'] || join(homeDirectory(), '.netrc')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return undefined
  }
  const found = parseNetrc(text, host, user)
  if (found && ((await stat(path)).mode & 0o077) !== 0) {
    throw new CliError(exitCodes.usage, {
      thing: path,
      reason: 'can be read by others',
      nextStep: `run \`chmod 600 ${path}\``,
    })
  }
  return found
}

/**
 * The entry of a machine in a netrc file, or of `default`. The machine is the host with its port, where the URL has
 * one. @param user only an entry with this login counts
 */
export function parseNetrc(text: string, machine: string, user?: string): PasswordLogIn | undefined {
  const words = text.replace(/^\s*#.*$/gm, '').match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []
  let isWanted = false
  let entry: { login?: string; password?: string } = {}
  const complete = (): PasswordLogIn | undefined =>
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
