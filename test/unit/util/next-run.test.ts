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
    const begun = deferred()
    const task = async (): Promise<number> => {
      const number = ++count
      begun.resolve()
      if (number === 1) await gate.promise
      return number
    }
    const first = runs.run('a', task)
    await begun.promise
    const others = [runs.run('a', task), runs.run('a', task), runs.run('a', task)]
    gate.resolve()
    expect(await first).toBe(1)
    expect(await Promise.all(others)).toEqual([2, 2, 2])
    expect(await runs.run('a', task)).toBe(3)
  })

  it('goes on after a failure, which only those get who asked for it', async () => {
    const runs = new NextRun<string>()
    const begun = deferred()
    const failing = runs.run('a', () => {
      begun.resolve()
      return Promise.reject(new Error('once'))
    })
    const outcome = failing.catch((error: Error) => error.message)
    await begun.promise
    const next = runs.run('a', () => Promise.resolve('fine'))
    expect(await outcome).toBe('once')
    expect(await next).toBe('fine')
  })

  it('waits until all is ready, and those who come meanwhile share the run', async () => {
    const runs = new NextRun<number>()
    const ready = deferred()
    let count = 0
    const task = (): Promise<number> => Promise.resolve(++count)
    const first = runs.run('a', task, () => ready.promise)
    await new Promise((resolve) => setImmediate(resolve))
    const second = runs.run('a', task, () => ready.promise)
    ready.resolve()
    expect(await Promise.all([first, second])).toEqual([1, 1])
  })
})
