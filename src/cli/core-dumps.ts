import { writeFileSync } from 'node:fs'

/**
 * What is in memory stays out of core dumps, of this process and of those that it starts: passwords, sessions and the bytes
 * of files are there. The filter counts for dumps that go to a program (systemd-coredump) too, which a limit of 0
 * bytes does not (core(5)). Whoever hunts a crash writes 0x33 to /proc/PID/coredump_filter.
 */
export function keepOutOfCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0')
  } catch {
    return // a kernel without core dumps, or a /proc that cannot be written
  }
}
