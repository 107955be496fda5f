import { constants } from 'node:os'
import type { Stat, Statfs } from 'fuse-native'
import type { Attributes } from '../vfs/attributes.js'
import type { AttributeRequest, Errno, MaybePromise } from './driver.js'

const fileTypes: Readonly<Record<Attributes['kind'], number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
}

/** What statfs answers: nobody knows how much room an archive has, so plenty. In blocks of 1 MiB: fuse-native cuts
 *  numbers at 32 bits. */
const statfsBlockBytes = 1024 * 1024
const statfsBlocks = 2 ** 30

/** Goes on at once where nothing has to be waited for: a turn of the event loop costs more than most answers. */
export function andThen<A, B>(value: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

export function reply<T extends object | string, V>(
  answer: MaybePromise<T | Errno>,
  done: (errno: number, value?: V) => void,
  convert: (value: T) => V,
): void {
  const respond = (value: T | Errno): void => {
    if (typeof value === 'number') done(-value)
    else done(0, convert(value))
  }
  if (answer instanceof Promise) answer.then(respond, () => done(-constants.errno.EIO))
  else respond(answer)
}

export function finish(answer: MaybePromise<Errno>, done: (errno: number) => void): void {
  const respond = (errno: Errno): void => done(errno === 0 ? 0 : -errno)
  if (answer instanceof Promise) answer.then(respond, () => done(-constants.errno.EIO))
  else respond(answer)
}

export function owners(uid: number, gid: number): AttributeRequest {
  const unchanged = 0xffffffff // (uid_t) -1
  return { ...(uid !== unchanged && { uid }), ...(gid !== unchanged && { gid }) }
}

const emptyStat: Stat = {
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  dev: 0,
  nlink: 1,
  ino: 0,
  rdev: 0,
  blksize: 4096,
  blocks: 0,
  atime: 0,
  mtime: 0,
  ctime: 0,
}

/** Of `.` and `..`, whose numbers libfuse does not know either. The C library passes over entries without one. */
export const directoryStat: Stat = { ...emptyStat, mode: fileTypes.directory, ino: 0xffffffff }

export function toStat(attributes: Attributes): Stat {
  const mtime = Math.max(0, Math.trunc(attributes.mtimeMs))
  return {
    ...emptyStat,
    mode: fileTypes[attributes.kind] | attributes.mode,
    uid: attributes.uid,
    gid: attributes.gid,
    size: attributes.sizeBytes,
    nlink: attributes.links,
    // fuse-native has room for 32 bits; it is only shown, libfuse has numbers of its own.
    ino: attributes.ino >>> 0 || 1,
    blocks: Math.ceil(attributes.sizeBytes / 512),
    atime: Math.max(0, Math.trunc(attributes.atimeMs)),
    mtime,
    ctime: mtime,
  }
}

export function statfs(): Statfs {
  return {
    bsize: statfsBlockBytes,
    frsize: statfsBlockBytes,
    blocks: statfsBlocks,
    bfree: statfsBlocks,
    bavail: statfsBlocks,
    files: 2 ** 31,
    ffree: 2 ** 31,
    favail: 2 ** 31,
    fsid: 0,
    flag: 0,
    namemax: 255,
  }
}
