import { constants } from 'node:os'
import type { Operations, Stat } from 'fuse-native'
import type { Attributes } from '../vfs/attributes.js'
import { xattrPrefix } from '../vfs/extended-attributes.js'
import type { Pieces } from '../util/pieces.js'
import type { AttributeRequest, Errno, FuseOperations, MaybePromise } from './driver.js'
import { directoryStat, finish, owners, reply, statfs, andThen, toStat } from './path-replies.js'

const { EIO, ENODATA, ENOENT, EOPNOTSUPP, EPERM, ESTALE } = constants.errno
const rootIno = 1
const accessModeMask = 3
/** libfuse 2.9 gives an open file that is unlinked or replaced such a name, and unlinks that when it is closed. */
const hiddenName = /\/\.fuse_hidden[^/]*$/

/**
 * Inode-based operations for a driver that calls by path. Every path is walked by `lookup`, which the listings in
 * memory answer; no numbers are held between calls.
 */
export class PathOperations {
  readonly #operations: FuseOperations
  /** Files that lost their name while open, by the one that libfuse gave them. */
  readonly #hidden = new Map<string, number>()

  constructor(operations: FuseOperations) {
    this.#operations = operations
  }

  /** The handlers of fuse-native. Each calls back exactly once. */
  table(): Operations {
    const operations = this.#operations
    return {
      statfs: (_, done) => done(0, statfs()),
      getattr: (path, done) => reply(this.#attributes(path), done, toStat),
      getxattr: (path, name, _, done) => this.#getxattr(path, name, done),
      listxattr: (path, done) =>
        reply(
          this.#at(path, (ino) => operations.xattrs(ino)),
          done,
          (attributes) => [...attributes.keys()],
        ),
      access: (path, mode, done) =>
        finish(
          this.#at(path, (ino) => operations.access(ino, mode)),
          done,
        ),
      // A directory counts as open as long as a program has it open, though each readdir has a handle of its own.
      opendir: (path, _, done) =>
        reply(
          this.#at(path, (ino) => operations.opendir(ino)),
          done,
          (opened) => opened.handle,
        ),
      releasedir: (_, handle, done) => finish(operations.releasedir(handle), done),
      readdir: (path, done) => this.#readdir(path, done),
      readlink: (path, done) =>
        reply(
          this.#at(path, (ino) => operations.readlink(ino)),
          done,
          (target) => target,
        ),
      open: (path, flags, done) => {
        const canWrite = (flags & accessModeMask) !== 0
        const opened = this.#at(path, (ino) => operations.open(ino, canWrite))
        reply(andThen(opened, lookedUpAnew), done, ({ handle }) => handle)
      },
      create: (path, mode, done) =>
        reply(
          this.#inParent(path, (parent, name) =>
            operations.create(parent, name, { mode, isExclusive: false }),
          ),
          done,
          (opened) => {
            operations.forget(opened.attributes.ino, 1)
            return opened.handle
          },
        ),
      read: (_, fd, buffer, length, position, done) => this.#read(fd, buffer, length, position, done),
      write: (_, fd, buffer, length, position, done) => {
        // The bytes belong to libfuse again as soon as this is answered; the answer comes after they are written.
        const written = operations.write(fd, position, buffer.subarray(0, length))
        finish(written, (errno) => done(errno === 0 ? length : errno))
      },
      flush: (_, fd, done) => finish(operations.flush(fd), done),
      fsync: (_, __, fd, done) => finish(operations.fsync(fd), done),
      fsyncdir: (_, __, ___, done) => done(0),
      release: (_, fd, done) => finish(operations.release(fd), done),
      truncate: (path, size, done) => this.#setattr(path, { sizeBytes: size }, done),
      ftruncate: (path, fd, size, done) => this.#setattr(path, { sizeBytes: size, handle: fd }, done),
      utimens: (path, atimeMs, mtimeMs, done) => this.#setattr(path, { atimeMs, mtimeMs }, done),
      chmod: (path, mode, done) => this.#setattr(path, { mode: mode & 0o7777 }, done),
      chown: (path, uid, gid, done) => this.#setattr(path, owners(uid, gid), done),
      mknod: (_, __, ___, done) => done(-EPERM),
      mkdir: (path, _, done) => {
        const made = this.#inParent(path, (parent, name) => operations.mkdir(parent, name))
        reply(made, done, (attributes) => operations.forget(attributes.ino, 1))
      },
      rmdir: (path, done) =>
        finish(
          this.#inParent(path, (parent, name) => operations.rmdir(parent, name)),
          done,
        ),
      unlink: (path, done) => this.#unlink(path, done),
      rename: (from, to, done) => this.#rename(from, to, done),
      link: (_, __, done) => done(-EPERM),
      symlink: (_, __, done) => done(-EPERM),
    }
  }

