import { userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { CliError, exitCodes } from './exit.js'

/** Of this user. HOME counts where it is a whole path; an empty one would put everything where somebody happens to be. */
export function homeDirectory(): string {
  const home = process.env['HOME'] ?? ''
  if (isAbsolute(home)) return home
  try {
    return userInfo().homedir
  } catch (cause) {
    const reason = 'is not set, and the system knows no user of this number'
    const nextStep = 'set it to a directory of your own'
    throw new CliError(exitCodes.usage, { thing: 'HOME', reason, nextStep }, { cause })
  }
}

/** What an XDG variable names, or that place below the home directory. One that is no whole path does not count. */
export function xdgDirectory(
  variable: 'XDG_CACHE_HOME' | 'XDG_CONFIG_HOME' | 'XDG_STATE_HOME',
  below: string,
): string {
  return wholePath(variable) ?? join(homeDirectory(), below)
}

export function runtimeHome(): string | undefined {
  return wholePath('XDG_RUNTIME_DIR')
}

/** Containers have users that no file of the system names. */
export function ownUid(): number {
  return process.getuid!()
}

function wholePath(variable: string): string | undefined {
  const path = process.env[variable] ?? ''
  return isAbsolute(path) ? path : undefined
}
