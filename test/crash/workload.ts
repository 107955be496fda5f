import { SeededRandom } from './seeded-random.js'
import type { InitialFile, Lane, Step } from './steps.js'

/** Names that programs use, some of them beginnings of others, which XNAT deletes together (xnat-wire.md §6). */
const names = [
  'scan1',
  'x',
  'a.txt',
  'n1',
  'n2.nii',
  'n2.nii.gz',
  'odd name+1',
  'b#c',
  'dir/c',
  'dir/d.bin',
] as const
/** Files of others beside them. */
const neighbourNames = ['scan10', 'x.gz', 'a.txt.bak', 'n1000', 'dir/c10', 'scan1.txt'] as const

export interface WorkloadOptions {
  readonly seed: number
  /** Of the resources. */
  readonly roots: readonly string[]
  /** How many things the program does, each of several steps. */
  readonly tasks: number
  /** Now and then a file is as large as this. */
  readonly largestBytes?: number
}

/** What one program does to the files of its resources: determined by the seed. */
export function makeLane(options: WorkloadOptions): Lane {
  return new LaneMaker(options).make()
}

type Task = (path: string) => Step[]

class LaneMaker {
  readonly #random: SeededRandom
  readonly #options: WorkloadOptions
  /** What is probably there: a step that fails is a step too. */
  readonly #known = new Set<string>()
  #nextHandle = 0
  #nextSeed: number

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#nextSeed = (options.seed % 1_000_000) * 1000
  }

  make(): Lane {
    const { roots, tasks } = this.#options
    const file = (path: string): InitialFile => ({ path, length: this.#size(), seed: this.#seed() })
    const initial = roots.flatMap((root) =>
      names.filter(() => this.#random.chance(0.4)).map((name) => file(`${root}/${name}`)),
    )
    const neighbours = roots.flatMap((root) => neighbourNames.map((name) => file(`${root}/${name}`)))
    for (const { path } of initial) this.#known.add(path)
    const steps: Step[] = []
    for (let i = 0; i < tasks; i++) {
      const first = this.#task(new Set())
      if (!this.#random.chance(0.3)) steps.push(...first)
      else steps.push(...this.#interleaved(first, this.#task(pathsOf(first))))
    }
    return { roots, initial, neighbours, steps }
  }

  /** @param busy paths that the task must leave alone */
  #task(busy: ReadonlySet<string>): Step[] {
    const path = this.#path(busy)
    const isThere = this.#known.has(path)
    const anyTask: [number, Task][] = [
      [6, (p) => this.#write(p)],
      [3, (p) => this.#replaceByRename(p)],
      [2, (p) => this.#twoDescriptors(p)],
      [1, (p) => this.#emptyThenWritten(p)],
      [1, (p) => this.#renameWhileOpen(p, busy)],
      [1, (p) => this.#startedOnly(p)],
      [1, () => this.#folder()],
    ]
    const taskOnExisting: [number, Task][] = [
      [3, (p) => this.#append(p)],
      [4, (p) => this.#patch(p)],
      [2, (p) => [{ op: 'truncate', path: p, size: this.#size() }]],
      [2, (p) => this.#backupByRename(p)],
      [1, (p) => this.#backupThatStays(p)],
      [4, (p) => this.#rename(p, busy)],
      [3, (p) => this.#unlink(p)],
      [1, (p) => this.#unlinkWhileOpen(p)],
      [3, (p) => [{ op: 'read', path: p }]],
    ]
    return this.#random.weighted(isThere ? [...anyTask, ...taskOnExisting] : anyTask)(path)
  }

  #write(path: string): Step[] {
    const handle = this.#open()
    const steps: Step[] = [{ op: 'open', handle, path, flags: this.#random.chance(0.1) ? 'wx' : 'w' }]
    steps.push(...this.#sequential(handle))
    if (this.#random.chance(0.2)) steps.push({ op: 'sync', handle }, this.#writeAtEnd(handle))
    steps.push({ op: 'close', handle })
    this.#known.add(path)
    return steps
  }

  /** A few writes, one after the other, as a program that fills a buffer does. */
  #sequential(handle: number): Step[] {
    const pieces = this.#random.between(1, 3)
    const steps: Step[] = []
    for (let i = 0, offset = 0; i < pieces; i++) {
      const length = Math.ceil(this.#size() / pieces)
      if (length > 0) steps.push({ op: 'write', handle, offset, length, seed: this.#seed() })
      offset += length
    }
    return steps
  }

  #append(path: string): Step[] {
    const handle = this.#open()
    return [
      { op: 'open', handle, path, flags: 'a' },
      this.#writeAtEnd(handle),
      ...(this.#random.chance(0.5) ? [this.#writeAtEnd(handle)] : []),
      { op: 'close', handle },
    ]
  }

  #writeAtEnd(handle: number): Step {
    return { op: 'write', handle, length: this.#random.between(1, 5000), seed: this.#seed() }
  }

  #patch(path: string): Step[] {
    const handle = this.#open()
    const steps: Step[] = [{ op: 'open', handle, path, flags: 'r+' }]
    for (let i = this.#random.between(1, 3); i > 0; i--) steps.push(this.#writeSomewhere(handle))
    if (this.#random.chance(0.3)) steps.push({ op: 'cut', handle, size: this.#size() })
    if (this.#random.chance(0.3)) steps.push({ op: 'sync', handle }, this.#writeSomewhere(handle))
    steps.push({ op: 'close', handle })
    return steps
  }

  #writeSomewhere(handle: number): Step {
    const length = this.#random.between(1, 9000)
    return { op: 'write', handle, offset: this.#random.between(0, 60_000), length, seed: this.#seed() }
  }

  /** As rsync, downloads and safe editors do. */
  #replaceByRename(path: string): Step[] {
    const temporary = temporaryOf(path, this.#random)
    this.#known.add(path)
    const handle = this.#open()
    return [
      { op: 'open', handle, path: temporary, flags: 'w' },
      ...this.#sequential(handle),
      { op: 'close', handle },
      { op: 'rename', path: temporary, to: path },
    ]
  }

  /** As vim does. */
  #backupByRename(path: string): Step[] {
    const handle = this.#open()
    return [
      { op: 'rename', path, to: `${path}~` },
      { op: 'open', handle, path, flags: 'wx' },
      ...this.#sequential(handle),
      { op: 'close', handle },
      { op: 'unlink', path: `${path}~` },
    ]
  }

  #backupThatStays(path: string): Step[] {
    const [rename, ...write] = this.#backupByRename(path)
    return this.#random.chance(0.5)
      ? [rename!, ...write.slice(0, -1)]
      : [rename!, { op: 'rename', path: `${path}~`, to: path }]
  }

  #twoDescriptors(path: string): Step[] {
    const [one, two] = [this.#open(), this.#open()]
    this.#known.add(path)
    return [
      { op: 'open', handle: one, path, flags: 'w' },
      ...this.#sequential(one),
      { op: 'open', handle: two, path, flags: this.#random.chance(0.5) ? 'r+' : 'a' },
      this.#random.chance(0.5) ? this.#writeSomewhere(two) : this.#writeAtEnd(two),
      { op: 'close', handle: one },
      this.#writeSomewhere(two),
      { op: 'close', handle: two },
    ]
  }

  /** As the shell does for `command > file`. */
  #emptyThenWritten(path: string): Step[] {
    const [one, two] = [this.#open(), this.#open()]
    this.#known.add(path)
    return [
      { op: 'open', handle: one, path, flags: 'w' },
      { op: 'close', handle: one },
      ...(this.#random.chance(0.6)
        ? ([
            { op: 'open', handle: two, path, flags: 'r+' },
            ...this.#sequential(two),
            { op: 'close', handle: two },
          ] satisfies Step[])
        : []),
    ]
  }

  /** A program that is still writing when everything ends. */
  #startedOnly(path: string): Step[] {
    const handle = this.#open()
    return [
      { op: 'open', handle, path: `${path}.part`, flags: 'w' },
      ...this.#sequential(handle),
      ...(this.#random.chance(0.5) ? ([{ op: 'close', handle }] satisfies Step[]) : []),
    ]
  }

  #rename(path: string, busy: ReadonlySet<string>): Step[] {
    const to = this.#path(new Set([...busy, path]))
    this.#known.delete(path)
    this.#known.add(to)
    return [{ op: 'rename', path, to }]
  }

  #renameWhileOpen(path: string, busy: ReadonlySet<string>): Step[] {
    const handle = this.#open()
    const to = this.#path(new Set([...busy, path]))
    this.#known.delete(path)
    this.#known.add(to)
    return [
      { op: 'open', handle, path, flags: 'w' },
      ...this.#sequential(handle),
      { op: 'rename', path, to },
      ...(this.#random.chance(0.5) ? [this.#writeAtEnd(handle)] : []),
      { op: 'close', handle },
    ]
  }

  #unlink(path: string): Step[] {
    this.#known.delete(path)
    return [{ op: 'unlink', path }]
  }

  #unlinkWhileOpen(path: string): Step[] {
    const handle = this.#open()
    return [
      { op: 'open', handle, path, flags: 'r+' },
      this.#writeSomewhere(handle),
      ...this.#unlink(path),
      this.#writeSomewhere(handle),
      { op: 'close', handle },
    ]
  }

  #folder(): Step[] {
    const folder = `${this.#random.pick(this.#options.roots)}/folder${this.#nextHandle}`
    const write = this.#write(`${folder}/file`)
    const removal: Step[] = [
      { op: 'unlink', path: `${folder}/file` },
      { op: 'rmdir', path: folder },
    ]
    return [{ op: 'mkdir', path: folder }, ...write, ...(this.#random.chance(0.5) ? removal : [])]
  }

  #interleaved(one: Step[], other: Step[]): Step[] {
    const [left, right] = [[...one], [...other]]
    const steps: Step[] = []
    while (left.length + right.length > 0) {
      const isLeft = right.length === 0 || (left.length > 0 && this.#random.chance(0.5))
      steps.push((isLeft ? left : right).shift()!)
    }
    return steps
  }

  #path(busy: ReadonlySet<string>): string {
    for (;;) {
      const path = `${this.#random.pick(this.#options.roots)}/${this.#random.pick(names)}`
      if (!busy.has(path)) return path
    }
  }

  #size(): number {
    return this.#random.weighted<() => number>([
      [1, () => 0],
      [2, () => this.#random.between(1, 20)],
      [10, () => this.#random.between(21, 20_000)],
      [4, () => this.#random.between(20_000, 300_000)],
      [0.4, () => this.#random.between(300_000, this.#options.largestBytes ?? 2_000_000)],
    ])()
  }

  #open(): number {
    return this.#nextHandle++
  }

  #seed(): number {
    return this.#nextSeed++
  }
}

function temporaryOf(path: string, random: SeededRandom): string {
  const cut = path.lastIndexOf('/') + 1
  const [directory, name] = [path.slice(0, cut), path.slice(cut)]
  return directory + random.pick([`.${name}.Xy12Zw`, `${name}.part`, `.${name}.swp`])
}

/** With the temporary names that belong to them. */
function pathsOf(steps: readonly Step[]): Set<string> {
  const paths = new Set<string>()
  for (const step of steps) {
    for (const path of step.op === 'rename' ? [step.path, step.to] : 'path' in step ? [step.path] : []) {
      paths.add(path)
      paths.add(path.replace(/\/\.([^/]+)\.(?:Xy12Zw|swp)$|\/([^/]+?)(?:~|\.part)$/, '/$1$2'))
    }
  }
  return paths
}
