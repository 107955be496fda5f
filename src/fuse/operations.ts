import { constants } from 'node:os'
import { FsError } from '../util/fs-error.js'
import type { ErrnoName } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import type { Log, LogLevel } from '../util/log.js'
import type { Vfs } from '../vfs/vfs.js'
import type { Errno, FuseOperations, MaybePromise } from './driver.js'

/**
 * How loud an error is. Most are answers that a program asked for; what a user cannot guess the reason of is logged.
 * Total: a new name needs its place here.
 */
const loudness: Readonly<Record<ErrnoName, LogLevel>> = {
  EACCES: 'warn',
  EBADF: 'error',
  EBUSY: 'warn',
  EEXIST: 'debug',
  EFBIG: 'error',
  EINTR: 'debug',
  EINVAL: 'warn',
  EIO: 'error',
  EISDIR: 'debug',
  ENAMETOOLONG: 'debug',
  ENODATA: 'debug',
  ENOENT: 'debug',
  ENOSPC: 'error',
  ENOSYS: 'debug',
  ENOTDIR: 'debug',
  ENOTEMPTY: 'debug',
  ENOTSUP: 'warn',
  EPERM: 'warn',
  ERANGE: 'debug',
  EROFS: 'debug',
  ESTALE: 'debug',
  ETIMEDOUT: 'error',
  EXDEV: 'debug',
}

/** What is wrong on this machine, and what to do about it. */
const nextStepOfLocal = {
  EFBIG: 'make it smaller, or mount with XDG_STATE_HOME on a file system that takes larger files',
  ENOSPC: 'free some room on the disk of the state and cache directories',
  EDQUOT: 'free some of your quota for the state and cache directories',
  EMFILE: 'mount with a higher limit of open files (`ulimit -n`)',
  ENFILE: 'have the limit of open files of this machine raised (fs.file-max)',
} as const

function isOfLocalFiles(code: unknown): code is keyof typeof nextStepOfLocal {
  return typeof code === 'string' && Object.hasOwn(nextStepOfLocal, code)
}

/** Operations whose ESTALE, EEXIST or ENOENT tells a user about bytes that did not arrive, or what was not made. */
const carriers = new Set(['read', 'flush', 'fsync', 'rename', 'mkdir'])
const losses: ReadonlySet<ErrnoName> = new Set(['ESTALE', 'EEXIST', 'ENOENT'])

/** The errno of this system, and the one line in the log, of whatever a file system operation failed with. */
export function errnoOf(error: unknown, operation: string, log: Log): Errno {
  if (error instanceof FsError) {
    const isLoss = carriers.has(operation) && losses.has(error.code)
    log[isLoss ? 'warn' : loudness[error.code]](`${operation}: ${error.code} ${error.message}`)
    return constants.errno[error.code as keyof typeof constants.errno]
  }
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return constants.errno.EINTR
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (isOfLocalFiles(code)) {
    log.error(
      `${operation}: ${code} in the local files of the mount: ${causeChain(error)}; ${nextStepOfLocal[code]}`,
    )
    return constants.errno[code]
  }
  const stack =
    error instanceof Error && error.stack ? ` (${error.stack.split('\n').slice(1, 4).join(';')})` : ''
  log.error(`${operation}: unexpected error: ${causeChain(error)}${stack}; please report it`)
  return constants.errno.EIO
}

/** The operations of a Vfs as a driver calls them. */
export function createOperations(vfs: Vfs, log: Log): FuseOperations {
  /** Nothing is thrown into a driver: it has the kernel behind it, which waits for an answer. */
  const answer = <T>(operation: string, task: () => MaybePromise<T>): MaybePromise<T | Errno> => {
    try {
      const result = task()
      return result instanceof Promise
        ? result.catch((error: unknown) => errnoOf(error, operation, log))
        : result
    } catch (error) {
      return errnoOf(error, operation, log)
    }
  }
  const succeed = (operation: string, task: () => MaybePromise<void>): MaybePromise<Errno> =>
    answer(operation, () => {
      const result = task()
      return result instanceof Promise ? result.then(() => 0) : 0
    })
  const at = <T>(operation: string, task: () => T): T | Errno => {
    try {
      return task()
    } catch (error) {
      return errnoOf(error, operation, log)
    }
  }
  const done = (operation: string, task: () => void): Errno => {
    const result = at(operation, task)
    return typeof result === 'number' ? result : 0
  }

  return {
    lookup: (parent, name, signal) => answer('lookup', () => vfs.lookup(parent, name, signal)),
    walk: (parent, name, signal) => answer('lookup', () => vfs.walk(parent, name, signal)),
    forget: (ino, count) => void done('forget', () => vfs.forget(ino, count)),
    getattr: (ino, signal, isOpen) => answer('getattr', () => vfs.getattr(ino, signal, isOpen)),
    setattr: (ino, changes, signal) => answer('setattr', () => vfs.setattr(ino, changes, signal)),
    readlink: (ino, signal) => answer('readlink', () => vfs.readlink(ino, signal)),
    xattrs: (ino) => at('getxattr', () => vfs.xattrs(ino)),
    access: (ino, mask) => done('access', () => vfs.access(ino, mask)),
    opendir: (ino) => at('opendir', () => ({ handle: vfs.opendir(ino), keepCache: false })),
    readdir: (handle, signal) => answer('readdir', () => vfs.readdir(handle, signal)),
    remember: (parent, name, ino) => at('readdir', () => vfs.remember(parent, name, ino)),
    releasedir: (handle) => done('releasedir', () => vfs.releasedir(handle)),
    open: (ino, canWrite, signal) => answer('open', () => vfs.open(ino, canWrite, signal)),
    openUntold: (ino, signal) => answer('open', () => vfs.openUntold(ino, signal)),
    reopen: (ino) => at('open', () => vfs.reopen(ino)),
    create: (parent, name, options, signal) =>
      answer('create', () => vfs.create(parent, name, options, signal)),
    read: (handle, offset, lengthBytes, signal) =>
      answer('read', () => vfs.read(handle, offset, lengthBytes, signal)),
    smallFile: (handle, readBytes) => at('read', () => vfs.smallFile(handle, readBytes)),
    foretell: (tell) => vfs.foretell(tell),
    opened: (ino) => void done('open', () => vfs.opened(ino)),
    write: (handle, offset, bytes) => succeed('write', () => vfs.write(handle, offset, bytes)),
    fallocate: (handle, endBytes, signal) =>
      succeed('fallocate', () => vfs.fallocate(handle, endBytes, signal)),
    flush: (handle, signal) => succeed('flush', () => vfs.flush(handle, signal)),
    fsync: (handle, signal) => succeed('fsync', () => vfs.fsync(handle, signal)),
    release: (handle) => done('release', () => vfs.release(handle)),
    mkdir: (parent, name, signal) => answer('mkdir', () => vfs.mkdir(parent, name, signal)),
    rmdir: (parent, name, signal) => succeed('rmdir', () => vfs.rmdir(parent, name, signal)),
    unlink: (parent, name, signal) => succeed('unlink', () => vfs.unlink(parent, name, signal)),
    rename: (parent, name, newParent, newName, options, signal) =>
      succeed('rename', () => vfs.rename(parent, name, newParent, newName, options, signal)),
    hide: (parent, name, signal) =>
      answer('unlink', async () => ({ ino: await vfs.hide(parent, name, signal) })),
    unhide: (ino) => succeed('release', () => vfs.unhide(ino)),
  }
}
