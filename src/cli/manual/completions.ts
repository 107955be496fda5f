import type { CommandText, OptionText } from './describe.js'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** Each command has it. */
const help: OptionText = {
  flag: '--help',
  valueName: undefined,
  choices: [],
  isPath: false,
  help: 'say what the command takes',
  env: undefined,
  default: undefined,
}

/** A script that makes the shell complete commands, options, choices and paths. */
export function completionScript(shell: Shell, commands: readonly CommandText[]): string {
  const write = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]
  const lines = write(commands.map((command) => ({ ...command, options: [...command.options, help] })))
  return `${lines.join('\n')}\n`
}

function bashScript(commands: readonly CommandText[]): string[] {
  const names = commands.map(({ name }) => `'${name}'`).join('|')
  return [
    '# bash completion for xnatfs',
    '_xnatfs() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    case "${cmd:+$cmd }${COMP_WORDS[i]}" in',
    `      ${names}) cmd="\${cmd:+$cmd }\${COMP_WORDS[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$cmd:$prev" in',
    ...commands.flatMap(({ name, options }) => options.flatMap((option) => bashValues(name, option))),
    '  esac',
    '  case "$cmd" in',
    `    '') COMPREPLY=($(compgen -W '${topNames(commands).join(' ')} --help --version' -- "$cur")) ;;`,
    ...commands.map(({ name, options, subcommands, argumentChoices }) => {
      const named = [...subcommands, ...argumentChoices]
      const words = [...named, ...options.map(({ flag }) => flag)].join(' ')
      const when = named.length > 0 ? '' : '[[ $cur == -* ]] && '
      return `    '${name}') ${when}COMPREPLY=($(compgen -W '${words}' -- "$cur")) ;;`
    }),
    '  esac',
    '}',
    'complete -o default -F _xnatfs xnatfs',
  ]
}

function bashValues(name: string, { flag, valueName, choices, isPath }: OptionText): string[] {
  if (valueName === undefined) return []
  const when = `    '${name}:${flag}')`
  if (choices.length > 0)
    return [`${when} COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`]
  return [isPath ? `${when} COMPREPLY=($(compgen -f -- "$cur")); return ;;` : `${when} return ;;`]
}

function zshScript(commands: readonly CommandText[]): string[] {
  const leaves = commands.filter(({ subcommands }) => subcommands.length === 0)
  return [
    '#compdef xnatfs',
    '# zsh completion for xnatfs',
    '_xnatfs() {',
    '  local -a choices',
    '  if (( CURRENT == 2 )); then',
    `    choices=(${commands.filter(isTop).map(zshChoice).join(' ')})`,
    '    _describe command choices; return',
    '  fi',
    '  case "$words[2]" in',
    ...commands.flatMap(({ name, subcommands }) =>
      subcommands.length === 0
        ? []
        : [
            `    ${name})`,
            '      if (( CURRENT == 3 )); then',
            `        choices=(${commands
              .filter((child) => child.name.startsWith(`${name} `))
              .map(zshChoice)
              .join(' ')})`,
            '        _describe command choices; return',
            '      fi',
            '      words=("$words[1]" "$words[2] $words[3]" "${(@)words[4,-1]}"); (( CURRENT-- )) ;;',
          ],
    ),
    '  esac',
    '  case "$words[2]" in',
    ...leaves.flatMap(({ name, options, argumentChoices }) => [
      `    ${zshQuoted(name)}) words=("$words[2]" "\${(@)words[3,-1]}"); (( CURRENT-- ))`,
      `      _arguments ${[...options.map(zshOption), zshArguments(argumentChoices)].join(' ')} ;;`,
    ]),
    '  esac',
    '}',
    'if [ "$funcstack[1]" = _xnatfs ]; then _xnatfs "$@"; else compdef _xnatfs xnatfs; fi',
  ]
}

function zshChoice({ name, description }: CommandText): string {
  return zshQuoted(`${name.replace(/^.* /, '')}:${description}`)
}

function zshArguments(choices: readonly string[]): string {
  return choices.length > 0 ? zshQuoted(`1:what:(${choices.join(' ')})`) : "'*:file:_files'"
}

function zshOption({ flag, valueName, choices, isPath, help }: OptionText): string {
  const what = `${flag}[${help.replace(/[[\]\\:]/g, '\\$&')}]`
  if (valueName === undefined) return zshQuoted(what)
  const values = choices.length > 0 ? `(${choices.join(' ')})` : isPath ? '_files' : ''
  return zshQuoted(`${what}:${valueName}:${values}`)
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishScript(commands: readonly CommandText[]): string[] {
  return [
    '# fish completion for xnatfs',
    '# Whether the line begins with these words, and (with -x) has no more of them yet.',
    'function __xnatfs_is',
    '  argparse x -- $argv',
    '  set -l words (commandline -opc)[2..-1]',
    '  set -l count (count $argv)',
    '  set -q _flag_x; and test (count $words) -ne $count; and return 1',
    '  test (count $words) -ge $count; or return 1',
    '  test $count -eq 0; or test "$words[1..$count]" = "$argv"',
    'end',
    ...commands.flatMap(({ name, description, options, argumentChoices }) => {
      const [parent, child] = name.split(' ')
      const isBefore = child === undefined ? '__xnatfs_is -x' : `__xnatfs_is -x ${parent}`
      const isIn = `__xnatfs_is ${name}`
      return [
        `complete -c xnatfs -f -n '${isBefore}' -a ${child ?? parent} -d ${fishQuoted(description)}`,
        ...(argumentChoices.length > 0
          ? [`complete -c xnatfs -f -n '__xnatfs_is -x ${name}' -a '${argumentChoices.join(' ')}'`]
          : []),
        ...options.map((option) => `complete -c xnatfs -n '${isIn}' ${fishOption(option)}`),
      ]
    }),
  ]
}

function fishOption({ flag, valueName, choices, isPath, help }: OptionText): string {
  const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
  const values = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : isPath ? ' -r -F' : ' -x'
  return `${name}${valueName === undefined ? '' : values} -d ${fishQuoted(help)}`
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

function isTop({ name }: CommandText): boolean {
  return !name.includes(' ')
}

function topNames(commands: readonly CommandText[]): string[] {
  return commands.filter(isTop).map(({ name }) => name)
}
