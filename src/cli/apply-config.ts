import type { Command, Option } from 'commander'
import { configPath, readSettings } from './config-file.js'
import type { Setting } from './config-file.js'
import { closestWord } from './closest-word.js'
import { CliError, exitCodes } from './exit.js'
import { configKeys } from './options.js'

/** Where the file has the values that it gave to options of a command, by the option's attribute name. */
const placesOf = new WeakMap<Command, Map<string, string>>()

/** Where a value of this option stands in the file; undefined where it is from elsewhere. */
export function placeInConfig(command: Command, attribute: string): string | undefined {
  return command.getOptionValueSource(attribute) === 'config'
    ? placesOf.get(command)?.get(attribute)
    : undefined
}

/**
 * Gives options the values of the configuration file: those of a profile unless a flag says otherwise, others unless a flag
 * or the environment does.
 * @throws CliError for a key that is no option, and for a value that the option does not take
 */
export async function applyConfig(command: Command): Promise<void> {
  if (!command.options.some((option) => option.long === '--profile')) return
  const known = configKeys()
  const settings = await readSettings(configPath(), command.getOptionValue('profile') as string | undefined)
  const places = new Map<string, string>()
  placesOf.set(command, places)
  for (const [key, setting] of settings) {
    if (!known.includes(key)) {
      const reason = `'${key}' is no option`
      const nextStep = instead(key, known)
      throw new CliError(exitCodes.usage, { thing: setting.place, reason, nextStep })
    }
    const option = command.options.find((candidate) => candidate.name().replace(/^no-/, '') === key)
    if (!option) continue // of another command
    const name = option.attributeName()
    const source = command.getOptionValueSource(name)
    if (source === 'cli' || (source === 'env' && !setting.isChosen)) continue
    command.setOptionValueWithSource(name, parsedValue(option, key, setting), 'config')
    places.set(name, setting.place)
  }
}

/** What to write for a key that is none. */
function instead(key: string, known: readonly string[]): string {
  const name = key.toLowerCase().replaceAll('_', '-')
  const on = name.replace(/^no-/, '')
  if (on !== name && known.includes(on)) return `write ${on} = false`
  const meant = closestWord(name, known)
  return meant === undefined
    ? `remove it, or write one of ${known.join(', ')}`
    : `write '${meant}' if that is meant, or remove it`
}

function parsedValue(option: Option, key: string, { value, place }: Setting): unknown {
  const wrong = (reason: string, nextStep: string): CliError =>
    new CliError(exitCodes.usage, { thing: `${place}: ${key}`, reason, nextStep })
  if (!option.required && !option.optional) {
    if (typeof value === 'boolean') return value
    throw wrong(`${JSON.stringify(value)} is neither true nor false`, 'write true or false')
  }
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw wrong(
      `${JSON.stringify(value)} is neither a text nor a number`,
      'write one value, a text in quotes',
    )
  }
  const text = String(value)
  if (option.argChoices && !option.argChoices.includes(text)) {
    throw wrong(`'${text}' is none of its values`, `write one of ${option.argChoices.join(', ')}`)
  }
  if (!option.parseArg || option.argChoices) return text
  try {
    return option.parseArg(text, undefined)
  } catch (cause) {
    if (!(cause instanceof CliError)) throw cause
    const { reason, nextStep } = cause.refusal
    throw new CliError(exitCodes.usage, { thing: `${place}: ${key}`, reason, nextStep }, { cause })
  }
}
