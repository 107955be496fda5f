import { expect, it } from 'vitest'
import { LaneModel } from './lane-model.js'
import { digestOf, seededBytes } from './steps.js'
import type { Step } from './steps.js'

it('knows that what fsync() has sent lies under the old name while a later version waits under a temporary one', () => {
  const path = 'R/d.bin'
  const model = new LaneModel([{ path, seed: 1, length: 10 }], { isHealthy: true, isBack: true })
  const write = (seed: number): Step => ({ op: 'write', handle: 0, offset: 0, length: 10, seed })
  const steps: Step[] = [
    { op: 'open', handle: 0, path, flags: 'r+' },
    write(2),
    { op: 'sync', handle: 0 },
    write(3),
    { op: 'close', handle: 0 },
    { op: 'rename', path, to: 'R/d.bin~' },
  ]
  for (const step of steps) expect(model.apply(step, { code: 'ok' })).toBeUndefined()
  const { stored, kept } = model.expectation()
  const [before, sent, closed] = [1, 2, 3].map((seed) => digestOf(seededBytes(seed, 10)))
  expect(stored.get(path)).toEqual(new Set(['absent', sent, closed]))
  expect(stored.get(path)).not.toContain(before)
  expect([...kept.get('R/d.bin~')!.found]).toEqual([closed])
})
