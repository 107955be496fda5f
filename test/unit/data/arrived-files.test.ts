import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lengthOf } from '../../../src/util/pieces.js'
import { Arena, kiB } from '../../support/prefetch-arena.js'
import { settled } from '../../support/resource-source.js'

beforeEach(
  () =>
    void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] }),
)
afterEach(() => void vi.useRealTimers())

describe('files that come before they are asked for', () => {
  const comeBeforehand = async (arena: Arena): Promise<string[]> => {
    const arrived: string[] = []
    arena.readers.whenArrived((directory, { name, sizeBytes }, pieces) => {
      expect([directory, lengthOf(pieces)]).toEqual([7, sizeBytes])
      arrived.push(name)
    })
    arena.list()
    arena.read(0)
    await settled()
    return arrived
  }

  it('are told of, and those that somebody waits for are not', async () => {
    const arena = new Arena({ count: 10, sizeBytes: 1000 })
    const arrived = await comeBeforehand(arena)
    arena.read(2)
    await settled()
    await arena.source.bundles[0]!.send(4)
    expect(arrived).toEqual(['0001.dcm', '0003.dcm'])
  })

  it('go on coming while they are opened, though nothing is told of how they are read', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 100 * kiB })
    await comeBeforehand(arena)
    const [bundle] = arena.source.bundles
    await bundle!.send(100)
    const before = bundle!.taken
    expect(before).toBeLessThan(30) // a window of 2 MiB, as nothing was read but the first
    for (let i = 1; i < 10; i++) arena.readers.glanced(arena.source.files[i]!, arena.source.surroundings)
    await settled()
    expect(bundle!.taken).toBeGreaterThan(before + 9)
  })

  it('go on coming though who has opened the last of them does nothing for some seconds', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 100 * kiB })
    await comeBeforehand(arena)
    const [bundle] = arena.source.bundles
    await bundle!.send(3)
    arena.readers.glanced(arena.source.files[1]!, arena.source.surroundings)
    await vi.advanceTimersByTimeAsync(4000)
    expect(bundle!.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(2000)
    expect(bundle!.signal.aborted).toBe(true)
  })
})
