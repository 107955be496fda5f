import { isDeadMount, mountAt, unmount } from '../fuse/mountpoint.js'
import { causeChain } from '../util/log.js'
import { refusedByMount } from './ask-mount.js'
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
    if (!answer.isDone) throw refusedByMount(mountpoint, answer)
    const unsent = answer.unsent ?? []
    process.stdout.write(`${[answer.message, ...unsent.map(unsentLine)].join('\n')}\n`)
    return unsent.length === 0 ? exitCodes.success : exitCodes.failure
  }
  if (!mounted) {
    const nextStep = '`xnatfs mounts` shows what is mounted'
    throw new CliError(exitCodes.notFound, {
      thing: mountpoint,
      reason: 'nothing is mounted there',
      nextStep,
    })
  }
  if (!mounted.fsType.startsWith('fuse') || !(await isDeadMount(mountpoint))) {
    throw new CliError(exitCodes.failure, {
      thing: mountpoint,
      reason: `is a ${mounted.fsType} mount of ${mounted.source} that no xnatfs of yours serves`,
      nextStep: `run \`umount ${mountpoint}\`, or have it unmounted by whose it is`,
    })
  }
  await unmount(mountpoint, { lazy: true }).catch((cause: unknown) => {
    const reason = `the program behind it has died, and it cannot be cleared away: ${causeChain(cause)}`
    const nextStep = `have root run \`umount -l ${mountpoint}\``
    throw new CliError(exitCodes.failure, { thing: mountpoint, reason, nextStep }, { cause })
  })
  process.stdout.write(`the program behind ${mountpoint} had died; the mount is cleared away\n`)
  return exitCodes.success
}
