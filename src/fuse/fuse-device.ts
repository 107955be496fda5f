import { access, constants } from 'node:fs/promises'
import type { DriverProbe } from './driver.js'

export type Unavailable = Extract<DriverProbe, { isAvailable: false }>

/** What stands against any FUSE mount on this machine. */
export async function probeFuseDevice(device = '/dev/fuse'): Promise<Unavailable | undefined> {
  try {
    await access(device, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return isAbsent
      ? unavailable(
          '/dev/fuse is not there',
          'run `modprobe fuse`, or start the container with --device /dev/fuse',
        )
      : unavailable(
          '/dev/fuse is not accessible for this user',
          'ask the administrator for `chmod 666 /dev/fuse`',
        )
  }
}

export function unavailable(reason: string, remedy: string): Unavailable {
  return { isAvailable: false, reason, remedy }
}

export async function isOnPath(program: string): Promise<boolean> {
  for (const directory of (process.env['PATH'] ?? '').split(':')) {
    try {
      await access(`${directory}/${program}`, constants.X_OK)
      return true
    } catch {
      continue
    }
  }
  return false
}
