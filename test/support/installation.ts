import { chmod, cp, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { repository, shell } from './processes.js'

const addon = 'native/build/Release/xnatfs_fuse.node'

/**
 * The built program with what it needs at run time, where any user can read it: a clone may lie in a private home.
 * @param options.withAddon false: as on a machine where the driver libfuse3 cannot be built
 */
export async function installForAnybody(options: { readonly withAddon: boolean }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-program-'))
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'node_modules'))
  for (const part of ['dist', 'package.json', ...(options.withAddon ? [addon] : [])])
    await cp(join(repository, part), join(folder, part), { recursive: true })
  const listed = await shell('npm ls --omit=dev --all --parseable 2>/dev/null | tail -n +2', {
    cwd: repository,
  })
  for (const path of listed.split('\n').filter((line) => line !== '')) {
    await cp(path, join(folder, relative(repository, path)), { recursive: true })
  }
  return folder
}
