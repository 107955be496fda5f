import { describe, expect, it } from 'vitest'
import { KeyedLock, Lock } from '../../../src/util/lock.js'

describe('Lock', () => {
  it('runs tasks one at a time, in order, whether or not one fails', async () => {
    const lock = new Lock()
    const events: string[] = []
    const task =
      (name: string, fails = false) =>
      async (): Promise<string> => {
        events.push(`${name} begins`)
        await Promise.resolve()
        events.push(`${name} ends`)
        if (fails) throw new Error(name)
        return name
      }
    const results = await Promise.allSettled([
      lock.run(task('a')),
      lock.run(task('b', true)),
      lock.run(task('c')),
    ])
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    expect(lock.isIdle).toBe(true)
  })

  it('lets a task leave before its turn, and not during it', async () => {
    const lock = new Lock()
    const unwanted = new AbortController()
    let release = (): void => {}
    const task = (): Promise<string> => new Promise((resolve) => (release = () => resolve('done')))
    const first = lock.run(task, unwanted.signal)
    let hasRun = false
    const second = lock.run(() => void (hasRun = true), unwanted.signal)
    await Promise.resolve()
    unwanted.abort()
    await expect(second).rejects.toBe(unwanted.signal.reason)
    expect(lock.isIdle).toBe(false)
    release()
    expect(await first).toBe('done')
    await lock.idle()
    expect(hasRun).toBe(false)
  })
})

describe('KeyedLock', () => {
  it('lets different keys run at once', async () => {
    const lock = new KeyedLock()
    let release = (): void => {}
    const blocked = lock.run('a', () => new Promise<void>((resolve) => (release = resolve)))
    expect(await lock.run('b', () => Promise.resolve('b'))).toBe('b')
    release()
    await blocked
  })

  it('forgets a key whose last task has left before its turn', async () => {
    const lock = new KeyedLock()
    const unwanted = new AbortController()
    let release = (): void => {}
    const first = lock.run('a', () => new Promise<void>((resolve) => (release = resolve)))
    const second = lock.run('a', () => Promise.resolve(), unwanted.signal)
    await Promise.resolve()
    unwanted.abort()
    await expect(second).rejects.toBe(unwanted.signal.reason)
    expect(lock.isBusy('a')).toBe(true)
    release()
    await first
    await expect.poll(() => lock.isBusy('a')).toBe(false)
  })
})
