// Mounts as the kernel lists them.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The line of /proc/self/mountinfo about a mountpoint, or undefined. */
export function mountedAt(path) {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[4] === path)
}

/** Resolves when a mount is there; fails when its process has ended. */
export async function waitForMount(path, child) {
  const deadline = performance.now() + 30_000
  while (!mountedAt(path)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the process that should mount ${path} has ended`)
    if (performance.now() > deadline) throw new Error(`nothing was mounted on ${path} within 30 s`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Takes away a mount that is still there; for `finally`. */
export function detach(path) {
  if (mountedAt(path)) execFileSync('fusermount3', ['-u', '-z', path])
}
