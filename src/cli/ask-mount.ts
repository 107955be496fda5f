import { askControl } from './control.js'
import type { ControlAnswer, ControlRequest } from './control.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { PrefetchReport } from './prefetch-task.js'

/** Asks the mount at this path. @throws CliError when no mount of this user is there */
export async function askMount(
  mountpoint: string,
  request: ControlRequest,
  onProgress?: (progress: PrefetchReport) => void,
): Promise<ControlAnswer> {
  const answer = await askControl(await controlSocket(mountpoint), request, onProgress)
  if (answer) return answer
  const advice = '`xnatfs mounts` shows what is mounted'
  throw new CliError(exitCodes.notFound, `nothing of xnatfs is mounted on ${mountpoint}; ${advice}`)
}
