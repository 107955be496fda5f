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
