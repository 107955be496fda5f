import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backlog } from '../../../src/cache/backlog.js'

const miB = 1024 * 1024
const never = new AbortController().signal

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function start(): { backlog: Backlog; ask: (signal?: AbortSignal) => { isIn: boolean } } {
  const backlog = new Backlog({ fullBytes: 16 * miB, now: Date.now })
  const ask = (signal = never): { isIn: boolean } => {
    const state = { isIn: false }
    const room = backlog.room(signal)
    if (room) void room.then(() => (state.isIn = true))
    else state.isIn = true
    return state
  }
  return { backlog, ask }
}

describe('a backlog', () => {
  it('has those who bring more wait until a quarter of it has gone', async () => {
    const { backlog, ask } = start()
    backlog.add(15 * miB)
    expect(ask().isIn).toBe(true)
    backlog.add(miB)
    const [one, other] = [ask(), ask()]
    backlog.remove(2 * miB)
    await vi.advanceTimersByTimeAsync(10)
    expect([one.isIn, other.isIn]).toEqual([false, false])
    backlog.remove(2 * miB)
    await vi.advanceTimersByTimeAsync(0)
    expect([one.isIn, other.isIn]).toEqual([true, true])
  })

  it('lets go of who is told to stop', async () => {
    const { backlog, ask } = start()
    backlog.add(16 * miB)
    const leaving = new AbortController()
    const one = ask(leaving.signal)
    leaving.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect(one.isIn).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not wait for a disk that hangs: 3 seconds, then not for 30', async () => {
    const { backlog, ask } = start()
    backlog.add(20 * miB)
    const one = ask()
    await vi.advanceTimersByTimeAsync(2900)
    expect(one.isIn).toBe(false)
    await vi.advanceTimersByTimeAsync(101)
    expect(one.isIn).toBe(true)
    expect(ask().isIn).toBe(true)
    await vi.advanceTimersByTimeAsync(30_001)
    expect(ask().isIn).toBe(false)
  })

  it.each([
    { rate: 'a slow disk', bytesPerSecond: 2 * miB, isAwaited: false },
    { rate: 'one that is faster', bytesPerSecond: 40 * miB, isAwaited: true },
  ])('is waited for at $rate: $isAwaited', async ({ bytesPerSecond, isAwaited }) => {
    const { backlog, ask } = start()
    backlog.add(16 * miB)
    let waits = 0
    for (let seconds = 0; seconds < 20; seconds++) {
      const one = ask()
      if (!one.isIn) waits++
      for (let tenth = 0; tenth < 10; tenth++) {
        backlog.remove(bytesPerSecond / 10)
        backlog.add(bytesPerSecond / 10)
        await vi.advanceTimersByTimeAsync(100)
      }
    }
    expect(waits > 15).toBe(isAwaited)
  })
})
