// One measurement: time, what went over the wire, and what the processes cost.
import { endedChildrenCpuSeconds, resetPeak, usage } from './process-usage.mjs'

/**
 * @param command runs to its end; may return the seconds it counted itself, without the start of its process
 * @param options.counter of requests and bytes; absent: nothing goes over a wire
 * @param options.pid of the process that serves the mount, if there is one
 */
export async function measure(command, { counter, pid } = {}) {
  await counter?.reset()
  if (pid) resetPeak(pid)
  const daemonBefore = pid && usage(pid).cpuSeconds
  const commandsBefore = endedChildrenCpuSeconds()
  const startedMs = performance.now()
  const counted = await command()
  const seconds = typeof counted === 'number' ? counted : (performance.now() - startedMs) / 1000
  const commandCpuSeconds = endedChildrenCpuSeconds() - commandsBefore
  const wire = await counter?.read()
  const after = pid && usage(pid)
  return {
    seconds,
    commandCpuSeconds,
    ...wire,
    ...(after && { daemonCpuSeconds: after.cpuSeconds - daemonBefore, peakMib: after.peakMib }),
  }
}
