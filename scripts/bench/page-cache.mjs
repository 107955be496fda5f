// The kernel's caches: what makes the second run of anything fast.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

export const canDropCaches = process.getuid() === 0

/** Everything is on the disk, and as root nothing is left in the kernel's caches. */
export function dropCaches() {
  syncDisks()
  if (canDropCaches) writeFileSync('/proc/sys/vm/drop_caches', '3')
}

/** What one measurement left to be written is not the burden of the next. */
export function syncDisks() {
  execFileSync('sync')
}

/**
 * Memory that a hypervisor has taken back from this machine is slow when it is first used again (2 s a GiB were seen,
 * against 0.2 s), and who writes a file into the page cache pays for it: all get it used alike, a moment ago.
 */
export function useMemory(bytes) {
  execFileSync(process.execPath, ['-e', 'Buffer.alloc(Number(process.argv[1]), 1)', String(bytes)])
}
