import * as fsp from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import type { FileFacts, FileSystem } from './file-system.js'

/** A directory of this machine, such as a mount of another process. */
export function mountedFileSystem(name: string, root: string): FileSystem {
  const at = (path: string): string => join(root, path)
  return {
    name,
    list: async (path) => {
      const names: string[] = [] // readdir() would sort them
      for await (const entry of await fsp.opendir(at(path))) names.push(entry.name)
      return names
    },
    stat: async (path) => facts(await fsp.lstat(at(path))),
    readlink: (path) => fsp.readlink(at(path)),
    mkdir: (path) => fsp.mkdir(at(path)),
    rmdir: (path) => fsp.rmdir(at(path)),
    unlink: (path) => fsp.unlink(at(path)),
    rename: (from, to) => fsp.rename(at(from), at(to)),
    truncate: (path, sizeBytes) => fsp.truncate(at(path), sizeBytes),
    utimes: (path, atimeMs, mtimeMs) => fsp.utimes(at(path), atimeMs / 1000, mtimeMs / 1000),
    chmod: (path, mode) => fsp.chmod(at(path), mode),
    open: async (path, flags) => {
      const handle = await fsp.open(at(path), flags)
      return {
        read: async (offset, lengthBytes) => {
          const buffer = Buffer.alloc(lengthBytes)
          let done = 0
          while (done < lengthBytes) {
            const { bytesRead } = await handle.read(buffer, done, lengthBytes - done, offset + done)
            if (bytesRead === 0) break
            done += bytesRead
          }
          return buffer.subarray(0, done)
        },
        write: async (bytes, offset) => {
          for (let done = 0; done < bytes.length;) {
            const position = offset === undefined ? null : offset + done
            done += (await handle.write(bytes, done, bytes.length - done, position)).bytesWritten
          }
        },
        truncate: (sizeBytes) => handle.truncate(sizeBytes),
        sync: () => handle.sync(),
        stat: async () => facts(await handle.stat()),
        close: () => handle.close(),
      }
    },
  }
}

function facts(stats: Stats): FileFacts {
  return {
    kind: stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file',
    sizeBytes: stats.size,
    mtimeMs: stats.mtimeMs,
    mode: stats.mode & 0o7777,
    ino: stats.ino,
    links: stats.nlink,
  }
}
