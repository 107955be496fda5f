import { setTimeout as wait } from 'node:timers/promises'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { findMount } from './find-mount.js'
import { knownMounts, statusOf } from './known-mounts.js'
import type { MountStatus } from './mount-status.js'
import type { StatusFlags } from './flags.js'
import { statusText } from './status-text.js'

const watchMs = 1000
/** Home, and what is below goes. */
const clearScreen = '\u001B[H\u001B[J'

/** `xnatfs status`: what the mounts of this user are doing, or the one that a path is in. */
export async function statusCommand(path: string | undefined, flags: StatusFlags): Promise<ExitCode> {
  const mountpoint = path === undefined ? undefined : (await findMount(path)).mountpoint
  const first = await ask(mountpoint)
  if (first.length === 0) {
    throw new CliError(
      exitCodes.notFound,
      mountpoint === undefined
        ? {
            thing: 'mounts',
            reason: 'this user has none of xnatfs',
            nextStep: '`xnatfs mount` makes one',
          }
        : {
            thing: mountpoint,
            reason: 'does not answer: another user has mounted it, or its program has died',
            nextStep: `\`xnatfs umount ${mountpoint}\` clears away what has died`,
          },
    )
  }
  show(first, mountpoint, flags)
  if (!flags.watch) return exitCodes.success
  for (;;) {
    await wait(watchMs)
    const now = await ask(mountpoint)
    if (now.length === 0) return exitCodes.success // all of them have ended
    show(now, mountpoint, flags)
  }
}

async function ask(mountpoint: string | undefined): Promise<MountStatus[]> {
  const statuses =
    mountpoint === undefined
      ? (await knownMounts()).map(({ status }) => status)
      : [await statusOf(mountpoint)]
  return statuses.filter((status) => status !== undefined)
}

function show(statuses: readonly MountStatus[], mountpoint: string | undefined, flags: StatusFlags): void {
  const text = flags.json
    ? JSON.stringify(mountpoint === undefined ? statuses : statuses[0], undefined, flags.watch ? 0 : 2)
    : statuses.map(statusText).join('\n\n')
  const isScreen = flags.watch && !flags.json && process.stdout.isTTY
  process.stdout.write(`${isScreen ? clearScreen : ''}${text}\n`)
}
