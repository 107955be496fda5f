import { askControl } from './control.js'
import type { ControlAnswer, ControlRequest } from './control.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { PrefetchReport } from './prefetch-task.js'

/** What a mount answers when it does not do as it was asked. */
export function refusedByMount(mountpoint: string, { message, nextStep, isAbsent }: ControlAnswer): CliError {
  return new CliError(isAbsent ? exitCodes.notFound : exitCodes.failure, {
    thing: mountpoint,
    reason: message,
    nextStep: nextStep ?? `see \`xnatfs status ${mountpoint}\` and its log`,
  })
}

/** Asks the mount at this path. @throws CliError when no mount of this user is there */
export async function askMount(
  mountpoint: string,
  request: ControlRequest,
  onProgress?: (progress: PrefetchReport) => void,
): Promise<ControlAnswer> {
  const answer = await askControl(await controlSocket(mountpoint), request, onProgress)
  if (answer) return answer
  throw new CliError(exitCodes.notFound, {
    thing: mountpoint,
    reason: 'nothing of xnatfs is mounted there that is yours',
    nextStep: '`xnatfs mounts` shows what is mounted',
  })
}
