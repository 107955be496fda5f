import { describe, expect, it } from 'vitest'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { versionKey } from '../../../src/cache/block-cache.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'

const kiB = 1024
const never = new AbortController().signal
const key = versionKey({ file: 'f', version: 'v', sizeBytes: 100 * kiB, digest: undefined }, 'a')
const block = (): Buffer => Buffer.allocUnsafeSlow(kiB)

function cacheOf(limitBytes: number) {
  const budget = new MemoryBudget(limitBytes)
  return { budget, cache: new MemoryBlockCache({ blockSizeBytes: kiB, budget }) }
}

const here = (cache: MemoryBlockCache): number[] =>
  Array.from({ length: 100 }, (_, i) => i).filter((index) => cache.has(key, index))

describe('a budget', () => {
  it('counts bytes once that a cache and a queue hold, until both have let go', () => {
    const { budget, cache } = cacheOf(100 * kiB)
    const bytes = block()
    cache.put(key, 0, bytes)
    const alone = budget.usedBytes
    expect(alone).toBeGreaterThanOrEqual(kiB)
    budget.pin(bytes)
    cache.put(key, 0, bytes)
    expect(budget.usedBytes).toBe(alone)
    cache.put(key, 0, block())
    expect(budget.usedBytes).toBe(2 * alone)
    budget.unpin(bytes)
    expect(budget.usedBytes).toBe(alone)
    expect(budget.freeBytes).toBe(100 * kiB)
  })

  it('has the cache give way to all else, the oldest blocks first', async () => {
    const { budget, cache } = cacheOf(10 * kiB)
    for (let index = 0; index < 6; index++) cache.put(key, index, block())
    cache.get(key, 0)
    const giveBack = await budget.reserve(7 * kiB, never)
    expect(budget.usedBytes).toBeLessThanOrEqual(10 * kiB)
    expect(here(cache)).toEqual([0, 5])
    expect(budget.freeBytes).toBe(3 * kiB)
    giveBack()
    giveBack()
    expect(budget.freeBytes).toBe(10 * kiB)
  })

  it('lets one in whatever its size, and others when there is room, in their order', async () => {
    const budget = new MemoryBudget(10 * kiB)
    const entered: number[] = []
    const ask = (name: number, bytes: number, signal = never): Promise<() => void> =>
      budget.reserve(bytes, signal).then((giveBack) => {
        entered.push(name)
        return giveBack
      })
    const large = await ask(1, 50 * kiB)
    const leaving = new AbortController()
    const left = ask(2, 6 * kiB, leaving.signal).catch((error: unknown) => error)
    const third = ask(3, 2 * kiB)
    const fourth = ask(4, 3 * kiB)
    const fifth = ask(5, kiB)
    leaving.abort(new Error('left'))
    expect(await left).toEqual(new Error('left'))
    expect(entered).toEqual([1])
    large()
    const giveBack = await third
    await fourth
    expect(entered).toEqual([1, 3, 4])
    giveBack()
    await fifth
    expect(entered).toEqual([1, 3, 4, 5])
  })
})
