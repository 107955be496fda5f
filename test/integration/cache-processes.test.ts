import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CacheDisk, nodeFs } from '../../src/cache/cache-disk.js'
import { CacheRoom } from '../../src/cache/cache-room.js'
import { survey } from '../../src/cache/cache-survey.js'
import { verifyCache } from '../../src/cache/cache-verify.js'
import { Log } from '../../src/util/log.js'
import { repository } from '../support/processes.js'

const seed = Number(process.env['XNATFS_SEED'] ?? Math.floor(Math.random() * 1e9))
const limitBytes = 2 * 1024 * 1024

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
})
afterEach(() => rm(root, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

function work(number: number, operations: number): { child: ChildProcess; ended: Promise<Ended> } {
  const script = join(repository, 'test', 'support', 'cache-worker.mjs')
  const parameters = [script, join(repository, 'dist'), root, String(seed + number), String(operations)]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stdout?.resume()
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, stderr }))
  })
  return { child, ended }
}

async function expectSound(): Promise<void> {
  const disk = new CacheDisk({ log: new Log({ write: () => {} }) })
  const { bad, goodFiles } = await verifyCache(disk, root)
  expect(bad).toEqual([])
  expect(goodFiles).toBeGreaterThan(0)
}

it(`processes that write, read and evict at the same time never see a wrong byte (seed ${seed})`, async () => {
  const workers = [0, 1, 2].map((number) => work(number, 3000))
  for (const { ended } of workers) expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
  await expectSound()
  const disk = new CacheDisk({ log: new Log({ write: () => {} }) })
  const room = new CacheRoom({ root, disk, maxBytes: limitBytes, keepFreeBytes: 0 })
  await room.makeRoom()
  await room.close()
  const { entries } = await survey(nodeFs, root)
  expect(entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(limitBytes)
}, 60_000)

it(`writers that are killed at any moment leave nothing but misses (seed ${seed})`, async () => {
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % below
  }
  for (let round = 0; round < 12; round++) {
    const survivor = work(1000 + round, 300)
    const victim = work(2000 + round, 1_000_000)
    let left = 1 + random(1500)
    victim.child.stdout!.on('data', (dots: Buffer) => {
      left -= dots.length
      if (left <= 0) victim.child.kill('SIGKILL')
    })
    expect(await victim.ended).toMatchObject({ signal: 'SIGKILL', stderr: '' })
    expect(await survivor.ended).toEqual({ code: 0, signal: null, stderr: '' })
    await expectSound()
  }
  const disk = new CacheDisk({ log: new Log({ write: () => {} }) })
  const room = new CacheRoom({ root, disk, maxBytes: limitBytes, keepFreeBytes: 0 })
  await room.makeRoom()
  await room.close()
  const { leftovers } = await survey(nodeFs, root)
  expect(leftovers.filter(({ writer }) => writer !== undefined)).toEqual([])
}, 120_000)
