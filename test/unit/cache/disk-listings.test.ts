import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { userDirectory } from '../../../src/cache/cache-layout.js'
import { DiskListings } from '../../../src/cache/disk-listings.js'
import { KnownUser } from '../../../src/cache/known-user.js'
import { closeTestCache, openTestCache } from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

let root: string
let parts: TestCache

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  parts = openTestCache(root)
})
afterEach(async () => {
  await closeTestCache(parts)
  await rm(root, { recursive: true })
})

function listingsOf(user: string | undefined): DiskListings {
  return new DiskListings({ ...parts, user: userDirectory(parts.server, user) })
}

it('gives back what was saved last, to the next mount of this user', async () => {
  const listings = listingsOf('me')
  listings.save('files 1', [{ storedPath: 'old' }])
  listings.save('files 1', [{ storedPath: 'a/ä b', sizeBytes: undefined }])
  listings.save(`item /data/${'x'.repeat(300)}`, { label: 'long' })
  await listings.settled()
  const next = listingsOf('me')
  expect((await next.load('files 1'))?.value).toEqual([{ storedPath: 'a/ä b' }])
  expect((await next.load(`item /data/${'x'.repeat(300)}`))?.value).toEqual({ label: 'long' })
  expect(await next.load('files 2')).toBeUndefined()
})

it('gives no other user, nor a guest, anything', async () => {
  const listings = listingsOf('me')
  listings.save('projects', [{ id: 'SECRET' }])
  await listings.settled()
  for (const other of [undefined, 'guest', 'you', 'ME']) {
    expect(await listingsOf(other).load('projects')).toBeUndefined()
  }
})

it('what is no longer true is not found any more, whoever saved it', async () => {
  const listings = listingsOf('me')
  for (const key of ['files 1', 'files 2', 'projects']) listings.save(key, [])
  await listings.settled()
  const next = listingsOf('me')
  next.save('files 1', ['newer'])
  next.remove((key) => key.startsWith('files'))
  expect(await next.load('files 1')).toBeUndefined()
  expect(await next.load('files 2')).toBeUndefined()
  expect(await next.load('projects')).toBeDefined()
})

it('what is saved after something was removed stays', async () => {
  const listings = listingsOf('me')
  listings.save('files 1', ['old'])
  listings.remove((key) => key === 'files 1')
  listings.save('files 1', ['new'])
  expect((await listings.load('files 1'))?.value).toEqual(['new'])
})

it('what is saved after something was removed stays, also while others are being written', async () => {
  const listings = listingsOf('me')
  listings.save('projects', [])
  listings.save('files 1', ['old'])
  const writing = listings.settled()
  listings.remove((key) => key === 'files 1')
  listings.save('files 1', ['new'])
  await writing
  await listings.settled()
  expect((await listingsOf('me').load('files 1'))?.value).toEqual(['new'])
})

it('a damaged listing is a miss, removed and logged', async () => {
  const listings = listingsOf('me')
  listings.save('projects', [{ id: 'TEST' }])
  await listings.settled()
  const directory = join(userDirectory(parts.server, 'me'), 'listings')
  const path = join(directory, 'projects')
  const bytes = await readFile(path)
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 0x02
    await writeFile(path, damaged)
    expect(await listings.load('projects')).toBeUndefined()
    expect(await readdir(directory)).toEqual([])
  }
  expect(parts.lines.filter((line) => line.includes('damaged'))).toHaveLength(1)
})

it('a log-in is remembered for its user alone', async () => {
  const known = (user: string): KnownUser =>
    new KnownUser(parts.disk, parts.server, userDirectory(parts.server, user), parts.writer)
  expect(await known('me').recall()).toBeUndefined()
  await known('me').remember('me', 'https://xnat.example.org')
  expect(await known('me').recall()).toBe('me')
  expect(await known('you').recall()).toBeUndefined()
})
