import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Environment } from './credentials.js'

const logInNames = ['XNAT_PASS', 'XNAT_JSESSION']

/** What must not be handed to other programs: log-ins, and proxies with a password. */
export function secretNames(env: Environment): string[] {
  return Object.entries(env)
    .filter(
      ([name, value = '']) => logInNames.includes(name) || (/_proxy$/i.test(name) && value.includes('@')),
    )
    .map(([name]) => name)
}

export function withoutSecrets(env: Environment): Environment {
  const secret = new Set(secretNames(env))
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.has(name)))
}

/**
 * To be called when what the environment has is known: from then on neither programs that are started from here have it,
 * nor whoever looks into /proc/PID/environ.
 */
export function forgetSecrets(names: readonly string[] = logInNames): void {
  for (const name of names) {
    if (process.env[name] === undefined) continue
    blotOut(name)
    delete process.env[name]
  }
}

/**
 * The kernel shows the memory that a process began its environment in, for as long as it lives: unset variables stay there. We
 * write over it. A kernel that does not let us (proc_mem.restrict_write) leaves it readable for this user and root.
 */
function blotOut(name: string): void {
  try {
    const start = environmentStart()
    const text = readFileSync('/proc/self/environ')
    const entry = Buffer.from(`${name}=`)
    const memory = openSync('/proc/self/mem', 'r+')
    try {
      for (let at = 0, end = 0; at < text.length; at = end + 1) {
        end = text.indexOf(0, at)
        if (end < 0) end = text.length
        if (!text.subarray(at, end).subarray(0, entry.length).equals(entry)) continue
        const from = at + entry.length
        writeSync(memory, Buffer.alloc(end - from, '*'), 0, end - from, start + from)
      }
    } finally {
      closeSync(memory)
    }
  } catch {
    return
  }
}

/** Field 50 of proc_pid_stat(5); addresses are below 2^48. The name in field 2 may have spaces. */
function environmentStart(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fromThird = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = Number(fromThird[50 - 3])
  if (!Number.isSafeInteger(start) || start <= 0) throw new Error('no address of the environment')
  return start
}
