import { beforeEach, describe, expect, it } from 'vitest'
import { FreshFiles } from '../../../src/archive/fresh-files.js'
import type { ResourcePart } from '../../../src/archive/layout.js'
import { ListingCache } from '../../../src/archive/listing-cache.js'
import type { StoredFile } from '../../../src/xnat/catalog-xml.js'
import type { XnatClient } from '../../../src/xnat/client.js'

const resource = '7'
const part: ResourcePart = {
  address: { experiment: 'E1', resource },
  item: '',
  label: '',
  fileCount: undefined,
  isSeries: false,
}
const fileOf = (storedPath: string): StoredFile => ({
  storedPath,
  sizeBytes: 1,
  digest: undefined,
  modifiedMs: undefined,
})

let nowMs: number
let asked: number
let held: Promise<void>
let cache: ListingCache
let files: FreshFiles

beforeEach(() => {
  nowMs = 0
  asked = 0
  held = Promise.resolve()
  const catalog = async (): Promise<StoredFile[]> => {
    const answer = [fileOf(`listed ${++asked}`)]
    await held
    return answer
  }
  const client = { catalog } as unknown as XnatClient
  cache = new ListingCache({ ttlMs: 60_000 })
  files = new FreshFiles(client, cache, () => nowMs)
})

const pathsOf = async (listing: Promise<readonly StoredFile[]>): Promise<string[]> =>
  (await listing).map(({ storedPath }) => storedPath)

describe('a listing for who changes a resource', () => {
  it('is asked for each time', async () => {
    expect(await pathsOf(files.list(part))).toEqual(['listed 1'])
    expect(await pathsOf(files.list(part))).toEqual(['listed 2'])
  })

  it('does for the next delete too if that comes at once', async () => {
    await files.listForNext(part)
    nowMs = 50
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 1'])
    nowMs = 51
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
  })

  it('does not where it was made for an upload', async () => {
    await files.list(part)
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
  })

  it('does not after a change by this mount', async () => {
    await files.listForNext(part)
    files.changed(resource)
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
  })

  it('does not after a refresh', async () => {
    await files.listForNext(part)
    cache.distrust(() => true)
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
  })

  it('does not when the change came while it was under way', async () => {
    let arrive = (): void => {}
    held = new Promise((resolve) => (arrive = resolve))
    const before = files.listForNext(part)
    await expect.poll(() => asked).toBe(1)
    files.changed(resource)
    arrive()
    expect(await pathsOf(before)).toEqual(['listed 1'])
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 2'])
  })

  it('does not where a newer one was asked for and failed', async () => {
    await files.listForNext(part)
    held = Promise.reject(new Error('gone'))
    await expect(files.listForNext(part)).rejects.toThrow('gone')
    held = Promise.resolve()
    expect(await pathsOf(files.listRecently(part))).toEqual(['listed 3'])
  })

  it('is of its own resource', async () => {
    await files.listForNext(part)
    const other = { ...part, address: { experiment: 'E1', resource: '8' } }
    expect(await pathsOf(files.listRecently(other))).toEqual(['listed 2'])
  })
})
