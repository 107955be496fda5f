// Child processes: commands that are measured, and servers that run beside them.
import { spawn } from 'node:child_process'

/**
 * Runs a line of shell to its end. A failure is an error that shows what was said.
 * @param signal ends the shell and all that it runs
 * @returns what it printed
 */
export function shell(line, variables, signal) {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', line], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...variables },
      detached: true, // a group of its own, so that it can be ended as a whole
    })
    const abort = () => process.kill(-child.pid, 'SIGTERM')
    signal.addEventListener('abort', abort, { once: true })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) child[name].on('data', (part) => (said[name] += part))
    child.once('error', reject)
    child.once('exit', () => signal.removeEventListener('abort', abort))
    child.once('close', (code) => {
      if (signal.aborted) reject(signal.reason)
      else if (code === 0) resolve(said.stdout)
      else reject(new Error(`'${line}' ended with ${code}: ${said.stderr.slice(-2000)}`))
    })
  })
}

/** Starts a server of its own process group: Ctrl-C is for the bench, which ends it in its turn. */
export function startServer(program, words, { env, stdout = 'ignore', stderr = 'ignore' } = {}) {
  return spawn(program, words, {
    stdio: ['ignore', stdout, stderr],
    env: { ...process.env, ...env },
    detached: true,
  })
}

/** Ends what `startServer` started, and waits for it. */
export async function endServer(child, patienceMs = 60_000) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await ended
  clearTimeout(timer)
}
