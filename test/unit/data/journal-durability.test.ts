import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createJournal } from '../../../src/data/journal-directory.js'

/** What each directory had in it when its names were last made to survive a power failure. */
const synced = vi.hoisted(() => new Map<string, Promise<string[]>>())
vi.mock('../../../src/util/sync-path.js', () => ({
  syncPath: async (path: string) => {
    synced.set(path, readdir(path))
    await synced.get(path)
  },
}))

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
})
afterEach(() => rm(home, { recursive: true }))

it('survives a power failure, with all directories on the way to it and what it is of', async () => {
  const path = await createJournal(join(home, 'state/xnatfs'), { url: 'https://x', user: 'me' }, '/mnt')
  for (let below = path; below !== home; below = dirname(below)) {
    const names = await readdir(dirname(below))
    expect([dirname(below), await synced.get(dirname(below))]).toEqual([dirname(below), names])
  }
})
