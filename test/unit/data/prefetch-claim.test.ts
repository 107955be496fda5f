import { afterEach, expect, it, vi } from 'vitest'
import { Prefetch } from '../../../src/data/prefetch.js'
import { Log } from '../../../src/util/log.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { ResourceSource } from '../../support/resource-source.js'

const source = new ResourceSource({ count: 20, sizeBytes: 1000 })
const end = vi.fn<() => void>()
let prefetch: Prefetch
afterEach(() => prefetch.close())

it('is given back where the rest of a directory cannot be planned', async () => {
  prefetch = new Prefetch({
    archive: source,
    log: new Log({ write: () => {} }),
    budgetBytes: 1_000_000,
    memory: new MemoryBudget(1_000_000),
    isSmall: () => true,
    roomBytes: () => 1_000_000,
    cached: { isHere: () => false, isKept: () => Promise.reject(new Error('the disk is gone')) },
    keep: () => {},
    ready: () => undefined,
    fetch: () => Promise.resolve(),
    claim: () => Promise.resolve({ end }),
  })
  prefetch.listed(source.surroundings.id)
  const [file] = source.files
  const walk = prefetch.enter(source.surroundings, file!)
  const awaited = prefetch.awaited(file!, walk, new AbortController().signal)
  await expect(awaited).rejects.toThrow('the disk is gone')
  expect(end).toHaveBeenCalledOnce()
})
