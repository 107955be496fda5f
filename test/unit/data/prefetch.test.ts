import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FileEntry } from '../../../src/archive/archive.js'
import { MemoryBlockCache } from '../../../src/cache/memory-block-cache.js'
import { FileReaders } from '../../../src/data/file-readers.js'
import { Log } from '../../../src/util/log.js'
import { MemoryBudget } from '../../../src/util/memory-budget.js'
import { Arena, kiB, miB } from '../../support/prefetch-arena.js'
import { ResourceSource, settled } from '../../support/resource-source.js'

beforeEach(
  () =>
    void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] }),
)
afterEach(() => void vi.useRealTimers())

describe('the files of a directory that come together', () => {
  it('are asked for once, when a second one is read', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    await arena.readNow(0)
    expect(arena.source.bundles).toHaveLength(0)
    const second = arena.read(1)
    await settled()
    expect(arena.source.bundles).toHaveLength(1)
    await arena.source.bundles[0]!.send(99)
    await arena.source.bundles[0]!.end()
    expect(arena.isRight(1, second)).toBe(true)
    for (let i = 0; i < 100; i++) await arena.readNow(i)
    expect(arena.source.singleNames).toEqual(['0000.dcm'])
    expect(arena.source.bundles).toHaveLength(1)
  })

  it('are asked for with the first one where the directory was just listed', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const first = arena.read(0)
    await settled()
    expect(arena.source.bundles).toHaveLength(1)
    await arena.source.bundles[0]!.send(1)
    expect(first.isHere).toBe(true)
    expect(arena.source.singles).toHaveLength(0)
  })

  it('are waited for one by one: a reader gets its own as soon as that is here', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const answers = [0, 1, 2].map((index) => arena.read(index))
    await settled()
    await arena.source.bundles[0]!.send(2)
    expect(answers.map(({ isHere }) => isHere)).toEqual([true, true, false])
    await arena.source.bundles[0]!.send(1)
    expect(answers.map(({ isHere }) => isHere)).toEqual([true, true, true])
  })

  it('are overtaken by a request for one that would come much later', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 100 * kiB })
    arena.list()
    arena.read(0)
    await settled()
    await arena.readNow(90)
    expect(arena.source.singleNames).toEqual(['0090.dcm'])
    arena.read(5)
    await settled()
    expect(arena.source.singleNames).toEqual(['0090.dcm'])
  })

  it('are overtaken where the stream is slow, and not where it is fast', async () => {
    const arena = new Arena({ count: 200, sizeBytes: 20 * kiB })
    arena.list()
    arena.read(0)
    await settled()
    vi.setSystemTime(Date.now() + 100)
    await arena.source.bundles[0]!.send(1) // after 100 ms
    vi.setSystemTime(Date.now() + 10)
    await arena.source.bundles[0]!.send(1) // 40 KiB in 10 ms
    arena.read(32) // 600 KiB ahead: 150 ms
    await settled()
    expect(arena.source.singles).toHaveLength(0)
    await arena.readNow(60)
    expect(arena.source.singleNames).toEqual(['0060.dcm'])
  })

  it('are not waited for when the stream stalls, until it moves again', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const first = arena.read(0)
    await vi.advanceTimersByTimeAsync(900)
    expect(first.isHere).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.isHere).toBe(true)
    await arena.readNow(1)
    expect(arena.source.singleNames).toEqual(['0000.dcm', '0001.dcm'])
    await arena.source.bundles[0]!.send(3)
    arena.read(3)
    await settled()
    expect(arena.source.singles).toHaveLength(2)
  })

  it('are asked for alone where one was passed over', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const first = arena.read(0)
    await settled()
    const [bundle] = arena.source.bundles
    bundle!.pass(1)
    await bundle!.send(2)
    expect(arena.isRight(0, first)).toBe(true)
    await arena.readNow(1)
    await bundle!.end()
    await arena.readNow(50)
    expect(arena.source.singleNames).toEqual(['0000.dcm', '0050.dcm'])
  })

  it('come in whatever order', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    arena.read(0)
    await settled()
    const [bundle] = arena.source.bundles
    await bundle!.send(1)
    await bundle!.sendBackwards(5) // 99 to 95
    const late = arena.read(50)
    await settled()
    expect(late.isHere).toBe(false)
    await bundle!.sendBackwards(50)
    expect(arena.isRight(50, late)).toBe(true)
    expect(arena.source.singles).toHaveLength(0)
  })

  it('are fetched one by one after an answer that broke off, in this directory for good', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const waiting = [0, 1, 2].map((index) => arena.read(index))
    await settled()
    await arena.source.bundles[0]!.send(2)
    await arena.source.bundles[0]!.end('break')
    await settled()
    expect(waiting.map(({ error }) => error)).toEqual([undefined, undefined, undefined])
    for (let i = 0; i < 100; i++) await arena.readNow(i)
    expect(arena.source.bundles).toHaveLength(1)
    expect(arena.source.singleNames.toSorted()).toEqual(arena.source.files.slice(2).map(({ name }) => name))
    expect(arena.lines.join('\n')).toMatch(/ info .*DICOM.*one by one.*broke off/)
  })

  it('stay within the memory for what was not read, and go on when somebody waits', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 256 * kiB })
    arena.list()
    arena.read(0)
    await settled()
    const [bundle] = arena.source.bundles
    await bundle!.send(100)
    expect(bundle!.taken).toBe(9) // the one that was asked for, and 2 MiB
    expect(arena.readers.prefetch.unreadBytes).toBe(2 * miB)
    await arena.readNow(1)
    expect(bundle!.taken).toBe(10)
    const next = arena.read(11) // nobody has read those before it
    await settled()
    expect(next.isHere).toBe(true)
    for (let i = 2; i < 100; i++) await arena.readNow(i)
    expect(arena.source.singles).toHaveLength(0)
  })

  it('stay within half of the cache, over all directories', async () => {
    const sources = [1, 2, 3, 4, 5].map((id) => new ResourceSource({ id, count: 30, sizeBytes: 64 * kiB }))
    const sourceOf = (file: FileEntry): ResourceSource =>
      sources.find(({ files }) => files.some(({ key }) => key === file.key))!
    const readers = new FileReaders({
      archive: {
        fetch: (file, range, urgency, signal) => sourceOf(file).fetch(file, range, urgency, signal),
        bundle: (directory, files) => sourceOf(files[0]!).bundle(directory, files),
        contradict: () => {},
        isReachable: true,
      },
      cache: new MemoryBlockCache({ blockSizeBytes: 128 * kiB, budget: new MemoryBudget(12 * miB) }),
      log: new Log({ write: () => {} }),
      spoolDirectory: tmpdir(),
    })
    for (const source of sources) {
      readers.prefetch.listed(source.surroundings.id)
      const [file] = source.files
      void readers.open(file!, source.surroundings).reader.read(0, 1)
    }
    await settled()
    for (const { bundles } of sources) await bundles[0]!.send(30)
    expect(sources.map(({ bundles }) => bundles[0]!.taken)).toEqual([30, 30, 30, 10, 1])
    expect(readers.prefetch.unreadBytes).toBe(6 * miB)
  })

  it.each<[string, (arena: Arena) => void, number]>([
    ['one file was looked at', (arena) => void arena.read(0), 500],
    ['some were read', (arena) => [0, 1, 2].forEach((i) => arena.read(i)), 2500],
    ['one is left open', (arena) => void arena.open(0).reader.read(0, 10), 5500],
  ])('are given up when the reader has gone: %s', async (_, use, goneMs) => {
    const arena = new Arena({ count: 100, sizeBytes: 256 * kiB })
    arena.list()
    use(arena)
    await settled()
    const [bundle] = arena.source.bundles
    await bundle!.send(100)
    await vi.advanceTimersByTimeAsync(goneMs - 400)
    expect(bundle!.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(500)
    expect(bundle!.signal.aborted).toBe(true)
    expect(arena.readers.prefetch.unreadBytes).toBe(0)
    // Who comes back does not get all of it again.
    await arena.readNow(50)
    expect(arena.source.bundles).toHaveLength(1)
  })

  it('are given up soon when a reader is interrupted', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    const interrupt = new AbortController()
    const reading = arena.open(0)
    const read = reading.reader.read(0, 10, interrupt.signal) as Promise<Uint8Array>
    await settled()
    interrupt.abort(new DOMException('interrupted', 'AbortError'))
    await expect(read).rejects.toThrow('interrupted')
    await vi.advanceTimersByTimeAsync(400)
    expect(arena.source.bundles[0]!.signal.aborted).toBe(true)
    expect(arena.source.singles).toHaveLength(0)
  })

  it('end with the mount', async () => {
    const arena = new Arena({ count: 100, sizeBytes: 1000 })
    arena.list()
    arena.read(0)
    await settled()
    await arena.readers.stop()
    expect(arena.source.bundles[0]!.signal.aborted).toBe(true)
  })

  it('are not asked for where all that is read is here', async () => {
    const arena = new Arena({ count: 3, sizeBytes: 1000, canBundle: false })
    for (let i = 0; i < 3; i++) await arena.readNow(i)
    expect(arena.source.singles).toHaveLength(3)
    arena.list()
    for (let i = 0; i < 3; i++) await arena.readNow(i)
    expect(arena.source.singles).toHaveLength(3)
  })

  it('are no concern of who reads parts of large files', async () => {
    const arena = new Arena({ count: 20, sizeBytes: 2 * miB, isSeries: false })
    arena.list()
    for (let i = 0; i < 20; i++) {
      const reading = arena.open(i)
      await reading.reader.read(0, 10)
      arena.readers.close(reading)
    }
    await settled()
    expect(arena.source.bundles).toHaveLength(0)
    expect(arena.source.singles).toHaveLength(20)
  })
})

