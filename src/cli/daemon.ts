import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode, Refusal } from './exit.js'
import type { MountPlan } from './mount.js'
import { withoutSecrets } from './secret-environment.js'

type DaemonReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly exitCode: ExitCode; readonly refusal: Refusal }

/** Set for the process that serves a mount in the background. */
const daemonMark = 'XNATFS_DAEMON'

export function isDaemon(): boolean {
  return process.env[daemonMark] !== undefined && process.send !== undefined
}

/**
 * Starts this program once more, in the background, and gives it the plan by a channel of its own: `ps` shows arguments, which
 * are the same only for whoever looks there. Resolves when its mount answers.
 * @throws CliError with what the background process failed with
 */
export async function startDaemon(
  parameters: readonly string[],
  logFile: string,
  plan: MountPlan,
): Promise<void> {
  const log = await open(logFile, 'a', 0o600).catch((cause: unknown) => {
    const reason = `the log cannot be written there: ${causeChain(cause)}`
    const nextStep = 'give a --log-file that you may write'
    throw new CliError(exitCodes.usage, { thing: logFile, reason, nextStep }, { cause })
  })
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...parameters], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    env: { ...withoutSecrets(process.env), [daemonMark]: '1' },
  })
  await log.close()
  const report = await new Promise<DaemonReport>((resolve) => {
    child.once('message', (message) => resolve(message as DaemonReport))
    child.once('error', (error) => resolve(failed(error.message, logFile)))
    child.once('exit', (code, signal) => resolve(failed(`it ended with ${signal ?? code}`, logFile)))
    child.send(plan)
  })
  if (report.kind === 'failed') throw new CliError(report.exitCode, report.refusal)
  child.disconnect()
  child.unref()
}

/** In the background process: waits for what to serve. */
export function receivePlan(): Promise<MountPlan> {
  return new Promise((resolve) => {
    process.once('message', (message) => resolve(message as MountPlan))
  })
}

/** In the background process: tells the starting one how it went, and lets it go. */
export async function report(result: DaemonReport): Promise<void> {
  await new Promise<void>((resolve) => {
    process.send!(result, undefined, {}, () => resolve())
  })
  if (process.connected) process.disconnect()
}

function failed(reason: string, logFile: string): DaemonReport {
  const refusal = {
    thing: 'the process in the background',
    reason,
    nextStep: `see ${logFile}, or mount with --foreground`,
  }
  return { kind: 'failed', exitCode: exitCodes.failure, refusal }
}
