import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fsType, listMounts } from '../fuse/mountpoint.js'
import type { MountInfo } from '../fuse/mountpoint.js'
import { CliError, exitCodes } from './exit.js'

/** A path in a mount of ours. */
export interface PathInMount {
  readonly mountpoint: string
  /** From the mountpoint; '' for the mountpoint itself. */
  readonly path: string
}

/** The mount that a path lies in, whether or not there is anything of that name. @throws CliError when it is none of ours */
export async function findMount(path: string): Promise<PathInMount> {
  const mounts = await listMounts()
  const absolute = resolve(path)
  const found = mountOf(mounts, await withoutLinks(absolute)) ?? mountOf(mounts, absolute)
  if (found) return found
  throw new CliError(exitCodes.notFound, {
    thing: absolute,
    reason: 'is in no mount of xnatfs',
    nextStep: '`xnatfs mount` makes one, and /proc/mounts lists them',
  })
}

async function withoutLinks(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(await withoutLinks(parent), basename(path))
  }
}

/** @param mounts as the kernel lists them: later ones lie over earlier ones */
export function mountOf(mounts: readonly MountInfo[], path: string): PathInMount | undefined {
  let found: MountInfo | undefined
  for (const mount of mounts) {
    const isLonger = mount.mountpoint.length >= (found?.mountpoint.length ?? 0)
    if (isLonger && isIn(path, mount.mountpoint)) found = mount
  }
  if (found?.fsType !== fsType) return undefined
  return { mountpoint: found.mountpoint, path: path.slice(found.mountpoint.length).replace(/^\//, '') }
}

function isIn(path: string, mountpoint: string): boolean {
  return path === mountpoint || path.startsWith(mountpoint.endsWith('/') ? mountpoint : `${mountpoint}/`)
}
