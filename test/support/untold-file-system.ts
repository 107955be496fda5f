import { constants } from 'node:os'
import type { NativeSession } from '../../src/fuse/native-binding.js'
import { UntoldOpens } from '../../src/fuse/native-untold-opens.js'
import { createOperations } from '../../src/fuse/operations.js'
import { FsError } from '../../src/util/fs-error.js'
import { Log } from '../../src/util/log.js'
import { joined } from '../../src/util/pieces.js'
import type { Attributes } from '../../src/vfs/attributes.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import type { FileSystem } from './file-system.js'
import { vfsFileSystem } from './vfs-file-system.js'

const pageBytes = 4096
const threads = { serve: () => false, releaseServed: () => {} } as unknown as NativeSession

/**
 * As `vfsFileSystem`, for a kernel that opens files without telling (`KernelTraits.opensUntold`): it knows a file as long
 * as somebody here has it open, reads no further than the size that it was told, and has no pages.
 */
export function untoldFileSystem(vfs: Vfs): FileSystem & { readonly opens: UntoldOpens } {
  const operations = createOperations(vfs, new Log({ write: () => {} }))
  const opens = new UntoldOpens({ operations, forget: () => {} })
  opens.serve(threads)
  const plain = vfsFileSystem(vfs)
  /** Each name on the way but the last is forgotten. */
  const lookUp = async (path: string): Promise<Attributes> => {
    const cut = path.lastIndexOf('/')
    const parent = cut < 0 ? { ino: 1 } : await plain.stat(path.slice(0, cut))
    const found = await vfs.lookup(parent.ino, path.slice(cut + 1))
    if (found.kind !== 'symlink') return found
    vfs.forget(found.ino)
    return lookUp(`${path.slice(0, Math.max(cut, 0))}/${await plain.readlink(path)}`)
  }
  return {
    ...plain,
    name: 'vfs, opened untold',
    opens,
    open: async (path, flags) => {
      if (flags !== 'r') return plain.open(path, flags)
      const { ino, sizeBytes } = await lookUp(path)
      return {
        write: refuse,
        truncate: refuse,
        sync: refuse,
        read: async (offset, lengthBytes) => {
          const length = Math.min(lengthBytes, sizeBytes - offset)
          if (length <= 0) return Buffer.alloc(0)
          const pages = Math.ceil(length / pageBytes) * pageBytes
          const bytes = await opens.read(ino, offset, pages, new AbortController().signal)
          if (typeof bytes === 'number') throw failure(bytes, path)
          return joined(bytes).subarray(0, length)
        },
        stat: async () => {
          const { kind, mtimeMs, mode, links, ...now } = await vfs.getattr(ino)
          return { kind, sizeBytes: now.sizeBytes, mtimeMs, mode, ino, links }
        },
        close: async () => {
          opens.close(ino)
          vfs.forget(ino)
        },
      }
    },
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new FsError('EROFS', 'it is open for reading'))
}

function failure(errno: number, path: string): Error {
  const [code] = Object.entries(constants.errno).find(([, number]) => number === errno) ?? ['EIO']
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
