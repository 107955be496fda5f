import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Arena } from './arena.js'
import { crashRun, progress } from './crash-run.js'
import { firstSeed, longRuns } from './first-seed.js'

/** How many runs, and the seed of the first: what failed is repeated by its seed alone. */
const runs = longRuns || 10
const msPerRun = 20_000

describe('a mount that is killed', () => {
  let arena: Arena
  beforeAll(async () => {
    arena = await Arena.start()
  })
  afterAll(() => arena.stop())

  it(
    'loses nothing that close() has promised, and leaves nothing half-written',
    async () => {
      const failed: string[] = []
      let [kills, steps] = [0, 0]
      progress(`${runs} crash runs from seed ${firstSeed}`)
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
        const outcome = await crashRun(arena, seed)
        kills += outcome.kills
        steps += outcome.steps
        if (outcome.problems.length > 0) failed.push([outcome.description, ...outcome.problems].join('\n  '))
        const done = seed - firstSeed + 1
        if (outcome.problems.length > 0) progress(failed.at(-1)!)
        if (done % 25 === 0) progress(`${done} of ${runs} runs, ${failed.length} of them with losses`)
      }
      progress(
        `${runs} crash runs, ${kills} kills, ${steps} steps acknowledged, ${failed.length} runs with losses`,
      )
      expect(failed).toEqual([])
    },
    runs * msPerRun,
  )
})
