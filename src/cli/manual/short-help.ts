import type { Command } from 'commander'

export const examples = [
  'xnatfs login https://xnat.example.org',
  'xnatfs mount ~/xnat --url https://xnat.example.org',
  'dcm2niix -o /tmp/out ~/xnat/PROJECT/SUBJECT/SESSION/scans',
  'xnatfs umount ~/xnat',
]

export const exitCodesText =
  '0 success, 1 failure, 2 usage, 3 not logged in,\n4 server not reachable, 5 not found, 6 FUSE missing'

/** Commands that share a line, so that all of them fit a screen. Others have one of their own. */
const together: readonly (readonly string[])[] = [
  ['mount', 'umount'],
  ['login', 'logout'],
  ['status', 'mounts'],
  ['refresh', 'flush'],
  ['prefetch', 'cache'],
  ['serve', 'demo'],
]

/** `xnatfs --help`: examples first, and no more than a screen of 24 lines of 80 columns. */
export function shortHelp(program: Command): string {
  return [
    'xnatfs mounts an XNAT imaging archive as a file system.',
    '',
    'Examples:',
    ...examples.map((line) => `  ${line}`),
    '',
    'Commands (`xnatfs COMMAND --help` says more, `man xnatfs` all):',
    ...program.commands.flatMap((command) => commandLine(program, command)),
    '',
    `Exit codes: ${exitCodesText}`,
    '',
  ].join('\n')
}

/** Nothing for a command that stands on the line of another. */
function commandLine(program: Command, command: Command): string[] {
  const names = together.find((group) => group.includes(command.name())) ?? [command.name()]
  if (names[0] !== command.name()) return []
  const summaries = names.map((name) => program.commands.find((other) => other.name() === name)!.summary())
  return [`  ${names.join(', ').padEnd(17)} ${summaries.join('; ')}`]
}
