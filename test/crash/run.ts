import { rm } from 'node:fs/promises'
import type { Arena } from './arena.js'
import { LaneModel, absent } from './lane-model.js'
import type { Content, Expectation } from './lane-model.js'
import { rootOf } from './server-files.js'
import type { Root } from './server-files.js'
import { describeStep } from './steps.js'
import type { Lane, Result } from './steps.js'
import { judge } from './verdict.js'
import type { Found } from './verdict.js'
import type { Shown, WorkerLane, WorkerStart } from './worker-protocol.js'
import { died } from './worker-process.js'
import type { WorkerProcess } from './worker-process.js'

export interface RunOptions {
  readonly writeMode: 'close' | 'back'
  /** Nothing fails but what is refused. */
  readonly isHealthy: boolean
  /** A fault of the server damages files that were sent to it. */
  readonly isDamaged?: boolean
  /** Files that a fault of the server makes by itself. */
  readonly strays?: RegExp
}

/** One run: programs, their resources on the server, and a state directory that its workers share, one by one. */
export class Run {
  readonly arena: Arena
  readonly lanes: readonly Lane[]
  readonly writeMode: 'close' | 'back'
  readonly isHealthy: boolean
  readonly #roots: ReadonlyMap<string, Root>
  readonly #strays: RegExp | undefined
  readonly #isDamaged: boolean
  #stateDirectory = ''

  constructor(arena: Arena, lanes: readonly Lane[], options: RunOptions) {
    this.arena = arena
    this.lanes = lanes
    this.writeMode = options.writeMode
    this.isHealthy = options.isHealthy
    this.#strays = options.strays
    this.#isDamaged = options.isDamaged ?? false
    const labels = lanes.flatMap((lane) => lane.roots)
    this.#roots = new Map(labels.map((label, i) => [label, rootOf(label, i)]))
  }

  get stateDirectory(): string {
    return this.#stateDirectory
  }

  async prepare(): Promise<void> {
    // Workers that were killed never log out, and XNAT refuses a user with very many sessions.
    await this.arena.server.expireSessions()
    this.#stateDirectory = await this.arena.stateDirectory()
    for (const { roots, initial, neighbours } of this.lanes) {
      for (const label of roots) {
        const files = [...initial, ...neighbours].filter(({ path }) => path.startsWith(`${label}/`))
        await this.arena.files.prepare(
          this.#root(label),
          files.map((file) => ({ ...file, path: file.path.slice(label.length + 1) })),
        )
      }
    }
  }

  worker(): WorkerProcess {
    return this.arena.worker()
  }

  /** Starts the layers in a worker, which resumes what earlier ones have left. */
  start(worker: WorkerProcess, killAtCall?: WorkerStart['killAtCall']): ReturnType<WorkerProcess['start']> {
    return worker.start({
      ...this.arena.credentials,
      stateDirectory: this.#stateDirectory,
      writeMode: this.writeMode,
      ...(killAtCall && { killAtCall }),
    })
  }

  /** A worker whose layers are there. @returns undefined when it died meanwhile */
  async begin(): Promise<WorkerProcess | undefined> {
    const worker = this.worker()
    return (await this.start(worker)) === died ? undefined : worker
  }

