import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TomlError, parse } from 'smol-toml'
import { hasErrorCode } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import { xdgDirectory } from './home-directory.js'

type Values = Readonly<Record<string, unknown>>

/** A value of the configuration file. */
export interface Setting {
  readonly value: unknown
  /** Where it stands, for messages. */
  readonly place: string
  /** Of a profile that was asked for by its name: comes before the environment. */
  readonly isChosen: boolean
}

export function configPath(): string {
  return join(xdgDirectory('XDG_CONFIG_HOME', '.config'), 'xnatfs', 'config.toml')
}

/**
 * What the configuration file says: the keys at its top for all mounts, those of `[profile.NAME]` before them.
 * @throws CliError for a file that is no TOML, or a profile that is not there
 */
export async function readSettings(
  path: string,
  profile: string | undefined,
): Promise<ReadonlyMap<string, Setting>> {
  const { profile: profiles, ...common } = await readToml(path)
  const settings = new Map<string, Setting>()
  add(settings, common, path, false)
  if (profile === undefined) return settings
  const known = isTable(profiles) ? profiles : {}
  const chosen = known[profile]
  if (!isTable(chosen)) {
    const names = Object.keys(known)
    const reason = `has no [profile.${profile}]`
    const nextStep =
      names.length === 0 ? 'add it there' : `choose one that it has (${names.join(', ')}), or add it`
    throw new CliError(exitCodes.usage, { thing: path, reason, nextStep })
  }
  add(settings, chosen, `[profile.${profile}] of ${path}`, true)
  return settings
}

function add(settings: Map<string, Setting>, values: Values, place: string, isChosen: boolean): void {
  for (const [key, value] of Object.entries(values)) {
    if (/pass(word)?$|secret|jsession|token/i.test(key)) {
      const reason = `passwords do not belong there, and '${key}' looks like one`
      const nextStep = 'remove it, and run `xnatfs login` or use ~/.netrc'
      throw new CliError(exitCodes.usage, { thing: place, reason, nextStep })
    }
    settings.set(key, { value, place, isChosen })
  }
}

async function readToml(path: string): Promise<Values> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (hasErrorCode(cause, 'ENOENT') || hasErrorCode(cause, 'ENOTDIR')) return {}
    const reason = `cannot be read: ${causeChain(cause)}`
    const nextStep = 'make it a file that you may read, or remove it'
    throw new CliError(exitCodes.usage, { thing: path, reason, nextStep }, { cause })
  }
  try {
    return parse(text)
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.split('\n')[0] : ''
    const where = cause instanceof TomlError ? ` (line ${cause.line})` : ''
    const reason = `is no TOML${where}: ${what}`
    // Without its cause, which shows the line: somebody may have put a password there.
    throw new CliError(exitCodes.usage, { thing: path, reason, nextStep: 'mend it, or remove it' })
  }
}

function isTable(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
