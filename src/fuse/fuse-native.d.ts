/** What is used of the npm package fuse-native 2.2.6, which has no types of its own. */
declare module 'fuse-native' {
  type Done = (errno: number) => void
  type DoneWith<T> = (errno: number, value?: T) => void

  export interface Stat {
    mode: number
    uid: number
    gid: number
    size: number
    dev: number
    nlink: number
    ino: number
    rdev: number
    blksize: number
    blocks: number
    /** Milliseconds since the epoch. */
    atime: number
    mtime: number
    ctime: number
  }

  export interface Statfs {
    bsize: number
    frsize: number
    blocks: number
    bfree: number
    bavail: number
    files: number
    ffree: number
    favail: number
    fsid: number
    flag: number
    namemax: number
  }

  export interface Operations {
    statfs(path: string, done: DoneWith<Statfs>): void
    getattr(path: string, done: DoneWith<Stat>): void
    access(path: string, mode: number, done: Done): void
    opendir(path: string, flags: number, done: (errno: number, handle?: number) => void): void
    releasedir(path: string, handle: number, done: (errno: number) => void): void
    readdir(path: string, done: (errno: number, names?: string[], stats?: Stat[]) => void): void
    getxattr(path: string, name: string, position: number, done: DoneWith<Buffer>): void
    listxattr(path: string, done: DoneWith<string[]>): void
    readlink(path: string, done: DoneWith<string>): void
    open(path: string, flags: number, done: DoneWith<number>): void
    create(path: string, mode: number, done: DoneWith<number>): void
    /** The number of bytes read goes where the errno goes. */
    read(path: string, fd: number, buffer: Buffer, length: number, position: number, done: Done): void
    write(path: string, fd: number, buffer: Buffer, length: number, position: number, done: Done): void
    flush(path: string, fd: number, done: Done): void
    fsync(path: string, isDataOnly: number, fd: number, done: Done): void
    fsyncdir(path: string, isDataOnly: number, fd: number, done: Done): void
    release(path: string, fd: number, done: Done): void
    truncate(path: string, size: number, done: Done): void
    ftruncate(path: string, fd: number, size: number, done: Done): void
    utimens(path: string, atimeMs: number, mtimeMs: number, done: Done): void
    chmod(path: string, mode: number, done: Done): void
    chown(path: string, uid: number, gid: number, done: Done): void
    mknod(path: string, mode: number, device: number, done: Done): void
    mkdir(path: string, mode: number, done: Done): void
    rmdir(path: string, done: Done): void
    unlink(path: string, done: Done): void
    rename(from: string, to: string, done: Done): void
    link(from: string, to: string, done: Done): void
    symlink(target: string, path: string, done: Done): void
  }

  export interface Options {
    allowOther?: boolean
    /** Taken for one mount option; further ones can follow after commas. */
    fsname?: string
    subtype?: string
    autoCache?: boolean
    acAttrTimeout?: string
    attrTimeout?: string
    entryTimeout?: string
    /** False: an operation may take as long as it takes. */
    timeout?: false | number
  }

  /** A handler of the binding: the locals of the FUSE thread, the operation's number, its arguments. */
  export type Handler = (locals: Buffer, operation: number, ...parameters: unknown[]) => void

  class Fuse {
    constructor(mountpoint: string, operations: Partial<Operations>, options?: Options)
    mount(done: (error: Error | null) => void): void
    /** By operation number. */
    readonly _handlers: (Handler | undefined)[]
  }
  export default Fuse
}
