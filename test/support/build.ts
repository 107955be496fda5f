import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sharedFolder } from './packed.js'
import { repository } from './processes.js'

/** Before the mounted tests: the program they run is the one in this tree, unless scripts/test has just built it. */
export function setup(): () => void {
  const shared = process.env[sharedFolder]
  if (!process.env['XNATFS_IS_BUILT'])
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: repository, stdio: 'inherit' })
  if (shared !== undefined) return () => {} // of another project of the same run
  const folder = mkdtempSync(join(tmpdir(), 'xnatfs-shared-'))
  process.env[sharedFolder] = folder
  return () => {
    delete process.env[sharedFolder]
    rmSync(folder, { recursive: true })
  }
}