  #read(fd: number, buffer: Buffer, length: number, position: number, done: (count: number) => void): void {
    const respond = (bytes: Pieces | Errno): void => {
      if (typeof bytes === 'number') return done(-bytes)
      let filled = 0
      for (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
        buffer.set(piece, filled)
        filled += piece.length
      }
      done(filled)
    }
    const bytes = this.#operations.read(fd, position, length)
    if (bytes instanceof Promise) bytes.then(respond, () => done(-EIO))
    else respond(bytes)
  }

  #readdir(path: string, done: (errno: number, names?: string[], stats?: Stat[]) => void): void {
    const operations = this.#operations
    const listed = this.#at(path, (ino) => {
      const opened = operations.opendir(ino)
      if (typeof opened === 'number') return opened
      const items = operations.readdir(opened.handle)
      if (!(items instanceof Promise)) {
        operations.releasedir(opened.handle)
        return items
      }
      return items.finally(() => operations.releasedir(opened.handle))
    })
    const respond = (items: Awaited<typeof listed>): void => {
      if (typeof items === 'number') return done(-items)
      const names = ['.', '..', ...items.map((item) => item.name)]
      done(0, names, [directoryStat, directoryStat, ...items.map((item) => toStat(item.attributes))])
    }
    if (listed instanceof Promise) listed.then(respond, () => done(-EIO))
    else respond(listed)
  }

  /** Of other names there are none: nothing has to be looked up for them. */
  #getxattr(path: string, name: string, done: (errno: number, value?: Buffer) => void): void {
    // Of kinds that are not supported `ls -l` asks once only, not for each file.
    if (!name.startsWith(xattrPrefix)) return done(name.startsWith('user.') ? -ENODATA : -EOPNOTSUPP)
    const found = this.#at(path, (ino) => {
      const attributes = this.#operations.xattrs(ino)
      if (typeof attributes === 'number') return attributes
      const value = attributes.get(name)
      return value === undefined ? ENODATA : { value: Buffer.from(value) }
    })
    reply(found, done, ({ value }) => value)
  }

  #setattr(path: string, changes: AttributeRequest, done: (errno: number) => void): void {
    const changed = this.#at(path, (ino) => this.#operations.setattr(ino, changes))
    reply(changed, done, () => undefined)
  }

  #unlink(path: string, done: (errno: number) => void): void {
    const hidden = this.#hidden.get(path)
    if (hidden !== undefined) {
      this.#hidden.delete(path)
      return finish(this.#operations.unhide(hidden), done)
    }
    finish(
      this.#inParent(path, (parent, name) => this.#operations.unlink(parent, name)),
      done,
    )
  }

  #rename(from: string, to: string, done: (errno: number) => void): void {
    const operations = this.#operations
    if (hiddenName.test(to)) return this.#hide(from, to, done)
    const renamed = this.#inParent(from, (parent, name) =>
      this.#inParent(to, (newParent, newName) =>
        operations.rename(parent, name, newParent, newName, { mayReplace: true }),
      ),
    )
    finish(renamed, done)
  }

  /** Those who have the file open go on by their handles. */
  #hide(from: string, to: string, done: (errno: number) => void): void {
    const hidden = this.#inParent(from, (parent, name) => this.#operations.hide(parent, name))
    reply(hidden, done, ({ ino }) => void this.#hidden.set(to, ino))
  }

  /** The attributes of a path, as the kernel is told them. */
  #attributes(path: string): MaybePromise<Attributes | Errno> {
    return andThen(this.#find(path), (attributes) =>
      typeof attributes === 'number' ? attributes : this.#operations.getattr(attributes.ino),
    )
  }

  /** What a path is, walked from the root. */
  #find(path: string): MaybePromise<Pick<Attributes, 'ino'> | Errno> {
    const hidden = this.#hidden.get(path)
    if (hidden !== undefined) return { ino: hidden }
    if (path === '/') return { ino: rootIno }
    return this.#step(rootIno, path.split('/').slice(1), 0)
  }

  #step(parent: number, names: readonly string[], index: number): MaybePromise<Attributes | Errno> {
    const found = this.#operations.walk(parent, names[index]!)
    return andThen(found, (attributes) => {
      if (typeof attributes === 'number') return attributes
      this.#operations.forget(attributes.ino, 1)
      return index === names.length - 1 ? attributes : this.#step(attributes.ino, names, index + 1)
    })
  }

  #at<T>(path: string, task: (ino: number) => MaybePromise<T | Errno>): MaybePromise<T | Errno> {
    return andThen(this.#find(path), (found) => (typeof found === 'number' ? found : task(found.ino)))
  }

  #inParent<T>(
    path: string,
    task: (parent: number, name: string) => MaybePromise<T | Errno>,
  ): MaybePromise<T | Errno> {
    const cut = path.lastIndexOf('/')
    const name = path.slice(cut + 1)
    if (name === '') return ENOENT
    return this.#at(path.slice(0, cut) || '/', (ino) => task(ino, name))
  }
}

/** The kernel believed that it is there. It looks again, and makes it where it was asked to. */
function lookedUpAnew<T>(opened: T | Errno): T | Errno {
  return opened === ENOENT ? ESTALE : opened
}
