import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
/** The program as users run it; built by the global set-up of the mounted tests. */
export const program = join(repository, 'dist', 'cli', 'main.js')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** A tool that hangs on a mount is killed after this. */
  readonly timeoutMs?: number
  readonly uid?: number
}

/** Runs a program to its end. Never throws: a test looks at the outcome. */
export function run(
  command: string,
  parameters: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { env, cwd, input, timeoutMs = 60_000, uid } = options
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...parameters],
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, ...env },
        ...(cwd !== undefined && { cwd }),
        ...(uid !== undefined && { uid, gid: uid }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null
        resolve({ code, stdout, stderr })
      },
    )
    child.stdin?.on('error', () => {}) // a program need not read its input
    child.stdin?.end(input ?? '')
  })
}

/** As `run`, by the shell. A command that fails is an error that shows what it said. */
export async function shell(line: string, options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run('bash', ['-o', 'pipefail', '-c', line], options)
  if (code !== 0) throw new Error(`'${line}' ended with ${code}: ${stderr}${stdout}`)
  return stdout
}

/** `xnatfs: <thing>: <reason>; <next step>`, or what a command does not take, and where that is said. */
const refusal = /^xnatfs: (\S[^]*: [^]*; \S[^]*|[^]*\n`xnatfs.* --help` says what it takes\.)\n$/m

/** Runs a script where what it mounts is seen by itself only, with the rights to do so. */
export function inOwnMounts(script: string, options: RunOptions = {}): Promise<Outcome> {
  const asRoot = process.getuid!() === 0 ? [] : ['--user', '--map-root-user']
  return run('unshare', [...asRoot, '--mount', 'sh', '-c', script], options)
}

/** Runs xnatfs itself. An error where it fails without saying what, why, and what to do. */
export async function xnatfs(parameters: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(process.execPath, [program, ...parameters], options)
  const { stderr } = outcome
  if (outcome.code !== 0 && stderr !== '' && !refusal.test(stderr))
    throw new Error(`xnatfs ${parameters.join(' ')} fails with words that help nobody: ${stderr}`)
  return outcome
}

/** The first line a process prints; an error if it ends before. */
export function firstLine(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('exit', (code, signal) =>
      reject(new Error(`${what} ended with ${code ?? signal} before it was ready`)),
    )
  })
}

/** Ends a process that the test started, and waits for it. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(timer)
}
