import { askMount } from './ask-mount.js'
import { exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { resolveMountpoint } from './mount-point.js'
import { unsentLine } from './unsent-line.js'

/** `xnatfs flush`: returns when everything that was written and closed is on the server, or cannot be sent. */
export async function flushCommand(path: string): Promise<ExitCode> {
  const answer = await askMount(await resolveMountpoint(path), { command: 'flush' })
  process.stdout.write(`${[answer.message, ...(answer.unsent ?? []).map(unsentLine)].join('\n')}\n`)
  return answer.isDone ? exitCodes.success : exitCodes.failure
}
