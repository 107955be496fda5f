import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.js'

export interface NamedCommand {
  /** 'mount', 'pending list'. */
  readonly name: string
  readonly command: Command
}

/** Each command of the program, those in others behind them. */
export function allCommands(): NamedCommand[] {
  const below = (parent: Command, before: string): NamedCommand[] =>
    parent.commands.flatMap((command) => {
      const name = `${before}${command.name()}`
      return [{ name, command }, ...below(command, `${name} `)]
    })
  return below(
    createProgram(() => {}),
    '',
  )
}
