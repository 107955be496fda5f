import { Command } from 'commander'
import { closestWord } from './closest-word.js'
import { CliError, exitCodes } from './exit.js'
import { addOptions } from './options.js'

/** What `mount` (8) and /etc/fstab say to themselves and to systemd, and not to us. */
const notForUs =
  /^(rw|defaults|(no)?auto|(no)?user|users|group|owner|nofail|_netdev|(no)?dev|(no)?suid|(no)?exec|(no)?atime|(no)?diratime|(no)?relatime|(a)?sync|remount|x-.*|comment=.*)$/

/** What has another name there. */
const otherNames: Readonly<Record<string, string>> = { ro: '--read-only' }

/**
 * The parameters of `xnatfs mount` with each `-o a,b=c` in the words of the long options: `--a --b c`. An underscore is as
 * good as a dash.
 */
export function withoutMountOptions(parameters: readonly string[]): string[] {
  if (parameters[0] !== 'mount') return [...parameters]
  const result: string[] = []
  for (let i = 0; i < parameters.length; i++) {
    const word = parameters[i]!
    if (word === '--') return [...result, ...parameters.slice(i)]
    if (!word.startsWith('-o')) result.push(word)
    else if (word.length > 2) result.push(...longOptions(word.slice(2)))
    else if (parameters[i + 1] === undefined) {
      const nextStep = 'write them behind it, as in -o ro,allow_other'
      throw new CliError(exitCodes.usage, { thing: '-o', reason: 'no options follow', nextStep })
    } else result.push(...longOptions(parameters[++i]!))
  }
  return result
}

function longOptions(list: string): string[] {
  return list
    .split(',')
    .filter((option) => option !== '' && !notForUs.test(option))
    .flatMap((option) => {
      const equals = option.indexOf('=')
      const name = equals < 0 ? option : option.slice(0, equals)
      const long = otherNames[name] ?? `--${name.replaceAll('_', '-')}`
      requireKnown(option, long)
      return equals < 0 ? [long] : [`${long}=${option.slice(equals + 1)}`]
    })
}

/** @throws CliError in the words that were written, where that is no option of `mount` */
function requireKnown(option: string, long: string): void {
  const known = addOptions(new Command(), 'mount').options
  const found = known.find((candidate) => candidate.long === long)
  if (found && (found.required || !option.includes('='))) return
  const meant = closestWord(
    long,
    known.flatMap((candidate) => candidate.long ?? []),
  )
  throw new CliError(exitCodes.usage, {
    thing: `-o ${option}`,
    reason: found ? 'takes no value' : 'is no option of mount',
    nextStep: found
      ? `write it as -o ${option.slice(0, option.indexOf('='))}`
      : meant === undefined
        ? '`xnatfs mount --help` lists them; a dash may be written as _'
        : `write ${meant.slice(2).replaceAll('-', '_')} if that is meant`,
  })
}

/** `xnatfs <url> <directory> -o …` is what mount(8) makes of `mount -t fuse.xnatfs <url> <directory>`, by mount.fuse3. */
export function parametersOfProgram(parameters: readonly string[]): string[] {
  return /^https?:\/\//i.test(parameters[0] ?? '') ? parametersOfHelper(parameters) : [...parameters]
}

/**
 * The parameters of `xnatfs mount` for those that mount(8) gives to its helper: `<url> <directory> [-sfnv] [-o options]
 * [-t type]`.
 */
export function parametersOfHelper(parameters: readonly string[]): string[] {
  const result = ['mount']
  for (let i = 0; i < parameters.length; i++) {
    const word = parameters[i]!
    if (word === '-t' || word === '-N') i++
    else if (!/^-[sfnv]+$/.test(word)) result.push(word)
  }
  return result
}
