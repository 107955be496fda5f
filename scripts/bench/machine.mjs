// What a reader of a table must know of the machine it was made on.
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'

/** Whether a program is on the PATH. */
export function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export function machineText() {
  const memoryGib = Math.round(totalmem() / 1024 ** 3)
  return `Linux ${release()}, ${cpus().length} × ${cpus()[0].model.trim()}, ${memoryGib} GiB, Node ${process.version}`
}

/** The first line that each of the programs says about its version. */
export function versionsText(programs) {
  const known = { curl: ['--version'], rclone: ['version'], dcm2niix: ['--version'] }
  return programs
    .filter((program) => isInstalled(program))
    .map((program) => {
      let text
      try {
        text = execFileSync(program, known[program], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        })
      } catch (error) {
        text = String(error.stdout) // dcm2niix says its version and fails
      }
      const version = /v?\d+(?:\.\d+)+/.exec(text)?.[0] ?? ''
      return `${program} ${version}`
    })
    .join(', ')
}
