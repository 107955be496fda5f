import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode, Refusal } from './exit.js'
import type { MountPlan } from './mount.js'
import { withoutSecrets } from './secret-environment.js'
import { toJournal } from './systemd-journal.js'

type DaemonReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly exitCode: ExitCode; readonly refusal: Refusal }

/** A user who waits longer is told where to look: the server is slow, or carries out what a killed mount has asked for. */
const slowStartMs = 3000

/** Set for the process that serves a mount in the background. */
const daemonMark = 'XNATFS_DAEMON'

export function isDaemon(): boolean {
  return process.env[daemonMark] !== undefined && process.send !== undefined
}

/** Where the process in the background writes what it logs, and whatever else it or its libraries have to say. */
export type DaemonLog = 'journal' | { readonly file: string }

/**
 * Starts this program once more, in the background, and gives it the plan by a channel of its own: `ps` shows arguments, which
 * are the same only for whoever looks there.
 * @returns when its mount answers: where its log is, for the user
 * @throws CliError with what the background process failed with
 */
export async function startDaemon(
  parameters: readonly string[],
  log: DaemonLog,
  plan: MountPlan,
): Promise<string> {
  const program = [process.execPath, ...process.execArgv, process.argv[1]!, ...parameters]
  const [command, ...rest] = log === 'journal' ? [...toJournal, ...program] : program
  const file = log === 'journal' ? undefined : await openLog(log.file)
  const child = spawn(command!, rest, {
    detached: true,
    stdio: ['ignore', file?.fd ?? 'ignore', file?.fd ?? 'pipe', 'ipc'],
    env: { ...withoutSecrets(process.env), [daemonMark]: '1' },
  })
  await file?.close()
  let said = '' // of systemd-cat, before the journal is its stderr
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const where = log === 'journal' ? `journalctl -t xnatfs _PID=${child.pid}` : log.file
  const slow = setTimeout(() => process.stderr.write(`xnatfs: still starting; see ${where}\n`), slowStartMs)
  const report = await new Promise<DaemonReport>((resolve) => {
    child.once('message', (message) => resolve(message as DaemonReport))
    child.once('error', ({ message }) =>
      resolve(log === 'journal' ? failed(withoutJournal(message)) : failed(endedEarly(message, where))),
    )
    child.once('close', (code, signal) =>
      resolve(
        failed(said === '' ? endedEarly(`it ended with ${signal ?? code}`, where) : withoutJournal(said)),
      ),
    )
    child.send(plan, () => {}) // whether it arrives, the child tells
  })
  clearTimeout(slow)
  if (report.kind === 'failed') throw new CliError(report.exitCode, report.refusal)
  child.stderr?.destroy()
  child.disconnect()
  child.unref()
  return where
}

async function openLog(path: string): Promise<FileHandle> {
  return open(path, 'a', 0o600).catch((cause: unknown) => {
    const reason = `the log cannot be written there: ${causeChain(cause)}`
    const nextStep = 'give a --log-file that you may write'
    throw new CliError(exitCodes.usage, { thing: path, reason, nextStep }, { cause })
  })
}

/** In the background process: waits for what to serve. */
export function receivePlan(): Promise<MountPlan> {
  return new Promise((resolve) => {
    process.once('message', (message) => resolve(message as MountPlan))
  })
}

/** In the background process: aborts when the starting one ends, as by Ctrl-C, before it has been told how it went. */
export function starterGone(): AbortSignal {
  const gone = new AbortController()
  process.once('disconnect', () => {
    const reason = 'the command that starts it was ended'
    const nextStep = 'start it again if that was not meant'
    gone.abort(new CliError(exitCodes.failure, { thing: 'mount', reason, nextStep }))
  })
  return gone.signal
}

/** In the background process: tells the starting one how it went, and lets it go. */
export async function report(result: DaemonReport): Promise<void> {
  await new Promise<void>((resolve) => {
    process.send!(result, undefined, {}, () => resolve())
  })
  if (process.connected) process.disconnect()
}

function failed(refusal: Refusal): DaemonReport {
  return { kind: 'failed', exitCode: exitCodes.failure, refusal }
}

function endedEarly(reason: string, log: string): Refusal {
  const nextStep = `see ${log}, or mount with --foreground`
  return { thing: 'the process in the background', reason, nextStep }
}

function withoutJournal(said: string): Refusal {
  const reason = `there is no journal of systemd here: ${said.trim()}`
  return { thing: '--journald', reason, nextStep: 'leave it away, and the log goes to a file' }
}
