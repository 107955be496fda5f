import { constants as fsConstants } from 'node:fs'
import { constants } from 'node:os'
import { lengthOf } from '../util/pieces.js'
import type { Pieces } from '../util/pieces.js'
import type { Attributes } from '../vfs/attributes.js'
import type { Errno, FuseOperations, MaybePromise } from './driver.js'
import { readAttributeChanges, writeAttributes, xattrNames, xattrValue } from './native-attributes.js'
import { openFlags } from './native-binding.js'
import type { NativeBinding, NativeSession, SessionMemory } from './native-binding.js'
import { NativeDirectories } from './native-directories.js'
import { BackingFiles } from './native-backing-files.js'
import type { Handler, Request } from './native-request.js'
import { SharedOpens } from './native-shared-opens.js'
import { UntoldOpens } from './native-untold-opens.js'

const { EIO, ENODATA, ENOENT } = constants.errno
const { O_EXCL, O_RDONLY } = fsConstants
const accessModeMask = 3

/** Takes the kernel's requests from the native session, asks the operations, and sees to it that each is answered. */
export class NativeRequests {
  readonly #operations: FuseOperations
  readonly #memory: SessionMemory
  readonly #row: number
  readonly #handlers: readonly Handler[]
  readonly #directories: NativeDirectories
  readonly #backing: BackingFiles
  readonly #shared: SharedOpens
  readonly #untold: UntoldOpens
  /** Of requests that wait. */
  readonly #aborts = new Map<number, AbortController>()
  /** For the next request: to make a signal takes longer than most answers, and most come at once. */
  #spare = new AbortController()
  #session!: NativeSession

