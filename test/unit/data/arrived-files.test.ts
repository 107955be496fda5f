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

describe('files that are here', () => {
  /** Where the first files were read; those who are told of files are told of what comes from then on. */
  const readSome = async (count: number, sizeBytes = 1000): Promise<{ arena: Arena; arrived: string[] }> => {
    const arena = new Arena({ count: 100, sizeBytes, canBundle: false }, 4 * 100 * sizeBytes)
    for (let i = 0; i < count; i++) await arena.readNow(i)
    await vi.advanceTimersByTimeAsync(60_000) // whoever fetched ahead has ended
    const arrived: string[] = []
    arena.readers.whenArrived((_, { name }) => arrived.push(name))
    return { arena, arrived }
  }

  it('are told of before their reader comes to them, and none behind one that is not here', async () => {
    const { arena, arrived } = await readSome(1)
    const here = arena.source.singles.length
    expect(here).toBeGreaterThanOrEqual(1)
    arena.list()
    await arena.readNow(0)
    expect(arrived).toEqual(arena.source.singleNames.slice(1, here))
  })

  it('are told of as far as their reader may soon come', async () => {
    const { arena, arrived } = await readSome(100, 100 * kiB)
    arena.list()
    await arena.readNow(0)
    const first = arrived.length
    expect(first).toBeGreaterThan(10)
    expect(first).toBeLessThan(30) // 2 MiB
    arena.readers.glanced(arena.source.files[5]!, arena.source.surroundings)
    await settled()
    expect(arrived.length).toBeGreaterThan(first + 4)
    expect(arrived).toEqual(arena.source.files.slice(1, arrived.length + 1).map(({ name }) => name))
  })

  it('are not told of where somebody reads one only', async () => {
    const { arena, arrived } = await readSome(10)
    await arena.readNow(3)
    expect(arrived).toEqual([])
  })

  it('are told of no more when the reader has gone', async () => {
    const { arena, arrived } = await readSome(100, 100 * kiB)
    arena.list()
    await arena.readNow(0)
    await vi.advanceTimersByTimeAsync(60_000)
    const first = arrived.length
    arena.readers.glanced(arena.source.files[1]!, arena.source.surroundings)
    await settled()
    expect(arrived).toHaveLength(first)
  })
})
