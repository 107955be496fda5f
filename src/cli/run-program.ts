import { CommanderError } from 'commander'
import { causeChain } from '../util/log.js'
import { isDaemon } from './daemon.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { withoutMountOptions } from './mount-arguments.js'
import { createProgram } from './program.js'

/** Runs what the parameters ask for, and says what went wrong. */
export async function runProgram(parameters: () => readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success
  try {
    if (isDaemon()) return await (await import('./mount-command.js')).serveInBackground()
    const program = createProgram((code) => (exitCode = code))
    await program.parseAsync(withoutMountOptions(parameters()), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
    process.stderr.write(`xnatfs: ${causeChain(error)}\n`)
    return error instanceof CliError ? error.exitCode : exitCodes.failure
  }
  return exitCode
}