describe('the files of a directory by a request each', () => {
  const options = { count: 100, sizeBytes: 256 * kiB, canBundle: false }

  it('go before their reader in a window, each asked for once', async () => {
    const arena = new Arena(options)
    arena.source.holdsSingles = true
    arena.list()
    arena.read(0)
    await settled()
    expect(arena.source.singles).toHaveLength(9) // its own, and 2 MiB
    expect(arena.source.singles.slice(1).every(({ urgency }) => urgency === 'read-ahead')).toBe(true)
    arena.source.holdsSingles = false
    for (const single of arena.source.singles) single.release()
    for (let i = 0; i < 100; i++) await arena.readNow(i)
    expect(arena.source.singleNames.toSorted()).toEqual(arena.source.files.map(({ name }) => name))
  })

  it('are never more than twelve at once', async () => {
    const arena = new Arena({ ...options, sizeBytes: 1000 })
    arena.source.holdsSingles = true
    arena.list()
    arena.read(0)
    await settled()
    expect(arena.source.singles).toHaveLength(13)
  })

  it('are joined by a reader that comes while they are on their way', async () => {
    const arena = new Arena(options)
    arena.source.holdsSingles = true
    arena.list()
    arena.read(0)
    await settled()
    const joined = arena.read(3)
    await settled()
    expect(arena.source.singleNames.filter((name) => name === '0003.dcm')).toHaveLength(1)
    arena.source.singles.find(({ name }) => name === '0003.dcm')!.release()
    await settled()
    expect(joined.isHere).toBe(true)
  })

  it('are given up when the reader has gone, but for those that are waited for', async () => {
    const arena = new Arena(options)
    arena.source.holdsSingles = true
    arena.list()
    arena.read(0)
    await settled()
    await vi.advanceTimersByTimeAsync(6000)
    const aborted = arena.source.singles.filter(({ signal }) => signal?.aborted).map(({ name }) => name)
    expect(aborted).toEqual(arena.source.files.slice(1, 9).map(({ name }) => name))
  })
})
