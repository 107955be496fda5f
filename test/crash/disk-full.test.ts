import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shell } from '../support/processes.js'
import { Arena } from './arena.js'
import { Run } from './run.js'
import { makeLane } from './workload.js'
import { firstSeed } from './first-seed.js'

const isRoot = process.getuid!() === 0
/** Of the file system for the journal, or, where that cannot be made, of the largest file. */
const roomBytes = 128 * 1024

describe('a full disk under the journal', () => {
  let arena: Arena
  beforeAll(async () => {
    arena = await Arena.start()
  })
  afterAll(() => arena.stop())

  it.each(['close', 'back'] as const)(
    'costs nothing that close() has promised in mode %s',
    async (writeMode) => {
      const seed = firstSeed + (writeMode === 'back' ? 1 : 0)
      const lanes = [makeLane({ seed, roots: [`D${seed}`], tasks: 20 })]
      const run = new Run(arena, lanes, { writeMode, isHealthy: false })
      await run.prepare()
      if (isRoot) await shell(`mount -t tmpfs -o size=${roomBytes} xnatfs-test '${run.stateDirectory}'`)
      try {
        const worker = (await run.begin())!
        if (!isRoot) await shell(`prlimit --pid ${worker.pid} --fsize=${roomBytes}`)
        await worker.ask({ kind: 'run', lanes: run.workerLanes, isHealthy: false })
        if (isRoot) await shell(`mount -o remount,size=64m '${run.stateDirectory}'`)
        else await shell(`prlimit --pid ${worker.pid} --fsize=unlimited`)
        await worker.ask({ kind: 'drain' })
        const problems = await run.check(worker, worker.results)
        const codes = worker.results.flat().map(({ code }) => code)
        await worker.end()
        expect(problems.map((problem) => `seed ${seed}: ${problem}`)).toEqual([])
        expect(codes).toContain(isRoot ? 'ENOSPC' : 'EFBIG')
      } finally {
        if (isRoot) await shell(`umount -l '${run.stateDirectory}'`)
      }
    },
  )
})
