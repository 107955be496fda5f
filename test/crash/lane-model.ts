import { isTemporaryName } from '../../src/vfs/temporary-names.js'
import { digestOf, seededBytes } from './steps.js'
import type { InitialFile, Result, Step } from './steps.js'

/** A version of a file by its digest, or that there is none. */
export type Content = string
export const absent = 'absent'
/** A version of which nothing was promised. */
export const anything = 'anything'
const empty = digestOf(Buffer.alloc(0))

/** A file as the program sees it, and what may be found of it when everything has been brought home. */
class ModelFile {
  bytes: Buffer
  /** One of these is found under its name. */
  found: ReadonlySet<Content>
  /** close() or rename() failed: if these bytes are not found, they are in the journal. */
  owed: Content | undefined
  /** The other name under which they may be. */
  owedAlsoAt: string | undefined
  /** Written to since it was stored, or never stored. */
  isDirty: boolean
  writers = 0
  /** One of several descriptors was closed: from there on every state is as good as another. */
  isFloating = false
  /** A write() failed: the program knows that its bytes are not what it meant. */
  isSpoiled = false
  /** What the server may have while the journal has what was promised. */
  meanwhile: ReadonlySet<Content> = new Set()

  /**
   * Which of its versions the server may have where, besides: in the mode back nobody knows what was sent, and a file
   * that ends under a temporary name may stay where it was.
   */
  past: ReadonlyMap<string, ReadonlySet<Content>> = new Map()

  constructor(bytes: Buffer, isStored: boolean) {
    this.bytes = bytes
    this.found = new Set([isStored ? digestOf(bytes) : absent])
    this.isDirty = !isStored
  }

  settle(): void {
    const content = this.isSpoiled ? anything : digestOf(this.bytes)
    // A new file that is empty may come to the server later.
    this.meanwhile = content === empty ? new Set([...this.found, absent]) : new Set()
    this.found = new Set([content])
    this.owed = undefined
    this.isDirty = false
  }

  clone(): ModelFile {
    return Object.assign(Object.create(ModelFile.prototype) as ModelFile, this)
  }
}

/** Stored bytes that may still lie under a name that the program has taken away: they move when the file is stored. */
interface Remains {
  readonly file: ModelFile
  readonly found: ReadonlySet<Content>
}

interface ModelHandle {
  readonly file: ModelFile
  readonly canWrite: boolean
  readonly isAppending: boolean
}

/** What may be found of one lane. */
export interface Expectation {
  /** By path, what the server may have; a path that is not here must be absent. */
  readonly stored: ReadonlyMap<string, ReadonlySet<Content>>
  /** By temporary name, what the journal may have; `or`: it may lie there on the server instead. */
  readonly kept: ReadonlyMap<string, { readonly found: ReadonlySet<Content>; readonly or: readonly string[] }>
  /** Bytes that must be in the journal if the server does not have them under one of the paths. */
  readonly owed: readonly { readonly content: Content; readonly paths: readonly string[] }[]
  /** By path, what the server may have besides while the journal has what was promised. */
  readonly meanwhile: ReadonlyMap<string, ReadonlySet<Content>>
}

/**
 * What POSIX says of a lane's files, and what the promise says of their bytes: after close() or fsync() they are to be
 * found; before, the version before is.
 */
export class LaneModel {
  #files = new Map<string, ModelFile>()
  #handles = new Map<number, ModelHandle>()
  #remains = new Map<string, Remains>()
  /** Nothing fails but what is refused: a failure has changed nothing. */
  readonly #isHealthy: boolean
  readonly #isBack: boolean

  constructor(
    initial: readonly InitialFile[],
    options: { readonly isHealthy: boolean; readonly isBack: boolean },
  ) {
    this.#isHealthy = options.isHealthy
    this.#isBack = options.isBack
    for (const { path, seed, length } of initial) {
      const file = new ModelFile(seededBytes(seed, length), true)
      this.#files.set(path, file)
      this.#remember(file, path)
    }
  }

