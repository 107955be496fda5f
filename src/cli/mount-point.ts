import { mkdir, readdir, realpath, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fsType, isDeadMount, mountAt, unmount } from '../fuse/mountpoint.js'
import { CliError, exitCodes } from './exit.js'

/** The path of a mountpoint with its links resolved, without touching the mountpoint itself: it may be dead. */
export async function resolveMountpoint(path: string): Promise<string> {
  const absolute = resolve(path)
  const parent = await realpath(dirname(absolute)).catch(() => undefined)
  if (parent === undefined) {
    const advice = 'check the path, or make it by `mkdir -p`'
    throw new CliError(exitCodes.usage, `${dirname(absolute)} does not exist; ${advice}`)
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
    const advice = `run \`xnatfs umount ${mountpoint}\` first`
    throw new CliError(exitCodes.failure, `${mounted.source} is mounted on ${mountpoint} already; ${advice}`)
  }
  const made = await mkdir(mountpoint, { recursive: true }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : ''
    const advice = 'mount where you may write'
    throw new CliError(exitCodes.usage, `cannot make the directory ${mountpoint}: ${reason}; ${advice}`, {
      cause,
    })
  })
  const inside = await readdir(mountpoint).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const what = `${mountpoint} is no directory that can be read (${reason})`
    throw new CliError(exitCodes.usage, `${what}; take an empty or a new one`, { cause })
  })
  if (inside.length > 0) {
    const example = `such as '${inside[0]}'`
    throw new CliError(
      exitCodes.usage,
      `${mountpoint} is not empty (${example}), and a mount would hide that; take an empty or a new one`,
    )
  }
  return async () => {
    if (made !== undefined) await rmdir(mountpoint).catch(() => {}) // somebody has put something there
  }
}
