import { CommanderError } from 'commander'
import { isDaemon } from './daemon.js'
import { exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { withoutMountOptions } from './mount-arguments.js'
import { createProgram } from './program.js'
import { toCliError } from './to-cli-error.js'

/** Runs what the parameters ask for, and says what went wrong. */
export async function runProgram(parameters: () => readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success
  try {
    if (isDaemon()) return await (await import('./mount-command.js')).serveInBackground()
    const program = createProgram((code) => (exitCode = code))
    await program.parseAsync(withoutMountOptions(parameters()), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
    const told = toCliError(error)
    process.stderr.write(`xnatfs: ${told.message}\n`)
    return told.exitCode
  }
  return exitCode
}
