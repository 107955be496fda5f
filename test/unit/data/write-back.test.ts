import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WriteBack } from '../../../src/data/write-back.js'
import type { Outgoing } from '../../../src/data/write-back.js'
import { Log } from '../../../src/util/log.js'

const quietMs = 1000

class File implements Outgoing {
  readonly path = '/a'
  uploads = 0
  dirty = true
  writing = false
  open = false
  failures: boolean[] = []

  isDirty(): boolean {
    return this.dirty
  }
  isBeingWritten(): boolean {
    return this.writing
  }
  isOpen(): boolean {
    return this.open
  }
  isWorthAnotherTry(): boolean {
    return this.failures[0] !== false
  }
  upload(): Promise<void> {
    this.uploads++
    if (this.failures.length > 0 && this.failures.shift() !== undefined)
      return Promise.reject(new Error('no'))
    this.dirty = false
    return Promise.resolve()
  }
}

let lines: string[]
let file: File
beforeEach(() => {
  vi.useFakeTimers()
  lines = []
  file = new File()
})
afterEach(() => vi.useRealTimers())

function writeBack(retries: boolean): WriteBack {
  return new WriteBack({ log: new Log({ write: (line) => lines.push(line) }), quietMs, retries })
}

describe('WriteBack', () => {
  it('sends a file once it was quiet for the time, counted from the last news', async () => {
    const back = writeBack(false)
    back.later(file)
    await vi.advanceTimersByTimeAsync(quietMs - 1)
    back.later(file)
    await vi.advanceTimersByTimeAsync(quietMs - 1)
    expect(file.uploads).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(file.uploads).toBe(1)
    expect(back.waitingCount).toBe(0)
  })

  it('sends at once what is flushed, and not again afterwards', async () => {
    const back = writeBack(false)
    back.later(file)
    await back.flush(file)
    await vi.advanceTimersByTimeAsync(10 * quietMs)
    expect(file.uploads).toBe(1)
  })

  it('does not send a file that somebody is writing to', async () => {
    const back = writeBack(false)
    file.writing = true
    back.later(file)
    await vi.advanceTimersByTimeAsync(10 * quietMs)
    expect(file.uploads).toBe(0)
  })

  it('waits for readers, who may delete it afterwards, but not for ever', async () => {
    const back = writeBack(false)
    file.open = true
    back.later(file)
    await vi.advanceTimersByTimeAsync(20 * quietMs)
    expect(file.uploads).toBe(0)
    await vi.advanceTimersByTimeAsync(15 * quietMs)
    expect(file.uploads).toBe(1)
  })

  it('tries again after growing waits what may succeed then', async () => {
    const back = writeBack(true)
    file.failures = [true, true, true]
    back.later(file)
    const times: number[] = []
    for (let second = 1; second <= 20; second++) {
      const before = file.uploads
      await vi.advanceTimersByTimeAsync(1000)
      if (file.uploads > before) times.push(second)
    }
    expect(times).toEqual([1, 3, 7, 15])
    expect(lines[0]).toMatch(/error \/a is not on the server: no; it is tried again/)
  })

  it('does not try again what cannot succeed, nor where only its writer may decide', async () => {
    file.failures = [true, false]
    writeBack(true).later(file)
    await vi.advanceTimersByTimeAsync(100 * quietMs)
    expect(file.uploads).toBe(1)
    expect(lines[0]).toMatch(/xnatfs pending/)
    const other = new File()
    other.failures = [true]
    writeBack(false).later(other)
    await vi.advanceTimersByTimeAsync(100 * quietMs)
    expect(other.uploads).toBe(1)
  })
})