  clone(): LaneModel {
    const copy = new LaneModel([], { isHealthy: this.#isHealthy, isBack: this.#isBack })
    const files = new Map<ModelFile, ModelFile>()
    const cloned = (file: ModelFile): ModelFile => {
      const known = files.get(file) ?? file.clone()
      files.set(file, known)
      return known
    }
    copy.#files = new Map([...this.#files].map(([path, file]) => [path, cloned(file)]))
    copy.#handles = new Map(
      [...this.#handles].map(([number, handle]) => [number, { ...handle, file: cloned(handle.file) }]),
    )
    copy.#remains = new Map(
      [...this.#remains].map(([path, { file, found }]) => [path, { file: cloned(file), found }]),
    )
    return copy
  }

  /** The errno that POSIX asks for, or undefined. A descriptor is not open when its open was refused. */
  refusal(step: Step): string | undefined {
    if (step.op !== 'open' && 'handle' in step && !this.#handles.has(step.handle)) return 'EBADF'
    if (step.op === 'open') {
      const isThere = this.#files.has(step.path)
      if (isThere && step.flags === 'wx') return 'EEXIST'
      return !isThere && step.flags.startsWith('r') ? 'ENOENT' : undefined
    }
    if (step.op === 'mkdir' || step.op === 'rmdir') return undefined
    return 'path' in step && !this.#files.has(step.path) ? 'ENOENT' : undefined
  }

  /** @returns what is wrong with the result, or undefined */
  apply(step: Step, result: Result): string | undefined {
    const { code, digest } = result
    if (code === 'skipped') return undefined
    const refusal = this.refusal(step)
    if (code !== 'ok') {
      const mayRefuse = step.op === 'unlink' || step.op === 'rename'
      if (code === refusal) return undefined
      if (this.#isHealthy)
        return mayRefuse && code === 'EBUSY' ? undefined : `${code} came, not ${refusal ?? 'ok'}`
      if (!refusal) this.#fail(step)
      return undefined
    }
    if (refusal) return `it succeeded in place of ${refusal}`
    if (step.op === 'read') {
      const { bytes, isSpoiled } = this.#files.get(step.path)!
      const expected = digestOf(bytes)
      return isSpoiled || digest === expected
        ? undefined
        : `other bytes were read than written (${digest}, not ${expected})`
    }
    this.#succeed(step)
    return undefined
  }

  /** @param isAlive the program still has its files open: they are sent as they are */
  expectation(isAlive = false): Expectation {
    const stored = new Map<string, Set<Content>>()
    const kept = new Map<string, { found: ReadonlySet<Content>; or: string[] }>()
    const owed: { content: Content; paths: string[] }[] = []
    const meanwhile = new Map<string, ReadonlySet<Content>>()
    for (const [path, file] of this.#files) {
      if (isAlive && file.writers > 0) file.found = new Set([...file.found, digestOf(file.bytes)])
      if (isTemporary(path)) kept.set(path, { found: file.found, or: [] })
      else stored.set(path, new Set(file.found))
      if (file.owed !== undefined) {
        owed.push({ content: file.owed, paths: [path, ...(file.owedAlsoAt ? [file.owedAlsoAt] : [])] })
      }
      meanwhile.set(path, file.meanwhile)
    }
    for (const [path, { file, found }] of this.#remains) {
      if (isTemporary(path)) {
        if (!kept.has(path)) kept.set(path, { found: new Set([absent, ...found]), or: [] })
        continue
      }
      const also = stored.get(path) ?? new Set([absent])
      stored.set(path, new Set([...also, ...found]))
      for (const [temporary, entry] of kept) if (this.#files.get(temporary) === file) entry.or.push(path)
    }
    return { stored, kept, owed, meanwhile }
  }

  #succeed(step: Step): void {
    switch (step.op) {
      case 'open':
        return this.#open(step)
      case 'truncate':
        return this.#truncate(this.#files.get(step.path)!, step)
      case 'rename':
        return this.#rename(step.path, step.to)
      case 'unlink':
        this.#leaveBehind(this.#files.get(step.path)!)
        this.#files.delete(step.path)
        return
      case 'mkdir':
      case 'rmdir':
      case 'read':
        return
      default:
        return this.#use(step, this.#handles.get(step.handle)!)
    }
  }

  #open({ handle, path, flags }: Step & { op: 'open' }): void {
    const file = this.#files.get(path) ?? new ModelFile(Buffer.alloc(0), false)
    this.#files.set(path, file)
    const canWrite = flags !== 'r'
    if (flags.startsWith('w')) this.#change(file, Buffer.alloc(0))
    if (canWrite) file.writers++
    this.#handles.set(handle, { file, canWrite, isAppending: flags === 'a' })
  }

  #use(step: Step & { readonly handle: number }, { file, isAppending, canWrite }: ModelHandle): void {
    switch (step.op) {
      case 'write':
        return this.#change(file, written(file.bytes, isAppending ? undefined : step.offset, step))
      case 'cut':
        return this.#change(file, resized(file.bytes, step.size))
      case 'sync':
        this.#home(file)
        file.past = new Map()
        this.#rememberSent(file)
        return
      default:
        this.#handles.delete(step.handle)
        if (!canWrite) return
        file.writers--
        if (file.isDirty && file.writers > 0) {
          file.meanwhile = new Set([...file.found, ...file.meanwhile])
          file.found = new Set([digestOf(file.bytes)])
          file.isFloating = true
        } else this.#home(file)
    }
  }

  #change(file: ModelFile, bytes: Buffer): void {
    file.bytes = bytes
    file.isDirty = true
    file.owed = undefined // the program has overwritten what its close() could not bring home
    if (file.isFloating) file.found = new Set([...file.found, digestOf(bytes)])
  }

  /** The server, or for a temporary name the journal, has the bytes now. */
  #home(file: ModelFile): void {
    if (!file.isDirty) return
    file.settle()
    file.isFloating = file.writers > 0 && file.isFloating
    const path = this.#pathOf(file)
    if (path === undefined || isTemporary(path)) return
    // A new file that is empty comes to the server later: until then it has what was there.
    const under = this.#remains.get(path)
    if (under && file.meanwhile.size > 0) file.meanwhile = new Set([...file.meanwhile, ...under.found])
    this.#remains.delete(path)
    this.#leaveBehind(file)
    this.#remember(file, path, under?.found)
  }

