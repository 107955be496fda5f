import type { Archive, DirectoryEntry } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'

/** Links of links end somewhere. */
const mostSteps = 100

/** The directory at a path of the archive, by any spelling that resolves. @throws FsError */
export async function findDirectory(archive: Archive, path: string): Promise<DirectoryEntry> {
  const way: DirectoryEntry[] = [archive.root]
  const names = path.split('/')
  for (let steps = 0; names.length > 0 && steps < mostSteps; steps++) {
    const name = names.shift()!
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (way.length > 1) way.pop()
      continue
    }
    const entry = await archive.lookup(way.at(-1)!, name)
    if (!entry) throw new FsError('ENOENT', `${path}: there is no '${name}'`)
    if (entry.kind === 'file') throw new FsError('ENOTDIR', `${path}: '${name}' is a file`)
    if (entry.kind === 'directory') way.push(entry)
    else names.unshift(...(await archive.readlink(entry)).split('/'))
  }
  return way.at(-1)!
}
