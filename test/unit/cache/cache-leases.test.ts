import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CacheDisk, nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import { CacheLeases } from '../../../src/cache/cache-leases.js'
import type { Lease } from '../../../src/cache/cache-leases.js'
import { CacheWriterId } from '../../../src/cache/cache-writer-id.js'
import { Log } from '../../../src/util/log.js'

/** docs/semantics.md, 2.16. */
describe('leases in a cache directory', () => {
  let server: string
  let nowMs: number
  let lines: string[]
  beforeEach(async () => {
    server = await mkdtemp(join(tmpdir(), 'xnatfs-leases-'))
    nowMs = 1_000_000
    lines = []
  })
  afterEach(() => rm(server, { recursive: true }))
  const open = (fs: CacheFs = nodeFs): { leases: CacheLeases; writer: CacheWriterId } => {
    const disk = new CacheDisk({ log: new Log({ write: (line) => lines.push(line) }), now: () => nowMs, fs })
    const writer = new CacheWriterId(server, disk)
    return { leases: new CacheLeases({ server, disk, writer }), writer }
  }
  const taken = async (leases: CacheLeases, name = 'a'): Promise<Lease> => {
    const lease = await leases.take(name)
    if (lease === undefined || lease === 'none') throw new Error(`no lease: ${lease}`)
    return lease
  }
  /** A process of another machine: nobody here can tell whether it runs. */
  const onAnotherMachine = (id: string): Promise<void> =>
    writeFile(join(server, 'writers', id), JSON.stringify({ host: 'elsewhere', pid: 1, started: 'x' }))

  it('are given to one at a time', async () => {
    const [one, other] = [open().leases, open().leases]
    const lease = await taken(one)
    expect(await other.take('a')).toBeUndefined()
    expect([await one.isElsewhere('a'), await other.isElsewhere('a')]).toEqual([false, true])
    await taken(other, 'b')
    await lease.end()
    expect(await other.isElsewhere('a')).toBe(false)
    await taken(other)
    await one.close()
    await other.close()
    expect(await readdir(join(server, 'leases'))).toEqual([])
  })

  it('tell who else is there', async () => {
    const [one, other] = [open().leases, open()]
    await one.announce()
    expect([await one.hasCompany(), one.isShared]).toEqual([false, false])
    await other.leases.announce()
    nowMs += 2000
    expect([await one.hasCompany(), one.isShared]).toEqual([true, true])
    await other.writer.retire()
    nowMs += 2000
    expect(await one.hasCompany()).toBe(false)
  })

  it('of a process of this machine that has ended are free at once', async () => {
    const [one, other] = [open(), open().leases]
    await taken(one.leases)
    await one.writer.retire()
    expect(await other.isElsewhere('a')).toBe(false)
    await taken(other)
  })

  it('of another machine are free when they have not changed for a while, by the clock of who looks', async () => {
    const [one, other] = [open(), open().leases]
    await taken(one.leases)
    await onAnotherMachine(one.writer.id)
    expect(await other.isElsewhere('a')).toBe(true)
    nowMs += 14_000
    expect(await other.isElsewhere('a')).toBe(true)
    const [name] = await readdir(join(server, 'leases'))
    await nodeFs.utimes(join(server, 'leases', name!), 1, 1) // its owner lives, and its clock is wrong
    nowMs += 14_000
    expect(await other.isElsewhere('a')).toBe(true)
    nowMs += 16_000
    expect(await other.isElsewhere('a')).toBe(false)
    await taken(other)
    expect(await readdir(join(server, 'tmp'))).toEqual([])
  })

  it('that another has taken over are not taken away from it', async () => {
    const [one, other] = [open(), open().leases]
    const lease = await taken(one.leases)
    await onAnotherMachine(one.writer.id)
    await other.isElsewhere('a')
    nowMs += 16_000
    await other.isElsewhere('a')
    await taken(other)
    await lease.end()
    expect(await one.leases.take('a')).toBeUndefined()
  })

  it('of two who find it dead at once one has it in the end', async () => {
    const owner = open()
    await taken(owner.leases)
    let late: (() => Promise<void>) | undefined
    const slow = open({
      ...nodeFs,
      rename: async (from, to) => {
        if (String(from).includes('/leases/')) await late?.()
        await nodeFs.rename(from, to)
      },
    }).leases
    const quick = open().leases
    await owner.writer.retire()
    late = async () => {
      late = undefined
      expect(await quick.isElsewhere('a')).toBe(false)
      await taken(quick)
    }
    await slow.isElsewhere('a')
    expect(await slow.take('a')).toBeUndefined()
    expect(await slow.isElsewhere('a')).toBe(true)
  })

  it('that another machine has just removed are no trouble of the disk', async () => {
    const { leases } = open({
      ...nodeFs,
      open: (path, ...how) =>
        how[0] === 'r'
          ? Promise.reject(Object.assign(new Error('stale'), { code: 'ESTALE' }))
          : nodeFs.open(path, ...how),
    })
    expect(await leases.isElsewhere('a')).toBe(false)
    await taken(leases)
    expect(lines).toEqual([])
  })

  it('that the disk refuses are done without', async () => {
    const fails = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'EROFS' }))
    const { leases } = open({ ...nodeFs, open: fails })
    expect(await leases.take('a')).toBe('none')
    expect(await leases.isElsewhere('a')).toBe(false)
    expect(lines.join('\n')).toMatch(/the disk cache cannot write/)
  })
})
