import { chmod, cp, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { repository, shell } from './processes.js'

const built = 'native/build/Release/xnatfs_fuse.node'

/**
 * The built program with what it needs at run time, where any user can read it: a clone may lie in a private home.
 * @param addon the driver libfuse3: built there, brought along by the package, or none, as where it cannot be built
 */
export async function installForAnybody(addon: 'built' | 'prebuilt' | 'none'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-program-'))
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'node_modules'))
  for (const part of ['dist', 'package.json'])
    await cp(join(repository, part), join(folder, part), { recursive: true })
  const places = { built, prebuilt: `native/prebuilds/linux-${process.arch}/xnatfs_fuse.glibc.node` }
  if (addon !== 'none') await cp(join(repository, built), join(folder, places[addon]))
  const listed = await shell('npm ls --omit=dev --all --parseable 2>/dev/null | tail -n +2', {
    cwd: repository,
  })
  for (const path of listed.split('\n').filter((line) => line !== '')) {
    await cp(path, join(folder, relative(repository, path)), { recursive: true })
  }
  return folder
}
