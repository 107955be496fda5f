import { CommanderError } from 'commander'
import type { Command } from 'commander'
import { hasErrorCode } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { isDaemon } from './daemon.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { withoutMountOptions } from './mount-arguments.js'
import { createProgram } from './program.js'
import { toCliError } from './to-cli-error.js'

/** Runs what the parameters ask for, and says what went wrong. */
export async function runProgram(parameters: () => readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success
  process.stdout.on('error', endUnheard)
  try {
    if (isDaemon()) return await (await import('./mount-command.js')).serveInBackground()
    const program = createProgram((code) => (exitCode = code))
    const words = withoutMountOptions(parameters())
    if (words[0] === 'help' && words[1] !== undefined) mustBeCommand(program, words[1])
    await program.parseAsync(words, { from: 'user' })
    await said()
  } catch (error) {
    await said()
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
    const told = toCliError(error)
    process.stderr.write(`xnatfs: ${told.message}\n`)
    await said()
    return told.exitCode
  }
  return exitCode
}

/** Resolves when whoever reads it has all of it: the end of the process would cut off what a pipe does not take at once. */
async function said(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise<void>((done) => stream.write('', () => done()))
  }
  await new Promise(setImmediate) // what could not be written is told of a moment later
}

/** Commander would show the help of the whole for what it does not know. */
function mustBeCommand(program: Command, name: string): void {
  if (program.commands.some((command) => [command.name(), ...command.aliases()].includes(name))) return
  const nextStep = '`xnatfs --help` lists what there is'
  throw new CliError(exitCodes.usage, { thing: name, reason: 'there is no such command', nextStep })
}

/** Whoever was to hear it has gone, as after `| head`, or has no room for it: it may be that not all is done or said. */
function endUnheard(error: unknown): never {
  if (!hasErrorCode(error, 'EPIPE')) {
    const refusal = {
      thing: 'the standard output',
      reason: causeChain(error),
      nextStep: 'write it elsewhere',
    }
    process.stderr.write(`xnatfs: ${new CliError(exitCodes.failure, refusal).message}\n`)
  }
  process.exit(exitCodes.failure)
}
