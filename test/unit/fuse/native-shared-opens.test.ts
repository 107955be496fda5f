import { constants } from 'node:os'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ForetoldFile, SmallFile } from '../../../src/fuse/driver.js'
import type { NativeSession, SessionMemory } from '../../../src/fuse/native-binding.js'
import { SharedOpens } from '../../../src/fuse/native-shared-opens.js'

const ino = 7
const shared = 1001

/** What the session was told, and what it answers. */
interface Fake {
  readonly offers: number[]
  /** Inode, handle and bytes that came with an offer. */
  readonly furnished: number[][]
  readonly foretold: number[][]
  expired: number
  /** A handle that was given out and is open. */
  open: number
}

let fake: Fake
let session: NativeSession
let reopened: number[]
let adopted: number[]
let opens: SharedOpens
let foretell: (file: ForetoldFile) => void
let memory: SessionMemory
let wholeBytes: number
let whole: SmallFile | number | undefined
beforeEach(() => {
  fake = { offers: [], furnished: [], foretold: [], expired: 0, open: 0 }
  session = {
    offerOpens: (of: number) => void fake.offers.push(of),
    furnishOpens: (...[of, handle, pieces]: Parameters<NativeSession['furnishOpens']>) =>
      void fake.furnished.push([of, handle, pieces.reduce((sum, { length }) => sum + length, 0)]),
    foretellOpens: (...[of, , pieces]: Parameters<NativeSession['foretellOpens']>) =>
      fake.foretold.push([of, pieces.reduce((sum, { length }) => sum + length, 0)]),
    expireOpens: () => void fake.expired++,
    withdrawOpens: () => fake.open,
    adoptOpens: (handle: number) => handle === fake.open,
  } as unknown as NativeSession
  reopened = []
  adopted = []
  wholeBytes = 10_000
  memory = { attributes: new Float64Array(9) } as unknown as SessionMemory
  whole = { attributes: { ino, sizeBytes: 10_000 }, bytes: Buffer.alloc(10_000) } as unknown as SmallFile
  const reopen = (of: number): { handle: number; keepCache: boolean } => {
    reopened.push(of)
    return { handle: 40 + reopened.length, keepCache: true }
  }
  opens = new SharedOpens(
    {
      reopen,
      smallFile: (_, readBytes) => (wholeBytes > readBytes ? whole : undefined),
      foretell: (tell) => void (foretell = tell),
    },
    { entryTimeoutMs: 1000, firstSharedHandle: 1000, memory, onAdopted: (of) => void adopted.push(of) },
  )
})

const opened = { handle: 1, keepCache: true, isRepeatable: true }

describe('an offer', () => {
  it('is made at once where the kernel may keep what it has', () => {
    opens.offer(session, ino, opened, opens.epoch)
    expect(fake.offers).toEqual([ino])
  })

  it('waits until the handle is used where the kernel has to drop pages first', () => {
    opens.offer(session, ino, { ...opened, keepCache: false }, opens.epoch)
    opens.used(session, ino, 2)
    expect(fake.offers).toEqual([])
    opens.used(session, ino, 1)
    opens.used(session, ino, 1)
    expect(fake.offers).toEqual([ino])
  })

  it.each([
    ['something became known while it was opened', 1, true],
    ['it is not said to be repeatable', 0, false],
  ])('is not made where %s', (_, epochs, isRepeatable) => {
    const { epoch } = opens
    for (let i = 0; i < epochs; i++) opens.expire(session)
    opens.offer(session, ino, { ...opened, isRepeatable }, epoch)
    expect(fake.offers).toEqual([])
    expect(fake.expired).toBe(epochs)
  })

  it.each([
    ['becomes known', () => opens.expire(session)],
    ['changes in the file', () => opens.withdraw(session, ino)],
  ])('that waits is not made when something %s', (_, happen) => {
    opens.offer(session, ino, { ...opened, keepCache: false }, opens.epoch)
    happen()
    opens.used(session, ino, 1)
    expect(fake.offers).toEqual([])
  })
})

