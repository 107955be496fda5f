import type { FuseDriver } from '../fuse/driver.js'
import type { Log } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { MountFlags } from './flags.js'

type Flags = Pick<MountFlags, 'kernelOpen' | 'readOnly' | 'driver'>

/** @throws CliError where `--kernel-open` is asked for together with what excludes it */
export function checkKernelOpen({ kernelOpen, readOnly, driver }: Flags): void {
  if (!kernelOpen) return
  const thing = '--kernel-open'
  if (!readOnly) {
    const reason = 'is for mounts in which nothing is changed'
    throw new CliError(exitCodes.usage, { thing, reason, nextStep: 'add --read-only, or leave it away' })
  }
  if (driver !== 'fuse-native') return
  const reason = 'is not for the driver fuse-native, which is asked for each file'
  throw new CliError(exitCodes.usage, { thing, reason, nextStep: 'mount with --driver libfuse3' })
}

/** Whether the kernel is to open files without telling. */
export function opensUntold({ kernelOpen }: Flags, driver: FuseDriver, log: Log): boolean {
  if (!kernelOpen) return false
  if (!driver.canOpenUntold)
    log.warn(
      `--kernel-open has no effect with the driver ${driver.name}; mount with --driver libfuse3, which says why it cannot`,
    )
  return driver.canOpenUntold
}