  /** Everything of it has been sent, under the name that it has: what comes to it later may be sent or not. */
  #rememberSent(file: ModelFile): void {
    const path = this.#pathOf(file)
    if (path !== undefined && !isTemporary(path)) this.#remember(file, path)
  }

  /** @param under what lay under the name before, and does so until this file is sent */
  #remember(file: ModelFile, path: string, under: ReadonlySet<Content> = new Set()): void {
    if (!this.#isBack) return
    const versions = new Set([...(file.past.get(path) ?? []), ...without(file.found, absent), ...under])
    file.past = new Map([...file.past, [path, versions]])
  }

  #truncate(file: ModelFile, { path, size }: { path: string; size: number }): void {
    const before = file.found
    this.#change(file, resized(file.bytes, size))
    if (file.writers === 0) this.#home(file)
    // Without a handle there is no close() that could promise anything of a temporary name.
    if (isTemporary(path)) file.found = new Set([...before, digestOf(file.bytes)])
  }

  #rename(from: string, to: string): void {
    const file = this.#files.get(from)!
    if (from === to) return
    const displaced = this.#files.get(to)
    const under = this.#remains.get(to)
    const wasTemporary = isTemporary(from)
    this.#files.delete(from)
    if (displaced) this.#leaveBehind(displaced)
    this.#files.set(to, file)
    const isOpen = file.writers > 0
    if (isTemporary(to) || isOpen) {
      const stored = without(file.found, absent)
      if ((!wasTemporary || isOpen) && stored.size > 0) this.#remains.set(from, { file, found: stored })
      if (isTemporary(to)) {
        for (const [path, versions] of file.past) {
          if (!isTemporary(path) && !this.#files.has(path)) this.#leave(path, file, versions)
        }
      }
      // Its close() will store it. Until then the version before may be under any of the two names.
      if (isOpen && !isTemporary(to)) {
        const before = displaced && !isTemporary(to) ? displaced.found : new Set([absent])
        file.found = new Set([...file.found, ...before, ...(under?.found ?? []), absent])
        file.isDirty = true
      }
      return
    }
    file.isDirty = true
    this.#home(file)
  }

  #leave(path: string, file: ModelFile, versions: ReadonlySet<Content>): void {
    const found = this.#remains.get(path)?.found ?? []
    this.#remains.set(path, { file, found: new Set([...found, ...versions]) })
  }

  /** The file has left the names behind under which it was stored. */
  #leaveBehind(file: ModelFile): void {
    for (const [path, remains] of this.#remains) if (remains.file === file) this.#remains.delete(path)
  }

  /** It failed, and it is not known how far it had come. */
  #fail(step: Step): void {
    if (step.op === 'rename') return this.#failRename(step.path, step.to)
    if (step.op === 'unlink' || step.op === 'truncate') {
      const file = this.#files.get(step.path)!
      const result = step.op === 'unlink' ? absent : digestOf(resized(file.bytes, step.size))
      file.found = new Set([...file.found, result])
      if (step.op === 'truncate') file.owed = undefined // the program has overwritten it
      return
    }
    if (step.op === 'write' || step.op === 'cut') {
      this.#handles.get(step.handle)!.file.isSpoiled = true
      return
    }
    if (step.op !== 'sync' && step.op !== 'close') return
    const { file, canWrite } = this.#handles.get(step.handle)!
    if (file.isSpoiled) file.found = new Set([...file.found, anything])
    else if (file.isDirty) {
      file.owed = digestOf(file.bytes)
      file.found = new Set([...file.found, file.owed])
    }
    if (step.op === 'sync') return
    this.#handles.delete(step.handle)
    if (canWrite) file.writers--
  }

  #failRename(from: string, to: string): void {
    const file = this.#files.get(from)!
    const bytes = digestOf(file.bytes)
    const displaced = this.#files.get(to)
    const there = new Set([...(displaced?.found ?? [absent]), ...(this.#remains.get(to)?.found ?? []), bytes])
    file.found = new Set([...file.found, absent])
    const other = displaced ?? new ModelFile(file.bytes, true)
    other.found = there
    this.#files.set(to, other)
    file.owed = bytes
    file.owedAlsoAt = to
  }

  #pathOf(file: ModelFile): string | undefined {
    for (const [path, other] of this.#files) if (other === file) return path
    return undefined
  }
}

function isTemporary(path: string): boolean {
  return isTemporaryName(path.slice(path.lastIndexOf('/') + 1))
}

function without<T>(set: ReadonlySet<T>, value: T): Set<T> {
  return new Set([...set].filter((other) => other !== value))
}

function resized(bytes: Buffer, size: number): Buffer {
  const copy = Buffer.alloc(size)
  bytes.copy(copy)
  return copy
}

function written(
  bytes: Buffer,
  offset: number | undefined,
  { length, seed }: { length: number; seed: number },
): Buffer {
  const at = offset ?? bytes.length
  const copy = Buffer.alloc(Math.max(bytes.length, at + length))
  bytes.copy(copy)
  seededBytes(seed, length).copy(copy, at)
  return copy
}
