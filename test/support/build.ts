import { execFileSync } from 'node:child_process'
import { repository } from './processes.js'

/** Before the mounted tests: the program they run is the one in this tree, unless scripts/test has just built it. */
export function setup(): void {
  if (process.env['XNATFS_IS_BUILT']) return
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: repository, stdio: 'inherit' })
}
