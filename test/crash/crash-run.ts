import { appendFileSync } from 'node:fs'
import type { Arena } from './arena.js'
import { Run } from './run.js'
import { SeededRandom } from './seeded-random.js'
import type { Result } from './steps.js'
import type { WireEvent } from './wire.js'
import { died } from './worker-process.js'
import type { WorkerProcess } from './worker-process.js'
import { makeLane } from './workload.js'

export interface CrashOutcome {
  /** What was lost, mixed or left behind. */
  readonly problems: readonly string[]
  readonly description: string
  readonly kills: number
  readonly steps: number
}

/** When a worker dies. */
type Moment =
  | { readonly kind: 'call'; readonly count: number; readonly isBefore: boolean }
  | { readonly kind: 'step'; readonly count: number; readonly thenMs: number }
  | { readonly kind: 'wire'; readonly event: WireEvent }

/** Calls, exchanges and bytes of a worker's life, roughly. */
const usual = { calls: 12, answers: 6, sentBytes: 60_000, receivedBytes: 15_000 }

/** One run of a workload whose worker is killed, once or more, until one brings everything home. */
export async function crashRun(arena: Arena, seed: number): Promise<CrashOutcome> {
  const random = new SeededRandom(seed)
  const writeMode = random.pick(['close', 'back'] as const)
  const lanes = Array.from({ length: random.between(1, 3) }, (_, i) => {
    const roots = random.chance(0.3) ? [`C${seed}_${i}a`, `C${seed}_${i}b`] : [`C${seed}_${i}`]
    return makeLane({ seed: seed * 8 + i, roots, tasks: random.between(2, 8) })
  })
  const run = new Run(arena, lanes, { writeMode, isHealthy: true })
  await run.prepare()
  const tasks = lanes.reduce((sum, { steps }) => sum + steps.length, 0) / 5
  const moment = momentIn(random, tasks)
  const story = [`seed ${seed}, mode ${writeMode}, killed at ${JSON.stringify(moment)}`]
  const first = await lifeUntil(run, moment, async (worker) => {
    await worker.ask({ kind: 'run', lanes: run.workerLanes, isHealthy: true })
  })
  const results = first?.results ?? []
  const problems = writeMode === 'close' ? await run.checkBeforeResuming(results) : []
  let kills = 1
  for (; kills < 4 && random.chance(0.35); kills++) {
    const next = momentIn(random, 3)
    story.push(`again at ${JSON.stringify(next)}`)
    await lifeUntil(run, next, async (worker) => {
      await worker.ask({ kind: 'drain' })
    })
  }
  problems.push(...(await bringHome(run, results)))
  if (problems.length === 0) await run.clear()
  const steps = results.reduce((sum, lane) => sum + lane.length, 0)
  const where = lanes.map(
    (lane, i) => `lane ${i} heard of ${results[i]?.length ?? 0} of ${lane.steps.length}`,
  )
  return { problems, description: [...story, ...where].join('; '), kills, steps }
}

async function bringHome(run: Run, results: readonly (readonly Result[])[]): Promise<string[]> {
  const worker = await run.begin()
  if (!worker) return ['the last worker died']
  try {
    await worker.ask({ kind: 'drain' })
    return await run.check(worker, results)
  } finally {
    await worker.end()
  }
}

function momentIn(random: SeededRandom, tasks: number): Moment {
  const upTo = (perTask: number): number => random.between(1, Math.max(1, Math.round(perTask * tasks)))
  return random.weighted<() => Moment>([
    [4, () => ({ kind: 'call', count: upTo(usual.calls), isBefore: random.chance(0.5) })],
    [2, () => ({ kind: 'step', count: upTo(5), thenMs: random.between(0, 12) })],
    [2, () => ({ kind: 'wire', event: { after: 'answers', count: upTo(usual.answers) } })],
    [1, () => ({ kind: 'wire', event: { after: 'sent-bytes', count: upTo(usual.sentBytes) } })],
    [1, () => ({ kind: 'wire', event: { after: 'received-bytes', count: upTo(usual.receivedBytes) } })],
  ])()
}

/** A worker that does something until its moment comes, or until it has done it. */
async function lifeUntil(
  run: Run,
  moment: Moment,
  life: (worker: WorkerProcess) => Promise<void>,
): Promise<WorkerProcess | undefined> {
  const { wire } = run.arena
  const worker = run.worker()
  if (moment.kind === 'wire') wire.arm(moment.event, () => worker.kill())
  if (moment.kind === 'step') {
    let left = moment.count
    worker.onStep = () => {
      if (--left === 0) setTimeout(() => worker.kill(), moment.thenMs)
    }
  }
  const started = await run.start(worker, moment.kind === 'call' ? moment : undefined)
  if (started !== died) await life(worker)
  await worker.end()
  wire.disarm()
  return worker
}

/** Says how far a long series of runs has come, also to somebody who watches a file. */
export function progress(line: string): void {
  const file = process.env['XNATFS_CRASH_LOG']
  if (file) appendFileSync(file, `${line}\n`)
  process.stdout.write(`${line}\n`)
}