describe('what comes with an offer', () => {
  const read = (offset: number, lengthBytes: number): number[][] => {
    opens.read(session, ino, 5, offset, lengthBytes)
    return fake.furnished
  }

  it.each([
    ['the end is', 8192, 1808],
    ['the beginning is', 0, 4096],
    ['a page is', 4096, 4096],
  ])('is all of a small file of which only %s read', (_, offset, lengthBytes) => {
    expect(read(offset, lengthBytes)).toEqual([[ino, 5, 10_000]])
    expect(memory.attributes[2]).toBe(10_000)
  })

  it('is nothing where the file was read as a whole: the kernel has its pages', () => {
    expect(read(0, 10_000)).toEqual([])
    wholeBytes = 8192
    expect(read(0, 8192)).toEqual([])
  })

  it.each([
    ['is not at hand', undefined],
    ['has changed', constants.errno.ESTALE],
  ])('is nothing where the file %s', (_, answer) => {
    whole = answer
    expect(read(8192, 1808)).toEqual([])
  })

  it('is all of a small file that is at hand when it is opened', () => {
    opens.offer(session, ino, opened, opens.epoch)
    expect([fake.offers, fake.furnished]).toEqual([[ino], [[ino, 1, 10_000]]])
  })

  it('is nothing before the kernel has dropped pages of another version', () => {
    opens.offer(session, ino, { ...opened, keepCache: false }, opens.epoch)
    expect(fake.furnished).toEqual([])
  })

  it('may lie in pieces', () => {
    const bytes = [Buffer.alloc(6000), Buffer.alloc(4000)]
    whole = { ...(whole as SmallFile), bytes }
    expect(read(8192, 1808)).toEqual([[ino, 5, 10_000]])
  })
})

describe('a file that is foretold', () => {
  const file = (untilChanged: ForetoldFile['untilChanged']): ForetoldFile => ({
    ...(whole as SmallFile),
    untilChanged,
  })

  it('is offered with its attributes and bytes, until it changes', () => {
    const forgotten: number[] = []
    opens.listen(session, (of) => void forgotten.push(of))
    const stops: (() => void)[] = []
    foretell(file((stop) => stops.push(stop) > 0))
    expect([fake.foretold, memory.attributes[2]]).toEqual([[[ino, 10_000]], 10_000])
    for (const stop of stops) stop()
    expect(forgotten).toEqual([ino])
  })

  it('is not offered where it has changed', () => {
    opens.listen(session, () => {})
    foretell(file(() => false))
    expect(fake.foretold).toEqual([])
  })
})

describe('a handle that was given out', () => {
  it('is one of the operations from the first request that comes with it to the last close', () => {
    fake.open = shared
    for (let i = 0; i < 2; i++) expect(opens.resolve(session, ino, shared)).toMatchObject({ handle: 41 })
    expect([reopened, adopted]).toEqual([[ino], [ino]])
    expect(opens.released(shared)).toBe(41)
    expect(opens.released(shared)).toBeUndefined()
  })

  it('that was closed meanwhile is not opened for nobody', () => {
    opens.hear(session, ino, shared)
    expect(opens.resolve(session, ino, shared)).toBe(constants.errno.EBADF)
    expect(reopened).toEqual([])
  })

  it('is adopted when the file is about to change', () => {
    fake.open = shared
    opens.withdraw(session, ino)
    expect([reopened, adopted]).toEqual([[ino], [ino]])
    expect(opens.released(shared)).toBe(41)
  })

  it('of the operations themselves is what it is', () => {
    opens.hear(session, ino, 0)
    expect(opens.resolve(session, ino, 5)).toEqual({ handle: 5 })
    expect(opens.released(5)).toBe(5)
    expect(reopened).toEqual([])
  })
})
