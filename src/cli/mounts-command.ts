import { exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { knownMounts } from './known-mounts.js'
import type { KnownMount } from './known-mounts.js'
import type { MountsFlags } from './flags.js'
import { durationText } from './text.js'

/** `xnatfs mounts`: what is mounted on this machine. */
export async function mountsCommand(flags: MountsFlags): Promise<ExitCode> {
  const mounts = await knownMounts()
  if (flags.json) {
    const rows = mounts.map(({ mountpoint, url, status }) => ({
      mountpoint,
      url,
      user: status?.user ?? null,
      pid: status?.pid ?? null,
      isReadOnly: status?.isReadOnly ?? null,
    }))
    process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`)
    return exitCodes.success
  }
  if (mounts.length === 0) process.stdout.write('nothing of xnatfs is mounted\n')
  for (const mount of mounts) process.stdout.write(`${lineOf(mount)}\n`)
  return exitCodes.success
}

function lineOf({ mountpoint, url, status }: KnownMount): string {
  if (!status) return `${mountpoint}  ${url}  of another user, or its program does not answer`
  const { user, isReadOnly, pid, uptimeSeconds, pending } = status
  const mode = isReadOnly ? ', read-only' : ''
  const unsent = pending.length > 0 ? `, ${pending.length} files pending` : ''
  return `${mountpoint}  ${url}  as ${user}${mode}, process ${pid}, for ${durationText(uptimeSeconds)}${unsent}`
}
