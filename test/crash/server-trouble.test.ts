import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Arena } from './arena.js'
import { troubledRun } from './fault-run.js'
import { SeededRandom } from './seeded-random.js'
import type { WireEvent } from './wire.js'
import { firstSeed, longRuns } from './first-seed.js'

const runs = Math.max(2, Math.ceil(longRuns / 20))
const seeds = Array.from({ length: runs }, (_, i) => firstSeed + i)
const timeoutMs = 60_000

/** A moment on the wire: in a request, in an answer, or between them. */
function somewhere(random: SeededRandom): WireEvent {
  return random.weighted<WireEvent>([
    [3, { after: 'sent-bytes', count: random.between(1, 150_000) }],
    [2, { after: 'received-bytes', count: random.between(1, 30_000) }],
    [2, { after: 'answers', count: random.between(1, 12) }],
  ])
}

describe('a workload goes on, and nothing that close() has promised is lost,', () => {
  let arena: Arena
  /** Over all runs: a moment in one of them may never come. */
  let [cuts, kills] = [0, 0]
  beforeAll(async () => {
    arena = await Arena.start()
  })
  afterAll(() => arena.stop())

  it.each(seeds)(
    'while the connection is cut at any byte (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed)
      const { problems } = await troubledRun(arena, {
        seed,
        writeMode: random.pick(['close', 'back'] as const),
        during: async (work) => {
          const cutAgain = (): void =>
            arena.wire.arm(somewhere(random), () => {
              cuts++
              setImmediate(cutAgain)
            })
          cutAgain()
          await work()
          arena.wire.disarm()
          await sleep(0) // a cut that is under way arms no other
          arena.wire.disarm()
        },
      })
      expect(problems).toEqual([])
      if (seed === seeds.at(-1)) expect(cuts).toBeGreaterThan(0)
    },
    timeoutMs,
  )

  it.each(seeds)(
    'while the server is killed and started again (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed + 7)
      let restarting: Promise<void> = Promise.resolve()
      let killsHere = 0
      const { problems } = await troubledRun(arena, {
        seed: seed + 1_000_000,
        writeMode: random.pick(['close', 'back'] as const),
        during: async (work) => {
          const killLater = (): void =>
            arena.wire.arm(somewhere(random), () => {
              kills++
              killsHere++
              restarting = arena.restartServer().then(() => (killsHere < 3 ? killLater() : undefined))
            })
          killLater()
          await work()
          arena.wire.disarm()
          await restarting
          arena.wire.disarm()
        },
      })
      expect(problems).toEqual([])
      if (seed === seeds.at(-1)) expect(kills).toBeGreaterThan(0)
    },
    timeoutMs,
  )
})
