#!/usr/bin/env node
import { CommanderError } from 'commander'
import { causeChain } from '../util/log.js'
import { isDaemon } from './daemon.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { createProgram } from './program.js'

async function main(): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success
  try {
    if (isDaemon()) return await (await import('./mount-command.js')).serveInBackground()
    await createProgram((code) => (exitCode = code)).parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
    process.stderr.write(`xnatfs: ${causeChain(error)}\n`)
    return error instanceof CliError ? error.exitCode : exitCodes.failure
  }
  return exitCode
}

// Open sockets and the FUSE library's handles must not keep a finished command running.
process.exit(await main())
