import { describe, expect, it } from 'vitest'
import { NextRun } from '../../../src/util/next-run.js'

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

describe('NextRun', () => {
  it('never gives an answer that began before the question, and one to all who ask meanwhile', async () => {
    const runs = new NextRun<number>()
    const gate = deferred()
    let count = 0
    const task = async (): Promise<number> => {
      const number = ++count
      if (number === 1) await gate.promise
      return number
    }
    const first = runs.run('a', task)
    await Promise.resolve() // it has begun
    const others = [runs.run('a', task), runs.run('a', task), runs.run('a', task)]
    gate.resolve()
    expect(await first).toBe(1)
    expect(await Promise.all(others)).toEqual([2, 2, 2])
    expect(await runs.run('a', task)).toBe(3)
  })

  it('goes on after a failure, which only those get who asked for it', async () => {
    const runs = new NextRun<string>()
    const failing = runs.run('a', () => Promise.reject(new Error('once')))
    await Promise.resolve()
    const next = runs.run('a', () => Promise.resolve('fine'))
    await expect(failing).rejects.toThrow('once')
    expect(await next).toBe('fine')
  })
})
