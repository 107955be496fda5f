import type { FileSystem, OpenFile } from '../support/file-system.js'
import { readFile } from '../support/file-system.js'
import { digestOf, seededBytes } from './steps.js'
import type { Result, Step } from './steps.js'

/** Errors of a mount whose process has died: there is nothing left to call. */
const gone = new Set(['ENOTCONN', 'ECONNABORTED'])

/**
 * Calls a file system step by step. After a failure that leaves it open what has become of a file, its paths are left
 * alone: whoever checks could not say what to expect of them.
 */
export class LaneRunner {
  readonly #fs: FileSystem
  readonly #at: (path: string) => string
  readonly #handles = new Map<number, { readonly file: OpenFile; readonly path: string }>()
  readonly #left = new Set<string>()

  readonly #isHealthy: boolean

  /**
   * @param at where the file system has a path of the lane
   * @param isHealthy nothing fails but what is refused, and what is refused has changed nothing
   */
  constructor(fs: FileSystem, at: (path: string) => string, isHealthy: boolean) {
    this.#fs = fs
    this.#at = at
    this.#isHealthy = isHealthy
  }

  /**
   * @param report called with the result of each step, before the next begins
   * @returns false when the file system died
   */
  async run(steps: readonly Step[], report: (index: number, result: Result) => void): Promise<boolean> {
    for (const [index, step] of steps.entries()) {
      const result = await this.#call(step)
      if (gone.has(result.code)) return false
      report(index, result)
    }
    return true
  }

  /** Closes what is open, although nobody answers. */
  async abandon(): Promise<void> {
    for (const { file } of this.#handles.values()) await file.close().catch(() => {})
  }

  async #call(step: Step): Promise<Result> {
    const paths = this.#pathsOf(step)
    if (!paths || (step.op !== 'close' && paths.some((path) => this.#left.has(path))))
      return { code: 'skipped' }
    try {
      const digest = await this.#perform(step)
      return { code: 'ok', ...(digest !== undefined && { digest }) }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      if (!this.#isHealthy && leavesOpen(step, code)) for (const path of paths) this.#left.add(path)
      return { code }
    }
  }

  /** Undefined for a step with a handle that is not open. */
  #pathsOf(step: Step): readonly string[] | undefined {
    if (step.op === 'rename') return [step.path, step.to]
    if ('path' in step) return [step.path]
    const path = this.#handles.get(step.handle)?.path
    return path === undefined ? undefined : [path]
  }

  async #perform(step: Step): Promise<string | undefined> {
    const fs = this.#fs
    if (step.op === 'read') return digestOf(await readFile(fs, this.#at(step.path)))
    if (step.op === 'open') {
      const file = await fs.open(this.#at(step.path), step.flags)
      this.#handles.set(step.handle, { file, path: step.path })
    } else if (step.op === 'rename') {
      await fs.rename(this.#at(step.path), this.#at(step.to))
      this.#follow(step.path, step.to)
    } else if (step.op === 'truncate') await fs.truncate(this.#at(step.path), step.size)
    else if ('path' in step) await fs[step.op](this.#at(step.path))
    else await this.#use(step)
    return undefined
  }

  /** Handles go with the file; those of a file that was replaced keep it. */
  #follow(from: string, to: string): void {
    if (from === to) return
    for (const [number, { file, path }] of this.#handles) {
      if (path === to) this.#handles.set(number, { file, path: '' })
      if (path === from) this.#handles.set(number, { file, path: to })
    }
  }

  async #use(step: Step & { readonly handle: number }): Promise<void> {
    const { file } = this.#handles.get(step.handle)!
    switch (step.op) {
      case 'write':
        // At the end: a descriptor's own position has not moved.
        return file.write(seededBytes(step.seed, step.length), step.offset ?? (await file.stat()).sizeBytes)
      case 'cut':
        return file.truncate(step.size)
      case 'sync':
        return file.sync()
      default:
        this.#handles.delete(step.handle)
        return file.close()
    }
  }
}

/** After a close() that failed the bytes are still there; after other failures who knows. */
function leavesOpen(step: Step, code: string): boolean {
  if (step.op === 'close' || step.op === 'sync') return code === 'ESTALE' || code === 'EEXIST'
  return !['ENOENT', 'EEXIST', 'EXDEV', 'ENOTEMPTY'].includes(code)
}
