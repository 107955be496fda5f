import type { CommandText, OptionText } from './describe.js'

export interface ManPage {
  readonly version: string
  readonly commands: readonly CommandText[]
  /** What may stand in the configuration file. */
  readonly configKeys: readonly string[]
  readonly examples: readonly string[]
  readonly exitCodes: string
  /** Where log-ins come from, as the help of `mount` ends. */
  readonly logIns: string
}

/** xnatfs(1), for man(1). */
export function manPage({ version, commands, configKeys, examples, exitCodes, logIns }: ManPage): string {
  return [
    `.TH XNATFS 1 "" "xnatfs ${escaped(version)}" "User Commands"`,
    '.SH NAME',
    'xnatfs \\- mount an XNAT imaging archive as a file system',
    '.SH SYNOPSIS',
    '.B xnatfs',
    '.I command',
    '[options]',
    '.SH EXAMPLES',
    '.nf',
    ...examples.map(escaped),
    '.fi',
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH LOG-IN AND CONFIGURATION',
    ...paragraphs(logIns),
    '.PP',
    `Keys of the configuration file: ${escaped(configKeys.join(', '))}.`,
    '.SH EXIT STATUS',
    escaped(`${exitCodes}.`),
    '.SH FILES',
    ...definition('~/.config/xnatfs/config.toml', 'options and profiles'),
    ...definition('~/.local/state/xnatfs', 'logs, tokens, and what was written and is not sent yet'),
    ...definition('~/.cache/xnatfs', 'what was read'),
    '',
  ].join('\n')
}

function commandLines({ name, usage, description, options }: CommandText): string[] {
  return [
    `.SS "xnatfs ${escaped(name)} ${escaped(usage)}"`,
    escaped(`${description.charAt(0).toUpperCase()}${description.slice(1)}.`),
    ...options.flatMap(optionLines),
  ]
}

function optionLines(option: OptionText): string[] {
  const { flag, valueName, choices, help, env } = option
  const notes = [
    ...(choices.length > 0 ? [`one of ${choices.join(', ')}`] : []),
    ...(env === undefined ? [] : [`environment: ${env}`]),
    ...(option.default === undefined ? [] : [`default: ${option.default}`]),
  ]
  const name = valueName === undefined ? flag : `${flag} <${valueName}>`
  return definition(name, notes.length === 0 ? help : `${help} (${notes.join('; ')})`)
}

function definition(term: string, text: string): string[] {
  return ['.TP', `.B "${escaped(term)}"`, escaped(text)]
}

function paragraphs(text: string): string[] {
  return text
    .trim()
    .split('\n\n')
    .flatMap((paragraph) => ['.PP', ...paragraph.split('\n').map(escaped)])
}

/** A line of text for roff: no dash becomes a hyphen, no line begins a request. */
function escaped(line: string): string {
  const safe = line.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/"/g, '\\(dq')
  return /^[.']/.test(safe) ? `\\&${safe}` : safe
}
