import { askControl } from './control.js'
import type { ControlAnswer, ControlRequest } from './control.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'

/** Asks the mount at this path. @throws CliError when no mount of this user is there */
export async function askMount(mountpoint: string, request: ControlRequest): Promise<ControlAnswer> {
  const answer = await askControl(await controlSocket(mountpoint), request)
  if (answer) return answer
  throw new CliError(exitCodes.notFound, `nothing of xnatfs is mounted on ${mountpoint}`)
}
