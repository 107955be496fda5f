import { readdir, realpath, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fsType, isDeadMount, mountAt, unmount } from '../fuse/mountpoint.js'
import { causeChain } from '../util/log.js'
import { makeDirectories } from '../util/make-directories.js'
import { CliError, exitCodes } from './exit.js'

/** The path of a mountpoint with its links resolved, without touching the mountpoint itself: it may be dead. */
export async function resolveMountpoint(path: string): Promise<string> {
  const absolute = resolve(path)
  const parent = await realpath(dirname(absolute)).catch(() => undefined)
  if (parent === undefined) {
    const nextStep = 'check the path, or make it by `mkdir -p`'
    throw new CliError(exitCodes.usage, { thing: dirname(absolute), reason: 'does not exist', nextStep })
  }
  const name =
    absolute === dirname(absolute) ? '' : absolute.slice(dirname(absolute).length).replace(/^\//, '')
  const candidate = join(parent, name)
  if (await mountAt(candidate)) return candidate
  return (await realpath(candidate).catch(() => undefined)) ?? candidate
}

/**
 * Makes a directory ready to be mounted on: creates it, and clears away a mount whose program has died.
 * @param notify is told what was done
 * @returns removes what was created, where the mount does not begin
 * @throws CliError when something else is there
 */
export async function prepareMountpoint(
  mountpoint: string,
  notify: (text: string) => void,
): Promise<() => Promise<void>> {
  const mounted = await mountAt(mountpoint)
  if (mounted?.fsType.startsWith('fuse') && (await isDeadMount(mountpoint))) {
    notify(`the program behind the mount on ${mountpoint} has died without unmounting it; clearing it away`)
    await unmount(mountpoint, { lazy: true })
    return prepareMountpoint(mountpoint, notify)
  }
  if (mounted?.fsType === fsType) {
    throw new CliError(exitCodes.failure, {
      thing: mounted.source,
      reason: `is mounted on ${mountpoint} already`,
      nextStep: `run \`xnatfs umount ${mountpoint}\` first`,
    })
  }
  const nextStep = 'take an empty or a new one'
  const isMade = await makeDirectories(mountpoint).catch(async (cause: unknown) => {
    const found = await stat(mountpoint).catch(() => undefined)
    const refusal = found
      ? { reason: 'is no directory', nextStep: 'take an empty directory, or a new one' }
      : { reason: `cannot be made a directory: ${causeChain(cause)}`, nextStep: 'mount where you may write' }
    throw new CliError(exitCodes.usage, { thing: mountpoint, ...refusal }, { cause })
  })
  const inside = await readdir(mountpoint).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const reason = `is no directory that can be read (${code})`
    throw new CliError(exitCodes.usage, { thing: mountpoint, reason, nextStep }, { cause })
  })
  if (inside.length > 0) {
    const reason = `is not empty (such as '${inside[0]}'), and a mount would hide that`
    throw new CliError(exitCodes.usage, { thing: mountpoint, reason, nextStep })
  }
  return async () => {
    if (isMade) await rmdir(mountpoint).catch(() => {}) // somebody has put something there
  }
}
