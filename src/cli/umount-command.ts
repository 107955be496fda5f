import { isDeadMount, mountAt, unmount } from '../fuse/mountpoint.js'
import { causeChain } from '../util/log.js'
import { askControl } from './control.js'
import { unsentLine } from './unsent-line.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { resolveMountpoint } from './mount-point.js'
import type { UmountFlags } from './flags.js'

/** `xnatfs umount`: returns when everything is on the server, or kept and named, and the mount is gone. */
export async function umountCommand(path: string, flags: UmountFlags): Promise<ExitCode> {
  const mountpoint = await resolveMountpoint(path)
  const mounted = await mountAt(mountpoint)
  const lazy = flags.lazy ?? false
  const answer = await askControl(await controlSocket(mountpoint), { command: 'unmount', lazy })
  if (answer) {
    if (!answer.isDone) throw new CliError(exitCodes.failure, answer.message)
    const unsent = answer.unsent ?? []
    process.stdout.write(`${[answer.message, ...unsent.map(unsentLine)].join('\n')}\n`)
    return unsent.length === 0 ? exitCodes.success : exitCodes.failure
  }
  if (!mounted) {
    const advice = '`xnatfs mounts` shows what is mounted'
    throw new CliError(exitCodes.notFound, `nothing is mounted on ${mountpoint}; ${advice}`)
  }
  if (!mounted.fsType.startsWith('fuse') || !(await isDeadMount(mountpoint))) {
    const what = `${mounted.fsType} mount of ${mounted.source}`
    throw new CliError(exitCodes.failure, `${mountpoint} is a ${what} that xnatfs does not serve; use umount`)
  }
  await unmount(mountpoint, { lazy: true }).catch((error: unknown) => {
    throw new CliError(exitCodes.failure, `cannot clear ${mountpoint}: ${causeChain(error)}`, {
      cause: error,
    })
  })
  process.stdout.write(`the program behind ${mountpoint} had died; the mount is cleared away\n`)
  return exitCodes.success
}