  /** @param entryTimeoutMs how long the kernel believes what it was told */
  constructor(
    operations: FuseOperations,
    memory: SessionMemory,
    binding: NativeBinding,
    entryTimeoutMs: number,
  ) {
    this.#operations = operations
    this.#memory = memory
    this.#row = binding.requestRow
    this.#directories = new NativeDirectories(operations, memory, binding)
    this.#backing = new BackingFiles()
    this.#shared = new SharedOpens(operations, {
      ...binding,
      memory,
      entryTimeoutMs,
      onAdopted: (ino) => this.#backing.addPlain(ino),
    })
    this.#untold = new UntoldOpens({ operations, forget: (ino) => this.forgetOpens(ino) })
    const table = { ...this.#nodeHandlers(), ...this.#fileHandlers(), ...this.#nameHandlers() }
    this.#handlers = binding.operations.map((operation) => {
      const handler = table[operation]
      if (handler) return handler
      throw new Error(`native/ and dist/ are of different versions: no handler for ${operation}`)
    })
  }

  serve(session: NativeSession): void {
    this.#session = session
    this.#untold.serve(session)
    this.#shared.listen(session, (ino) => this.forgetOpens(ino))
  }

  handle(count: number): void {
    const { requests, requestNames } = this.#memory
    let nameAt = 0
    for (let i = 0; i < count; i++) {
      const at = i * this.#row
      const nameEnd = nameAt + requests[at + this.#row - 2]!
      const secondEnd = nameEnd + requests[at + this.#row - 1]!
      const request: Request = {
        token: requests[at + 1]!,
        ino: requests[at + 2]!,
        handle: requests[at + 3]!,
        values: at + 4,
        name: nameEnd === nameAt ? '' : requestNames.toString('utf8', nameAt, nameEnd),
        secondName: secondEnd === nameEnd ? '' : requestNames.toString('utf8', nameEnd, secondEnd),
      }
      nameAt = secondEnd
      try {
        this.#handlers[requests[at]!]!(request)
      } catch {
        this.#session.replyErrno(request.token, EIO) // the operations have logged what is theirs
      }
    }
  }

  /** Something has become known of some file: what is opened next is looked at. */
  expireOpens(): void {
    this.#shared.expire(this.#session)
  }

  /** The file is looked at when it is opened next, and read only as the operations say. */
  forgetOpens(ino: number): void {
    this.#session.stopServing(ino)
    this.#shared.withdraw(this.#session, ino)
  }

  /** The mount is gone: nobody waits any more. */
  end(): void {
    for (const controller of this.#aborts.values()) controller.abort()
    this.#aborts.clear()
    this.#untold.end()
  }

  #nodeHandlers(): Record<string, Handler> {
    const operations = this.#operations
    return {
      interrupt: ({ token }) => this.#aborts.get(token)?.abort(),
      forget: ({ ino, values }) => {
        this.forgetOpens(ino) // another file may get its number
        this.#untold.close(ino)
        operations.forget(ino, this.#value(values))
      },
      getattr: (request) =>
        this.#attributes(request, (signal) => operations.getattr(request.ino, signal, request.handle !== 0)),
      setattr: (request) => {
        this.#shared.hear(this.#session, request.ino, request.handle)
        const changes = readAttributeChanges(this.#memory, request.values)
        this.#attributes(request, (signal) => operations.setattr(request.ino, changes, signal))
      },
      readlink: (request) =>
        this.#answer(
          request,
          (signal) => operations.readlink(request.ino, signal),
          (target) => this.#session.replyText(request.token, target),
        ),
      getxattr: (request) => this.#xattr(request, (attributes) => xattrValue(attributes, request.name)),
      listxattr: (request) => this.#xattr(request, xattrNames),
      access: (request) =>
        this.#finish(request, () => operations.access(request.ino, this.#value(request.values))),
      opendir: (request) =>
        this.#answer(
          request,
          () => operations.opendir(request.ino),
          ({ handle }) => {
            if (!this.#session.replyOpen(request.token, handle, 0, 0)) operations.releasedir(handle)
          },
        ),
      readdir: (request) => this.#readdir(request, false),
      readdirplus: (request) => this.#readdir(request, true),
      releasedir: (request) => this.#finish(request, () => this.#directories.release(request.handle)),
    }
  }

  #fileHandlers(): Record<string, Handler> {
    const operations = this.#operations
    return {
      open: (request) => this.#open(request),
      opened: ({ ino }) => operations.opened(ino),
      read: (request) => this.#read(request),
      write: (request) => this.#write(request),
      fallocate: (request) => {
        const endBytes = this.#value(request.values)
        this.#finish(request, (signal) => operations.fallocate(request.handle, endBytes, signal))
      },
      flush: (request) => this.#finish(request, (signal) => operations.flush(request.handle, signal)),
      fsync: (request) =>
        this.#finish(request, (signal) => {
          const own = this.#shared.resolve(this.#session, request.ino, request.handle)
          return typeof own === 'number' ? own : operations.fsync(own.handle, signal)
        }),
      release: (request) =>
        this.#finish(request, () => {
          const handle = this.#shared.released(request.handle)
          if (handle === undefined) return 0
          this.#shared.used(this.#session, request.ino, handle)
          this.#backing.release(this.#session, request.ino, handle)
          return operations.release(handle)
        }),
    }
  }

  #nameHandlers(): Record<string, Handler> {
    const operations = this.#operations
    return {
      lookup: (request) => this.#lookup(request),
      create: (request) => this.#create(request),
      mknod: (request) => this.#mknod(request),
      mkdir: (request) => {
        const { ino, name } = request
        this.#entry(request, (signal) => operations.mkdir(ino, name, signal))
      },
      rmdir: (request) =>
        this.#finish(request, (signal) => operations.rmdir(request.ino, request.name, signal)),
      unlink: (request) =>
        this.#finish(request, (signal) => operations.unlink(request.ino, request.name, signal)),
      rename: (request) => {
        const { ino, name, secondName } = request
        const newParent = this.#value(request.values)
        const mayReplace = this.#value(request.values + 1) === 0
        this.#finish(request, (signal) =>
          operations.rename(ino, name, newParent, secondName, { mayReplace }, signal),
        )
      },
    }
  }

  #xattr(
    { token, ino, values }: Request,
    bytesOf: (attributes: ReadonlyMap<string, string>) => Uint8Array | undefined,
  ): void {
    const sizeBytes = this.#value(values)
    this.#answer(
      { token },
      () => this.#operations.xattrs(ino),
      (attributes) => {
        const bytes = bytesOf(attributes)
        if (bytes) this.#session.replyXattr(token, bytes, sizeBytes)
        else this.#session.replyErrno(token, ENODATA)
      },
    )
  }

  #value(index: number): number {
    return this.#memory.requests[index]!
  }

  #readdir({ token, ino, handle, values }: Request, hasAttributes: boolean): void {
    const offset = this.#value(values)
    const page = { token, ino, handle, offset, sizeBytes: this.#value(values + 1), hasAttributes }
    this.#answer(
      page,
      (signal) => this.#directories.listing(page, signal),
      (items) => this.#directories.reply(this.#session, page, items),
    )
  }

  #lookup({ token, ino, name }: Request): void {
    this.#respond(
      token,
      (signal) => this.#operations.lookup(ino, name, signal),
      (found) => {
        if (found === ENOENT) this.#session.replyAbsent(token)
        else if (typeof found === 'number') this.#session.replyErrno(token, found)
        else this.#replyEntry(token, found)
      },
    )
  }

  #open({ token, ino, values }: Request): void {
    const canWrite = (this.#value(values) & accessModeMask) !== O_RDONLY
    const { epoch } = this.#shared
    this.#answer(
      { token },
      (signal) => this.#operations.open(ino, canWrite, signal),
      (opened) => {
        const { handle } = opened
        const backing = this.#backing.acquire(this.#session, ino, opened)
        const isSame = backing === 0 && (opened.untilChanged?.(() => this.forgetOpens(ino)) ?? false)
        const isServed = isSame && this.#backing.serve(this.#session, ino, opened)
        // Before who opened it has the answer, and reads.
        if (isSame && !isServed) this.#shared.offer(this.#session, ino, opened, epoch)
        const isTaken =
          backing >= 0
            ? this.#session.replyOpen(token, handle, openFlags(opened, canWrite), backing)
            : this.#session.replyErrno(token, -backing) && false
        if (isTaken) return
        this.#shared.withdraw(this.#session, ino)
        this.#backing.release(this.#session, ino, handle)
        this.#operations.release(handle)
      },
    )
  }

  #create({ token, ino, name, values }: Request): void {
    const isExclusive = (this.#value(values) & O_EXCL) !== 0
    const options = { mode: this.#value(values + 1), isExclusive }
    this.#answer(
      { token },
      (signal) => this.#operations.create(ino, name, options, signal),
      (created) => {
        const { handle, attributes } = created
        this.#backing.acquire(this.#session, attributes.ino, created)
        writeAttributes(this.#memory, 0, attributes)
        if (this.#session.replyCreate(token, handle, openFlags(created, true))) return
        this.#backing.release(this.#session, attributes.ino, handle)
        this.#operations.release(handle)
        this.#operations.forget(attributes.ino, 1)
      },
    )
  }

  /** A regular file, made and closed. */
  #mknod({ token, ino, name, values }: Request): void {
    const options = { mode: this.#value(values), isExclusive: true }
    this.#answer(
      { token },
      (signal) => this.#operations.create(ino, name, options, signal),
      (created) => {
        this.#operations.release(created.handle)
        this.#replyEntry(token, created.attributes)
      },
    )
  }

  #read({ token, ino, handle, values }: Request): void {
    const offset = this.#value(values)
    const lengthBytes = this.#value(values + 1)
    if (handle === 0)
      return this.#respond(
        token,
        (signal) => this.#untold.read(ino, offset, lengthBytes, signal),
        (bytes) => this.#replyRead(token, ino, bytes),
      )
    this.#shared.used(this.#session, ino, handle)
    const own = this.#shared.resolve(this.#session, ino, handle)
    this.#respond<Pieces | Errno>(
      token,
      (signal) =>
        typeof own === 'number' ? own : this.#operations.read(own.handle, offset, lengthBytes, signal),
      (bytes) => {
        // Before the reader has its answer, and asks for the next part.
        if (typeof bytes !== 'number' && typeof own !== 'number')
          this.#shared.read(this.#session, ino, own.handle, offset, lengthOf(bytes))
        this.#replyRead(token, ino, bytes)
      },
    )
  }

  #replyRead(token: number, ino: number, bytes: Pieces | Errno): void {
    if (typeof bytes === 'number') {
      this.forgetOpens(ino) // it may be another version by now: the next open has to look
      this.#session.replyErrno(token, bytes)
    } else if (bytes instanceof Uint8Array) this.#session.replyBytes(token, bytes)
    else this.#session.replyPieces(token, bytes)
  }

  /** The bytes belong to the session again when this is answered, which is after they are written. */
  #write({ token, handle, values }: Request): void {
    const [offset, lengthBytes, buffer, start] = this.#memory.requests.subarray(values, values + 4)
    const bytes =
      buffer! < 0
        ? this.#session.copiedBytes(token)
        : this.#memory.buffers[buffer!]!.subarray(start, start! + lengthBytes!)
    this.#respond(
      token,
      () => (bytes ? this.#operations.write(handle, offset!, bytes) : EIO),
      (errno) => {
        if (errno === 0) this.#session.replyWritten(token, lengthBytes!)
        else this.#session.replyErrno(token, errno)
      },
    )
  }

  #replyEntry(token: number, attributes: Attributes): void {
    writeAttributes(this.#memory, 0, attributes)
    if (!this.#session.replyEntry(token)) this.#operations.forget(attributes.ino, 1)
  }

  #entry({ token }: Request, task: (signal: AbortSignal) => MaybePromise<Attributes | Errno>): void {
    this.#answer({ token }, task, (attributes) => this.#replyEntry(token, attributes))
  }

  #attributes({ token }: Request, task: (signal: AbortSignal) => MaybePromise<Attributes | Errno>): void {
    this.#answer({ token }, task, (attributes) => {
      writeAttributes(this.#memory, 0, attributes)
      this.#session.replyAttributes(token)
    })
  }

  #finish({ token }: Request, task: (signal: AbortSignal) => MaybePromise<Errno>): void {
    this.#respond(token, task, (errno) => this.#session.replyErrno(token, errno))
  }

  /** An errno is replied; anything else is given to `send`. */
  #answer<T extends object | string>(
    { token }: Pick<Request, 'token'>,
    task: (signal: AbortSignal) => MaybePromise<T | Errno>,
    send: (value: T) => void,
  ): void {
    this.#respond(token, task, (value) => {
      if (typeof value === 'number') this.#session.replyErrno(token, value)
      else send(value)
    })
  }

  /** Asks, and replies at once where nothing has to be waited for. */
  #respond<T>(token: number, task: (signal: AbortSignal) => MaybePromise<T>, send: (value: T) => void): void {
    const controller = this.#spare
    const result = task(controller.signal)
    if (!(result instanceof Promise)) return send(result)
    this.#spare = new AbortController()
    this.#aborts.set(token, controller)
    result
      .then((value) => {
        this.#aborts.delete(token)
        send(value)
      })
      .catch(() => {
        this.#aborts.delete(token)
        this.#session.replyErrno(token, EIO)
      })
  }
}