  /** What a worker is told of the lanes. */
  get workerLanes(): readonly WorkerLane[] {
    return this.lanes.map(({ steps, roots }) => ({
      steps,
      mountPaths: Object.fromEntries(roots.map((label) => [label, this.#root(label).mountPath])),
    }))
  }

  /** What may be found after these results of a lane. @param problems gets what was wrong with the results */
  expectations(lane: number, results: readonly Result[], problems: string[]): Expectation[] {
    const { initial, steps } = this.lanes[lane]!
    const model = new LaneModel(initial, { isHealthy: this.isHealthy, isBack: this.writeMode === 'back' })
    for (const [index, result] of results.entries()) {
      const problem = model.apply(steps[index]!, result)
      if (problem) problems.push(`step ${index}, ${describeStep(steps[index]!)}: ${problem}`)
    }
    const isDone = results.length === steps.length
    const expectations = [model.expectation(), ...(isDone ? [model.clone().expectation(true)] : [])]
    // The step after the last one heard of may have been done, or not.
    const next = steps[results.length]
    if (next && next.op !== 'read' && !model.refusal(next)) {
      for (const code of this.isHealthy ? ['ok'] : ['ok', 'unknown']) {
        const after = model.clone()
        after.apply(next, { code })
        expectations.push(after.expectation())
      }
    }
    return expectations
  }

  /** Everything a worker shows and the server has, when all has been sent that can be sent. */
  async check(worker: WorkerProcess, results: readonly (readonly Result[])[]): Promise<string[]> {
    const shown = await worker.ask({
      kind: 'show',
      paths: [...this.#roots.values()].map(({ mountPath }) => mountPath),
    })
    if (shown === died || !shown) return ['the last worker died']
    const problems: string[] = []
    for (const [index, lane] of this.lanes.entries()) {
      const found = await this.#found(lane, shown)
      const wrong: string[] = []
      const expectations = this.expectations(index, results[index] ?? [], wrong)
      wrong.push(...judge(expectations, found, lane.neighbours).filter((line) => !isRefused(line, shown)))
      problems.push(...wrong.map((problem) => `lane ${index}: ${problem}`))
    }
    if (this.isHealthy && shown.left.length > refusals(shown).length)
      problems.push(`${shown.left.length} entries stay in the journal`)
    if (problems.length > 0) problems.push(...shown.complaints.map((line) => `log: ${line}`))
    return problems
  }

  /** In mode close, what close() said is on the server, without anybody who brings it there. */
  async checkBeforeResuming(results: readonly (readonly Result[])[]): Promise<string[]> {
    const problems: string[] = []
    for (const [index, lane] of this.lanes.entries()) {
      const heard = results[index] ?? []
      const expectations = this.expectations(index, heard, [])
      const stored = await this.#stored(lane)
      const mayBeUnderWay = ['rename', 'unlink'].includes(lane.steps[heard.length]?.op ?? '')
      for (const path of new Set(expectations.flatMap((expected) => [...expected.stored.keys()]))) {
        const acceptable = new Set(
          expectations.flatMap((expected) => [...(expected.stored.get(path) ?? [absent])]),
        )
        const content = stored.get(path) ?? absent
        const isLate = expectations.some(({ meanwhile }) => meanwhile.get(path)?.has(content))
        if (acceptable.has(content) || isLate || (content === absent && mayBeUnderWay)) continue
        problems.push(
          `lane ${index}: ${path}: before resuming the server has ${content}, not ${[...acceptable].join(' or ')}`,
        )
      }
    }
    return problems
  }

  async clear(): Promise<void> {
    for (const root of this.#roots.values()) await this.arena.files.remove(root)
    await rm(this.#stateDirectory, { recursive: true })
  }

  async #found(lane: Lane, shown: Shown): Promise<Found> {
    const visible = new Map<string, Content>()
    for (const label of lane.roots) {
      const { mountPath } = this.#root(label)
      for (const [path, content] of Object.entries(shown.files)) {
        if (path.startsWith(`${mountPath}/`) && !this.#strays?.test(path))
          visible.set(label + path.slice(mountPath.length), content)
      }
    }
    return {
      stored: await this.#stored(lane),
      shown: visible,
      left: new Set(shown.left),
      isDamaged: this.#isDamaged,
    }
  }

  async #stored(lane: Lane): Promise<Map<string, Content>> {
    const stored = new Map<string, Content>()
    for (const label of lane.roots) {
      for (const [path, content] of await this.arena.files.contents(this.#root(label))) {
        if (!this.#strays?.test(path)) stored.set(`${label}/${path}`, content)
      }
    }
    return stored
  }

  #root(label: string): Root {
    return this.#roots.get(label)!
  }
}

/** Deletes that would take files with them which an earlier mount has stored: they wait in the journal. */
function refusals({ complaints }: Shown): readonly string[] {
  return complaints.filter((line) => line.includes('XNAT deletes by prefix'))
}

function isRefused(problem: string, shown: Shown): boolean {
  const name = /([^/:]+): the server has \w+, not absent$/.exec(problem)?.[1]
  return name !== undefined && refusals(shown).some((line) => line.includes(`remove ${name}:`))
}
