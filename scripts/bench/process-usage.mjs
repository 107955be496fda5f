// What processes cost, from /proc.
import { readFileSync, writeFileSync } from 'node:fs'

const ticksPerSecond = 100 // USER_HZ of every Linux
const fieldsOf = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number)

/** Processor seconds of a process, and its resident memory now and at most. */
export function usage(pid) {
  const fields = fieldsOf(pid)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mibOf = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]) / 1024
  return {
    cpuSeconds: (fields[11] + fields[12]) / ticksPerSecond,
    residentMib: mibOf('VmRSS'),
    peakMib: mibOf('VmHWM'),
  }
}

/** The peak counts from now on. */
export function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Processor seconds of all children of this process that have ended, and of theirs. */
export function endedChildrenCpuSeconds() {
  const fields = fieldsOf('self')
  return (fields[13] + fields[14]) / ticksPerSecond
}
