import { describe, expect, it } from 'vitest'
import type { CacheLeases, Lease } from '../../../src/cache/cache-leases.js'
import { FetchTurns } from '../../../src/data/fetch-turns.js'
import type { SizedFile } from '../../../src/data/sized-file.js'
import { Log } from '../../../src/util/log.js'

const miB = 1024 * 1024

/** docs/semantics.md, 2.16. */
describe('the turns of mounts that share a cache', () => {
  /** Leases of others are held until `others` has them no more. */
  class FakeLeases implements Pick<CacheLeases, 'isShared' | 'hasCompany' | 'isElsewhere' | 'take'> {
    isShared = true
    readonly others = new Set<string>()
    readonly taken: string[] = []
    readonly ended: string[] = []
    hasCompany(): Promise<boolean> {
      return Promise.resolve(this.isShared)
    }
    isElsewhere(name: string): Promise<boolean> {
      return Promise.resolve(this.others.has(name))
    }
    take(name: string): Promise<Lease | undefined> {
      if (this.others.has(name)) return Promise.resolve(undefined)
      this.taken.push(name)
      return Promise.resolve({ end: () => Promise.resolve(void this.ended.push(name)) })
    }
  }
  const file = (sizeBytes: number): SizedFile => ({
    kind: 'file',
    name: 'f',
    id: 'f',
    mtimeMs: 0,
    place: { level: 'file' },
    sizeBytes,
    key: '11/f',
    version: 'v',
    digest: undefined,
    isSeriesMember: false,
  })
  const whole = { first: 0, last: 0, isWhole: true }
  const idle = new AbortController()
  const open = (leases: FakeLeases, onSleep: (slept: number) => void = () => {}): FetchTurns => {
    let nowMs = 0
    return new FetchTurns({
      leases: leases as unknown as CacheLeases,
      cache: { blockSizeBytes: 128 * 1024, settled: () => Promise.resolve() },
      log: new Log({ write: () => {} }),
      now: () => nowMs,
      sleep: (ms) => {
        nowMs += ms
        onSleep(nowMs)
        return Promise.resolve()
      },
    })
  }
  const absent = (): Promise<boolean> => Promise.resolve(false)

  it('are not asked for by who is alone', async () => {
    const leases = new FakeLeases()
    leases.isShared = false
    await open(leases).take(file(miB), whole, absent, idle.signal)
    expect(leases.taken).toEqual([])
    leases.isShared = true
    await open(leases).take(file(miB), whole, absent, idle.signal)
    expect(leases.taken).toEqual(['file 11/f v'])
  })

  it('end where another has brought it meanwhile', async () => {
    const leases = new FakeLeases()
    leases.others.add('directory 11/')
    let isHere = false
    const turns = open(leases, (slept) => (isHere = slept > 1000))
    const turn = await turns.take(file(1000), whole, () => Promise.resolve(isHere), idle.signal)
    turn.end()
    expect([isHere, leases.taken]).toEqual([true, []])
  })

  it('come when the other has given it up, and are waited for no longer than ten seconds', async () => {
    const leases = new FakeLeases()
    leases.others.add('file 11/f v')
    const turns = open(leases, (slept) => slept > 2000 && leases.others.clear())
    const turn = await turns.take(file(1000), whole, absent, idle.signal)
    expect(leases.taken).toEqual(['file 11/f v'])
    turn.end()
    await expect.poll(() => leases.ended).toEqual(['file 11/f v'])
    leases.others.add('file 11/f v')
    let waitedMs = 0
    await open(leases, (slept) => (waitedMs = slept)).take(file(1000), whole, absent, idle.signal)
    expect(leases.taken.length).toBe(1)
    expect([waitedMs > 10_000, waitedMs < 11_000]).toEqual([true, true])
  })

  it('of a large file are for stripes, and a part of them is given back where the rest is taken', async () => {
    const leases = new FakeLeases()
    leases.others.add('stripe 1 11/f v')
    const turns = open(leases, () => leases.others.clear())
    await turns.take(file(100 * miB), { first: 60, last: 70, isWhole: false }, absent, idle.signal)
    expect(leases.taken).toEqual(['stripe 0 11/f v', 'stripe 0 11/f v', 'stripe 1 11/f v'])
    expect(leases.ended).toEqual(['stripe 0 11/f v'])
  })

  it('of a directory are for one', async () => {
    const leases = new FakeLeases()
    const turn = await open(leases).claim([file(1)])
    turn?.end()
    expect(leases.taken).toEqual(['directory 11/'])
    leases.others.add('directory 11/')
    expect(await open(leases).claim([file(1)])).toBeUndefined()
  })
})
