import { askControl } from './control.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { resolveMountpoint } from './mount-point.js'
import { unsentLine } from './unsent-line.js'

/** `xnatfs flush`: returns when everything that was written and closed is on the server, or cannot be sent. */
export async function flushCommand(path: string): Promise<ExitCode> {
  const mountpoint = await resolveMountpoint(path)
  const answer = await askControl(await controlSocket(mountpoint), { command: 'flush' })
  if (!answer) throw new CliError(exitCodes.notFound, `nothing of xnatfs is mounted on ${mountpoint}`)
  process.stdout.write(`${[answer.message, ...(answer.unsent ?? []).map(unsentLine)].join('\n')}\n`)
  return answer.isDone ? exitCodes.success : exitCodes.failure
}
