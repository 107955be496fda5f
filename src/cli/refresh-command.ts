import { askMount, refusedByMount } from './ask-mount.js'
import { exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { findMount } from './find-mount.js'

/** `xnatfs refresh`: what the server has at a path and below is asked for anew when it is looked at next. */
export async function refreshCommand(path: string): Promise<ExitCode> {
  const found = await findMount(path)
  const answer = await askMount(found.mountpoint, { command: 'refresh', path: found.path })
  if (!answer.isDone) throw refusedByMount(found.mountpoint, answer)
  process.stdout.write(`${answer.message}\n`)
  return exitCodes.success
}
