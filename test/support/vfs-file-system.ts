import type { Attributes } from '../../src/vfs/attributes.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import { FsError } from '../../src/util/fs-error.js'
import { joined } from '../../src/util/pieces.js'
import type { FileFacts, FileSystem, OpenFile } from './file-system.js'

const rootIno = 1

/** A Vfs without a kernel: does by inode what the kernel does for a program that goes by path. */
export function vfsFileSystem(vfs: Vfs): FileSystem {
  const walk = async (path: string, followLast = true, depth = 0): Promise<Attributes> => {
    if (depth > 20) throw new FsError('EINVAL', 'too many links', { nextStep: 'take fewer' })
    let here = await vfs.getattr(rootIno)
    const walked: string[] = []
    const names = path.split('/').filter((name) => name !== '' && name !== '.')
    for (const [index, name] of names.entries()) {
      if (name === '..')
        return walk([...walked.slice(0, -1), ...names.slice(index + 1)].join('/'), followLast, depth)
      const found = await vfs.lookup(here.ino, name)
      vfs.forget(found.ino)
      if (found.kind === 'symlink' && (followLast || index < names.length - 1)) {
        const target = await vfs.readlink(found.ino)
        return walk([...walked, target, ...names.slice(index + 1)].join('/'), followLast, depth + 1)
      }
      walked.push(name)
      here = found
    }
    return here
  }
  const parentOf = async (path: string): Promise<[number, string]> => {
    const cut = path.lastIndexOf('/')
    return [(await walk(path.slice(0, Math.max(cut, 0)))).ino, path.slice(cut + 1)]
  }
  const inParent = async (
    path: string,
    task: (parent: number, name: string) => Promise<void>,
  ): Promise<void> => task(...(await parentOf(path)))

  const openFile = (ino: number, handle: number, isAppending: boolean): OpenFile => ({
    read: async (offset, lengthBytes) => Buffer.from(joined(await vfs.read(handle, offset, lengthBytes))),
    write: async (bytes, offset) => {
      const end = isAppending || offset === undefined ? (await vfs.getattr(ino)).sizeBytes : offset
      await vfs.write(handle, end, bytes)
    },
    truncate: async (sizeBytes) => void (await vfs.setattr(ino, { sizeBytes, handle })),
    sync: () => vfs.fsync(handle),
    stat: async () => facts(await vfs.getattr(ino)),
    close: async () => {
      try {
        await vfs.flush(handle)
      } finally {
        vfs.release(handle)
      }
    },
  })

  const find = async (path: string): Promise<Attributes | undefined> => {
    try {
      return await walk(path)
    } catch (error) {
      if (error instanceof FsError && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  return {
    name: 'vfs',
    list: async (path) => {
      const handle = vfs.opendir((await walk(path)).ino)
      const items = await vfs.readdir(handle)
      vfs.releasedir(handle)
      return items.map((item) => item.name)
    },
    stat: async (path) => facts(await walk(path, false)),
    readlink: async (path) => vfs.readlink((await walk(path, false)).ino),
    mkdir: (path) => inParent(path, async (parent, name) => vfs.forget((await vfs.mkdir(parent, name)).ino)),
    rmdir: (path) => inParent(path, (parent, name) => vfs.rmdir(parent, name)),
    unlink: (path) => inParent(path, (parent, name) => vfs.unlink(parent, name)),
    rename: async (from, to) => {
      const [parent, name] = await parentOf(from)
      const [newParent, newName] = await parentOf(to)
      await vfs.rename(parent, name, newParent, newName, { mayReplace: true })
    },
    truncate: async (path, sizeBytes) => void (await vfs.setattr((await walk(path)).ino, { sizeBytes })),
    utimes: async (path, atimeMs, mtimeMs) =>
      void (await vfs.setattr((await walk(path)).ino, { atimeMs, mtimeMs })),
    chmod: async (path, mode) => void (await vfs.setattr((await walk(path)).ino, { mode })),
    open: async (path, flags) => {
      const canWrite = flags !== 'r'
      const existing = await find(path)
      if (existing && flags === 'wx') throw new FsError('EEXIST', path)
      if (!existing && (flags === 'r' || flags === 'r+')) throw new FsError('ENOENT', path)
      if (!existing) {
        const [parent, name] = await parentOf(path)
        const created = await vfs.create(parent, name, { mode: 0o644, isExclusive: true })
        vfs.forget(created.attributes.ino)
        return openFile(created.attributes.ino, created.handle, flags === 'a')
      }
      const { ino, handle } = await openAgain(vfs, existing.ino, canWrite, () => walk(path))
      if (flags.startsWith('w')) await vfs.setattr(ino, { sizeBytes: 0 })
      return openFile(ino, handle, flags === 'a')
    },
  }
}

/** The kernel answers an ESTALE of open() by looking the path up anew, and opens it once more. */
async function openAgain(
  vfs: Vfs,
  ino: number,
  canWrite: boolean,
  lookUp: () => Promise<Attributes>,
): Promise<{ readonly ino: number; readonly handle: number }> {
  try {
    return { ino, handle: (await vfs.open(ino, canWrite)).handle }
  } catch (error) {
    if (!(error instanceof FsError && error.code === 'ESTALE')) throw error
    const { ino: now } = await lookUp()
    return { ino: now, handle: (await vfs.open(now, canWrite)).handle }
  }
}

function facts(attributes: Attributes): FileFacts {
  const { kind, sizeBytes, mtimeMs, mode, ino, links } = attributes
  return { kind, sizeBytes, mtimeMs, mode, ino, links }
}
