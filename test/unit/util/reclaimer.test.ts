import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryBudget } from '../../../src/util/memory-budget.js'

const blockBytes = 8192
const block = (): Buffer => Buffer.allocUnsafeSlow(blockBytes)
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** As native/ does it. */
function detach(memory: ArrayBuffer): void {
  structuredClone(memory, { transfer: [memory] })
}

describe('cached bytes that are let go of', () => {
  let freed: number
  let budget: MemoryBudget
  beforeEach(() => {
    freed = 0
    budget = new MemoryBudget(1024 * 1024, (memory) => {
      freed++
      detach(memory)
    })
  })

  function letGo(bytes: Uint8Array): void {
    budget.cache(bytes)
    budget.uncache(bytes)
  }

  it('are empty in the next turn, and not in this one', async () => {
    const bytes = block()
    letGo(bytes)
    await Promise.resolve().then(() => expect(bytes).toHaveLength(blockBytes))
    await nextTurn()
    expect(bytes).toHaveLength(0)
  })

  it('stay while somebody else holds them', async () => {
    const bytes = block()
    budget.cache(bytes)
    budget.pin(bytes)
    budget.uncache(bytes)
    await nextTurn()
    expect(bytes).toHaveLength(blockBytes)
    budget.unpin(bytes)
    await nextTurn()
    expect(bytes).toHaveLength(0)
  })

  it('stay when they are taken up again in the same turn', async () => {
    const bytes = block()
    letGo(bytes)
    budget.cache(bytes)
    await nextTurn()
    expect(bytes).toHaveLength(blockBytes)
    budget.uncache(bytes)
    await nextTurn()
    expect(bytes).toHaveLength(0)
  })

  it('that are taken up again, and let go of, stay for who began before that', async () => {
    const bytes = block()
    let endFirst!: () => void
    const first = budget.use(() => new Promise<void>((resolve) => (endFirst = resolve))) as Promise<void>
    letGo(bytes)
    let endSecond!: () => void
    const second = budget.use(() => new Promise<void>((resolve) => (endSecond = resolve))) as Promise<void>
    budget.pin(bytes)
    budget.unpin(bytes)
    endFirst()
    await first
    await nextTurn()
    expect(bytes).toHaveLength(blockBytes)
    endSecond()
    await second
    await nextTurn()
    expect(bytes).toHaveLength(0)
    expect(budget.usedBytes).toBe(0)
  })

  it('stay for uses that began before, and the turn in which they end', async () => {
    const bytes = block()
    let endFirst!: (bytes: Uint8Array) => void
    const first = budget.use(
      () => new Promise<Uint8Array>((resolve) => (endFirst = resolve)),
    ) as Promise<Uint8Array>
    letGo(bytes)
    let endSecond!: () => void
    const second = budget.use(() => new Promise<void>((resolve) => (endSecond = resolve))) as Promise<void>
    await nextTurn()
    expect(bytes).toHaveLength(blockBytes)
    endFirst(bytes)
    expect(await first).toHaveLength(blockBytes)
    await nextTurn()
    expect(bytes).toHaveLength(0) // the second use began later
    endSecond()
    await second
  })

  it('do not wait for a use that failed, at once or later', async () => {
    const fail = (): never => {
      throw new Error('no')
    }
    expect(() => budget.use(fail)).toThrow('no')
    await expect(budget.use(() => Promise.reject(new Error('later')))).rejects.toThrow('later')
    expect(budget.use(() => 7)).toBe(7)
    const bytes = block()
    letGo(bytes)
    await nextTurn()
    expect(bytes).toHaveLength(0)
  })

  it('are left to V8 where they are a part of something, were never cached, or too many wait', async () => {
    const whole = Buffer.allocUnsafeSlow(2 * blockBytes)
    letGo(whole.subarray(0, blockBytes))
    const pinned = block()
    budget.pin(pinned)
    budget.unpin(pinned)
    await nextTurn()
    expect([whole.length, pinned.length]).toEqual([2 * blockBytes, blockBytes])
    let end!: () => void
    const use = budget.use(() => new Promise<void>((resolve) => (end = resolve))) as Promise<void>
    const many = Array.from({ length: 4000 }, block)
    many.forEach(letGo)
    end()
    await use
    await nextTurn()
    expect(freed).toBe((24 * 1024 * 1024) / blockBytes)
    expect(many.filter(({ length }) => length === 0)).toHaveLength(freed)
  })
})
