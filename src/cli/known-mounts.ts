import { fsType, listMounts } from '../fuse/mountpoint.js'
import { askControl } from './control.js'
import { controlSocket } from './directories.js'
import type { MountStatus } from './mount-status.js'

/** A mount of xnatfs on this machine, as far as the kernel lists it for us. */
export interface KnownMount {
  readonly mountpoint: string
  readonly url: string
  /** Undefined where it is another user's, or nothing serves it any more. */
  readonly status: MountStatus | undefined
}

/** A mount that hangs is not waited for longer. */
const patienceMs = 5000

export async function knownMounts(): Promise<KnownMount[]> {
  const byPath = new Map<string, string>()
  for (const { mountpoint, source, fsType: type } of await listMounts()) {
    if (type === fsType) byPath.set(mountpoint, source)
    else byPath.delete(mountpoint) // something lies over it
  }
  return Promise.all(
    [...byPath].map(async ([mountpoint, url]) => ({ mountpoint, url, status: await statusOf(mountpoint) })),
  )
}

export async function statusOf(mountpoint: string): Promise<MountStatus | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined)
  })
  try {
    const answer = askControl(await controlSocket(mountpoint), { command: 'status' })
    return (await Promise.race([answer, late]))?.status
  } finally {
    clearTimeout(timer)
  }
}
