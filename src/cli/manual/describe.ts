import type { Command, Option } from 'commander'

/** A command in words, for the man page and for shells. */
export interface CommandText {
  /** 'mount', 'pending list'. */
  readonly name: string
  /** '[options] <mountpoint>'. */
  readonly usage: string
  readonly description: string
  readonly options: readonly OptionText[]
  /** What it has in place of arguments: 'list', 'retry' … */
  readonly subcommands: readonly string[]
  /** What its argument may be, where it is no path or URL. */
  readonly argumentChoices: readonly string[]
}

export interface OptionText {
  /** '--url'. */
  readonly flag: string
  /** 'url' of `--url <url>`; undefined for a switch. */
  readonly valueName: string | undefined
  readonly choices: readonly string[]
  readonly isPath: boolean
  readonly help: string
  readonly env: string | undefined
  readonly default: string | undefined
}

/** All commands that do something, in the order of the help. */
export function describe(program: Command): CommandText[] {
  return program.commands.flatMap((command) => describeCommand(command, ''))
}

function describeCommand(command: Command, before: string): CommandText[] {
  const name = `${before}${command.name()}`
  const own: CommandText = {
    name,
    usage: command.usage(),
    description: command.description(),
    options: command.options.map(describeOption),
    subcommands: command.commands.map((child) => child.name()),
    argumentChoices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }
  return [own, ...command.commands.flatMap((child) => describeCommand(child, `${name} `))]
}

function describeOption(option: Option): OptionText {
  const valueName = /<(.*)>/.exec(option.flags)?.[1]
  const value = (option.defaultValueDescription ?? option.defaultValue) as
    string | number | boolean | undefined
  return {
    flag: option.long ?? option.short!,
    valueName,
    choices: option.argChoices ?? [],
    isPath: valueName === 'path' || valueName === 'directory',
    help: option.description,
    env: option.envVar,
    default: value === undefined || typeof value === 'boolean' ? undefined : String(value),
  }
}
