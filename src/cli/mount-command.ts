import { appendFileSync } from 'node:fs'
import { chdir } from 'node:process'
import { inspect } from 'node:util'
import { causeChain, Log } from '../util/log.js'
import { foreignLogIn } from './credentials.js'
import { receivePlan, report, startDaemon, starterGone } from './daemon.js'
import type { DaemonLog } from './daemon.js'
import { defaultLogFile } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { findLogIn } from './find-log-in.js'
import type { MountFlags } from './flags.js'
import { checkKernelOpen } from './kernel-open.js'
import { resolveMountpoint } from './mount-point.js'
import { Terminal } from './lost-terminal.js'
import type { MountPlan, RunningMount } from './mount.js'
import { forgetSecrets, secretNames } from './secret-environment.js'
import { insecureWarning, reachOf } from './server-access.js'
import { compilePatiently } from './patient-compiler.js'
import { parseServerUrl, pathInArchive } from './server-url.js'
import { isJournalOfSystemd } from './systemd-journal.js'
import { tellSystemd } from './systemd-notify.js'
import { toCliError } from './to-cli-error.js'

/** `xnatfs mount`: returns when the mount answers, or with --foreground when it has ended. */
export async function mountCommand(path: string, given: MountFlags): Promise<ExitCode> {
  compilePatiently()
  const url = parseServerUrl(given.url)
  const part = pathInArchive(given.url)
  const flags = part === '' ? given : { ...given, readOnly: true }
  checkKernelOpen(flags)
  const mountpoint = await resolveMountpoint(path)
  const foreign = foreignLogIn(url, process.env)
  if (foreign !== undefined && !flags.guest) process.stderr.write(`xnatfs: ${foreign}\n`)
  const reach = reachOf(url, flags, process.env)
  if (reach.isInsecure) process.stderr.write(`xnatfs: ${insecureWarning(url)}\n`)
  const plan = { url, part, mountpoint, flags, reach, logIn: await findLogIn(url, flags) }
  forgetSecrets(secretNames(process.env))
  if (flags.foreground) return serveUntilEnd(plan, await startMount(plan, logTo(flags)))
  const log = await startDaemon(process.argv.slice(2), await logOf(flags, mountpoint), plan)
  const what = part === '' ? url : `${part} of ${url}, read-only,`
  process.stdout.write(`${what} is mounted on ${mountpoint}; log: ${log}\n`)
  return exitCodes.success
}

/** All that a mount is made of is loaded where it is served, and not by the process that starts that one. */
async function startMount(plan: MountPlan, log: Log, unwanted?: AbortSignal): Promise<RunningMount> {
  const { RunningMount: Mount } = await import('./mount.js')
  return Mount.start(plan, log, unwanted)
}

/** Where the process in the background is to log. */
async function logOf({ logFile, journald }: MountFlags, mountpoint: string): Promise<DaemonLog> {
  if (!journald) return { file: logFile ?? (await defaultLogFile(mountpoint)) }
  if (logFile === undefined) return 'journal'
  const reason = 'the log can go to one of them only'
  throw new CliError(exitCodes.usage, {
    thing: '--journald and --log-file',
    reason,
    nextStep: 'leave one away',
  })
}

/** In the process that `xnatfs mount` has started for that. */
export async function serveInBackground(): Promise<ExitCode> {
  compilePatiently()
  const plan = await receivePlan()
  chdir('/') // never inside a mountpoint
  const log = logTo(plan.flags)
  const unwanted = starterGone()
  let mount: RunningMount
  try {
    mount = await startMount(plan, log, unwanted)
  } catch (error) {
    const { exitCode, refusal } = toCliError(error)
    if (unwanted.aborted) log.info(`${plan.mountpoint} is not mounted: ${causeChain(error)}`)
    else await report({ kind: 'failed', exitCode, refusal })
    return exitCode
  }
  const ended = serveUntilEnd(plan, mount) // from now on a signal ends it in order
  if (unwanted.aborted) void mount.stop(true)
  else await report({ kind: 'ready' })
  return ended
}

/** Serves until somebody unmounts, asks over the socket, or sends a signal. */
async function serveUntilEnd(plan: MountPlan, mount: RunningMount): Promise<ExitCode> {
  chdir('/')
  const log = logTo(plan.flags)
  // A bug must not take the mount away under the programs that use it.
  process.on('uncaughtException', (error) =>
    log.error(`unexpected error: ${inspect(error)}; please report it`),
  )
  const limitMs = plan.flags.stopTimeout * 1000
  let isRefused = false
  const stop = (signal: string, isLazy = false, timeoutMs?: number): void => {
    log.info(`${signal}: ending`)
    mount
      .stop(isLazy, timeoutMs)
      .then(({ isDone, message }) => {
        isRefused = !isDone
        log[isDone ? 'info' : 'warn'](message)
      })
      .catch((error: unknown) => log.error(`cannot end: ${causeChain(error)}`))
  }
  let interrupts = 0
  process.on('SIGINT', () => stop('SIGINT', isRefused, interrupts++ > 0 ? limitMs : undefined))
  process.on('SIGTERM', () => stop('SIGTERM', false, limitMs))
  const terminal = new Terminal()
  process.on('SIGHUP', () => (terminal.isLost ? stop('SIGHUP', false, limitMs) : mount.refresh()))
  tellSystemd(`${plan.url} is mounted on ${plan.mountpoint}`, log)
  const answer = await mount.ended()
  return answer.isDone && (answer.unsent ?? []).length === 0 ? exitCodes.success : exitCodes.failure
}

/** In the background the starting process has made the log file, or the journal, our stderr. */
function logTo({ logFile, logLevel, foreground, journald }: MountFlags): Log {
  const isFile = foreground && logFile !== undefined
  const isJournal = foreground ? !isFile && isJournalOfSystemd(2) : journald
  if (!process.stderr.listeners('error').includes(lineIsLost)) process.stderr.on('error', lineIsLost)
  const write = (line: string): void => {
    if (!isFile) return void process.stderr.write(`${line}\n`)
    try {
      appendFileSync(logFile, `${line}\n`, { mode: 0o600 })
    } catch {
      lineIsLost()
    }
  }
  return new Log({ level: logLevel, write, style: isJournal ? 'journal' : 'file' })
}

/** A full disk, a terminal that was closed or a reader that has gone is no failure of what is logged. `xnatfs status` has it. */
function lineIsLost(): void {}
