import { execFile } from 'node:child_process'
import type { Log } from '../util/log.js'

/** Tells systemd, where it has started us, that the mount answers: what needs it is started then. */
export function tellSystemd(status: string, log: Log): void {
  if (!process.env['NOTIFY_SOCKET']) return
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`, `--status=${status}`], (error) => {
    if (error)
      log.warn(
        `systemd is not told that the mount answers: ${error.message.trim()}; see whether systemd-notify works here`,
      )
  })
}
