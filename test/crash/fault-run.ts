import type { FaultRule } from '../../src/emulator/emulator.js'
import type { Arena } from './arena.js'
import { Run } from './run.js'
import type { RunOptions } from './run.js'
import type { Result } from './steps.js'
import { died } from './worker-process.js'
import { makeLane } from './workload.js'

export interface TroubledRun {
  readonly problems: readonly string[]
  readonly results: readonly Result[]
}

export interface Trouble {
  readonly seed: number
  readonly tasks?: number
  readonly writeMode: RunOptions['writeMode']
  readonly strays?: RegExp
  readonly isDamaged?: boolean
  /** Makes the trouble, and ends it before it resolves. */
  readonly during: (work: () => Promise<void>) => Promise<void>
}

/** A workload during which the server or the way to it is in trouble. When it is over, nothing may be missing. */
export async function troubledRun(arena: Arena, trouble: Trouble): Promise<TroubledRun> {
  const { seed, writeMode, strays, isDamaged = false, tasks = 6 } = trouble
  const lanes = [0, 1].map((i) => makeLane({ seed: seed * 8 + i, roots: [`T${seed}_${i}`], tasks }))
  const run = new Run(arena, lanes, { writeMode, isHealthy: false, isDamaged, ...(strays && { strays }) })
  await run.prepare()
  const worker = await run.begin()
  if (!worker) throw new Error('the worker died before it had begun')
  try {
    await trouble.during(async () => {
      const done = await worker.ask({ kind: 'run', lanes: run.workerLanes, isHealthy: false })
      if (done === died) throw new Error('the worker died')
    })
    // The first may join an upload that has begun during the trouble, and fail with it.
    await worker.ask({ kind: 'drain' })
    await worker.ask({ kind: 'drain' })
    const problems = await run.check(worker, worker.results)
    if (problems.length === 0) await run.clear()
    return {
      problems: problems.map((line) => `seed ${seed}: ${line}`),
      results: worker.results.flat(),
    }
  } finally {
    await worker.end()
  }
}

/** Makes the trouble of a fault table. */
export function withFaults(arena: Arena, rules: readonly FaultRule[]): Trouble['during'] {
  return async (work) => {
    await arena.server.setFaults(rules)
    await work()
    await arena.server.setFaults([])
  }
}
