import { describe, expect, it } from 'vitest'
import { SingleFlight, withSignal } from '../../../src/util/single-flight.js'

function gate<T>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: Error) => void } {
  let open!: (value: T) => void
  let fail!: (error: Error) => void
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

describe('SingleFlight', () => {
  it('runs once for all who ask meanwhile, and again afterwards', async () => {
    const flights = new SingleFlight<number>()
    const { promise, open } = gate<number>()
    let runs = 0
    const start = (): Promise<number> => {
      runs++
      return promise
    }
    const both = [flights.run('k', undefined, start), flights.run('k', undefined, start)]
    open(7)
    expect(await Promise.all(both)).toEqual([7, 7])
    expect(runs).toBe(1)
    await flights.run('k', undefined, start)
    expect(runs).toBe(2)
  })

  it('does not keep a failure', async () => {
    const flights = new SingleFlight<number>()
    await expect(flights.run('k', undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await flights.run('k', undefined, () => Promise.resolve(1))).toBe(1)
  })

  it('goes on while somebody waits, and is aborted when nobody does', async () => {
    const flights = new SingleFlight<number>()
    const { promise } = gate<number>()
    const signals: AbortSignal[] = []
    const start = (signal: AbortSignal): Promise<number> => {
      signals.push(signal)
      return promise
    }
    const one = new AbortController()
    const two = new AbortController()
    const first = flights.run('k', one.signal, start)
    const second = flights.run('k', two.signal, start)
    one.abort(new Error('one left'))
    await expect(first).rejects.toThrow('one left')
    expect(signals[0]!.aborted).toBe(false)
    two.abort(new Error('two left'))
    await expect(second).rejects.toThrow('two left')
    expect(signals[0]!.aborted).toBe(true)
    void flights.run('k', undefined, start).catch(() => {})
    expect(signals).toHaveLength(2)
  })

  it('starts anew after forgetAll, while those who wait get what they waited for', async () => {
    const flights = new SingleFlight<string>()
    const old = gate<string>()
    const waiting = flights.run('k', undefined, () => old.promise)
    flights.forgetAll((key) => key === 'k')
    expect(await flights.run('k', undefined, () => Promise.resolve('new'))).toBe('new')
    old.open('old')
    expect(await waiting).toBe('old')
  })
})

describe('withSignal', () => {
  it('hears the failure of what nobody waits for, who had left before', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    const { promise, fail } = gate<never>()
    await expect(withSignal(promise, AbortSignal.abort(new Error('left')))).rejects.toThrow('left')
    fail(new Error('failed'))
    await new Promise((resolve) => setImmediate(resolve)) // Node tells after the microtasks
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })
})
