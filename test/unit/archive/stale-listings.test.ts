import { beforeEach, describe, expect, it } from 'vitest'
import { ListingCache } from '../../../src/archive/listing-cache.js'
import type { ListingStore, StoredListing } from '../../../src/archive/listing-store.js'
import { Reachability } from '../../../src/archive/reachability.js'
import { StaleListings } from '../../../src/archive/stale-listings.js'
import { Log } from '../../../src/util/log.js'
import { XnatError } from '../../../src/xnat/xnat-error.js'
import type { XnatErrorCode } from '../../../src/xnat/xnat-error.js'

/** As the disk keeps them, in a map. */
class Store implements ListingStore {
  readonly kept = new Map<string, unknown>()

  load(key: string): Promise<StoredListing | undefined> {
    return Promise.resolve(this.kept.has(key) ? { value: this.kept.get(key), savedMs: 0 } : undefined)
  }

  save(key: string, value: unknown): void {
    this.kept.set(key, value)
  }

  remove(matches: (key: string) => boolean): void {
    for (const key of this.kept.keys()) if (matches(key)) this.kept.delete(key)
  }
}

let nowMs: number
let lines: string[]
let store: Store
let answer: () => Promise<string | string[]>
let asked: number

beforeEach(() => {
  nowMs = 1_000_000
  lines = []
  store = new Store()
  asked = 0
  answer = () => Promise.resolve('now')
})

function start(withStore = true): {
  cache: ListingCache
  listings: StaleListings
  reachability: Reachability
} {
  const now = (): number => nowMs
  const kept = withStore ? store : undefined
  const cache = new ListingCache({ ttlMs: 60_000, now, store: kept })
  const reachability = new Reachability(new Log({ write: (line) => lines.push(line) }), now)
  return {
    cache,
    reachability,
    listings: new StaleListings({ cache, store: kept, reachability, patienceMs: 5 }),
  }
}

const ask = (): Promise<string | string[]> => {
  asked++
  return answer()
}
const fails = (code: XnatErrorCode) => (): Promise<never> => Promise.reject(new XnatError(code, code))

async function load(listings: StaleListings, key = 'k'): Promise<string | string[]> {
  return (await listings.load(key, ask, undefined)).value
}

describe.each(['unreachable', 'timeout'] as const)('a server that is away (%s)', (code) => {
  it('what an earlier mount was listed is shown, said once, and asked for again after a while', async () => {
    store.save('k', 'before')
    answer = fails(code)
    const { listings, reachability } = start()
    expect(await load(listings)).toBe('before')
    expect(await load(listings)).toBe('before')
    expect([asked, listings.count, reachability.isReachable]).toEqual([1, 2, false])
    nowMs += 6000
    expect(await load(listings)).toBe('before')
    expect(asked).toBe(2)
    expect(lines).toHaveLength(1)
    nowMs += 6000
    answer = () => Promise.resolve('now')
    expect(await load(listings)).toBe('now')
    expect(reachability.isReachable).toBe(true)
    expect(lines[1]).toContain('answers again')
  })

  it('what this mount was listed is shown without a store', async () => {
    const { listings } = start(false)
    await load(listings)
    nowMs += 61_000
    answer = fails(code)
    expect(await load(listings)).toBe('now')
    expect(listings.count).toBe(1)
  })

  it('what nobody was listed fails', async () => {
    answer = fails(code)
    await expect(load(start().listings)).rejects.toMatchObject({ code })
  })
})

it('a server that is slow to come back does not hold anybody up, and its answer counts when it comes', async () => {
  const { listings, reachability } = start()
  store.save('k', 'before')
  answer = fails('unreachable')
  await load(listings)
  nowMs += 6000
  let arrive: (value: string) => void = () => {}
  answer = () => new Promise((resolve) => (arrive = resolve))
  expect(await load(listings)).toBe('before')
  arrive('now')
  await expect.poll(() => reachability.isReachable, { timeout: 4_000 }).toBe(true)
  expect(await load(listings)).toBe('now')
})

it.each(['unauthorized', 'forbidden', 'not-found', 'server', 'bad-response', 'throttled'] as const)(
  'an answer, such as %s, is never replaced by something older',
  async (code) => {
    store.save('k', 'before')
    answer = fails(code)
    const { listings, reachability } = start()
    await expect(load(listings)).rejects.toMatchObject({ code })
    expect(reachability.isReachable).toBe(true)
  },
)

it.each(['forbidden', 'not-found'] as const)('what is %s now is not shown later either', async (code) => {
  store.save('k', 'before')
  const { listings } = start()
  answer = fails(code)
  await expect(load(listings)).rejects.toMatchObject({ code })
  answer = fails('unreachable')
  await expect(load(listings)).rejects.toMatchObject({ code: 'unreachable' })
})

it.each(['forbidden', 'not-found'] as const)(
  'what this mount was listed and is %s now is not shown later either',
  async (code) => {
    const { listings } = start()
    await load(listings)
    nowMs += 61_000
    answer = fails(code)
    await expect(load(listings)).rejects.toMatchObject({ code })
    answer = fails('unreachable')
    await expect(load(listings)).rejects.toMatchObject({ code: 'unreachable' })
  },
)

it('who asks the cache itself, as for a change, is told what the server has now or nothing', async () => {
  store.save('k', 'before')
  answer = fails('unreachable')
  const { cache, listings } = start()
  expect(await load(listings)).toBe('before')
  await expect(cache.load('k', ask, undefined)).rejects.toMatchObject({ code: 'unreachable' })
})

it('what was changed here is not shown as it was; what is only to be asked for anew is', async () => {
  const { cache, listings } = start()
  await load(listings, 'changed')
  for (const key of ['distrusted', 'a', 'b', 'c']) await load(listings, key)
  cache.forget((key) => key === 'changed')
  cache.distrust(() => true)
  answer = fails('unreachable')
  await expect(load(listings, 'changed')).rejects.toMatchObject({ code: 'unreachable' })
  expect(await load(listings, 'distrusted')).toBe('now')
  expect(asked).toBe(7)
})

it('what was put into a listing here is shown with it', async () => {
  const { cache, listings } = start()
  answer = () => Promise.resolve(['now'])
  await load(listings)
  cache.replace('k', (rows: string[]) => [...rows, 'more'], 'more')
  expect(store.kept.get('k')).toEqual(['now', 'more'])
  answer = fails('unreachable')
  nowMs += 61_000
  expect(await load(listings)).toEqual(['now', 'more'])
})

it('who is shown something older can find that out', async () => {
  const value = ['before']
  store.save('k', value)
  const { listings } = start()
  const read = async (): Promise<unknown> =>
    (await listings.load('k', async () => [await ask()], undefined)).value
  const now = await read()
  expect(listings.isStale(now)).toBe(false)
  answer = fails('unreachable')
  nowMs += 61_000
  expect(await read()).toBe(now)
  expect(listings.isStale(now)).toBe(true)
  expect(listings.isStale('before')).toBe(false)
})

it('a file that could not be read does not make listings old: they are waited for', async () => {
  const { listings, reachability } = start()
  store.save('k', 'before')
  await expect(reachability.watch(fails('unreachable')())).rejects.toThrow()
  expect(reachability.isReachable).toBe(false)
  answer = () => new Promise((resolve) => void setImmediate(() => setTimeout(resolve, 20, 'now')))
  expect(await load(listings)).toBe('now')
})

it('while the server answers, a listing that is too old is asked for', async () => {
  const { listings } = start()
  await load(listings)
  nowMs += 61_000
  answer = () => Promise.resolve('newer')
  expect(await load(listings)).toBe('newer')
})
