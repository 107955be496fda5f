import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountedFileSystem } from '../support/mounted-file-system.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'
import { LaneModel, absent } from './lane-model.js'
import { LaneRunner } from './lane-runner.js'
import { SeededRandom } from './seeded-random.js'
import { ServerFiles, rootOf } from './server-files.js'
import { digestOf, seededBytes } from './steps.js'
import type { Lane, Result } from './steps.js'
import { judge } from './verdict.js'
import { makeLane } from './workload.js'
import { firstSeed } from './first-seed.js'

describe('a mount whose process is killed by kill -9', () => {
  let folder: string
  let server: Server
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-crash-'))
    server = await Server.start(['--state', folder])
  })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  /** @returns what the server has in the end, temporary names excepted */
  async function runAndKill(
    lane: Lane,
    writeMode: 'close' | 'back',
    stepsUntilKill: number,
  ): Promise<{ results: Result[]; stored: Map<string, string> }> {
    const label = lane.roots[0]!
    const root = rootOf(label, 0)
    const files = new ServerFiles(server)
    const inRoot = [...lane.initial, ...lane.neighbours]
    await files.prepare(
      root,
      inRoot.map((file) => ({ ...file, path: file.path.slice(label.length + 1) })),
    )
    const mount = await Mount.start(server, { flags: ['--write-mode', writeMode] })
    const results: Result[] = []
    try {
      const fs = mountedFileSystem('mount', mount.path)
      const runner = new LaneRunner(fs, (path) => root.mountPath + path.slice(label.length), true)
      const pid = await mount.pid()
      let isGone = false
      await runner.run(lane.steps, (index, result) => {
        // The mount may have gone from its place: what is told then is of the empty directory below it.
        isGone ||= index > stepsUntilKill && result.code !== 'ok'
        if (isGone) return
        results.push(result)
        if (index === stepsUntilKill) process.kill(pid, 'SIGKILL')
      })
      await runner.abandon()
      await mount.clear()
      await mount.again(['--write-mode', writeMode])
      await mount.xnatfs(['umount', mount.path])
    } finally {
      await mount.stop([/.*/])
    }
    const stored = await files.contents(root)
    return { results, stored: new Map([...stored].map(([path, content]) => [`${label}/${path}`, content])) }
  }

  it.each([
    ['close', firstSeed],
    ['back', firstSeed + 1],
    ['close', firstSeed + 2],
    ['back', firstSeed + 3],
  ] as const)('in mode %s (seed %i) has everything on the server after the next', async (writeMode, seed) => {
    const random = new SeededRandom(seed)
    const lane = makeLane({ seed, roots: [`M${seed}`], tasks: 12 })
    const at = random.between(2, lane.steps.length - 2)
    const { results, stored } = await runAndKill(lane, writeMode, at)
    const model = new LaneModel(lane.initial, { isHealthy: true, isBack: writeMode === 'back' })
    const wrong = results.map((result, index) => model.apply(lane.steps[index]!, result))
    expect(wrong.filter((problem) => problem !== undefined)).toEqual([])
    const expectations = [model.expectation()]
    const next = lane.steps[results.length]
    if (next && next.op !== 'read' && !model.refusal(next)) {
      model.apply(next, { code: 'ok' })
      expectations.push(model.expectation())
    }
    // What a mount shows is tested in other ways; here it is what the server has.
    const found = { stored, shown: stored, left: new Set<string>(), isDamaged: false }
    const onServer = expectations.map((expected) => ({ ...expected, kept: new Map() }))
    expect(judge(onServer, found, lane.neighbours).map((line) => `killed after ${at}: ${line}`)).toEqual([])
  })
})

describe('a mount that is killed while it sends a file that is still being written', () => {
  it('leaves the old file, and nothing of the new one', async () => {
    const server = await Server.start()
    const root = rootOf('BIG', 0)
    const files = new ServerFiles(server)
    const old = seededBytes(1, 5000)
    await files.prepare(root, [])
    await files.put(root, 'a.bin', old)
    const mount = await Mount.start(server)
    try {
      // Known before the file is open: whoever starts a process closes its copies of all descriptors.
      const pid = await mount.pid()
      const file = await mountedFileSystem('mount', mount.path).open(`${root.mountPath}/a.bin`, 'w')
      const block = seededBytes(2, 1024 * 1024)
      for (let i = 0; i < 40; i++) await file.write(block, i * block.length)
      const sentBytes = async (): Promise<number> =>
        (await server.requests()).findLast(({ method }) => method === 'PUT')?.requestBytes ?? 0
      await expect.poll(sentBytes, { timeout: 20_000 }).toBeGreaterThan(20 * block.length)
      process.kill(pid, 'SIGKILL')
      await file.close().catch(() => {}) // nobody answers any more
      await mount.clear()
      await mount.again()
      await mount.xnatfs(['umount', mount.path])
      expect(await files.contents(root)).toEqual(new Map([['a.bin', digestOf(old)]]))
    } finally {
      await mount.stop([/.*/])
      await server.stop()
    }
  })
})

describe('two mounts that write into one resource', () => {
  let server: Server
  let mounts: Mount[]
  const root = rootOf('SHARED', 0)
  beforeAll(async () => {
    server = await Server.start()
    mounts = []
    await new ServerFiles(server).prepare(root, [])
    for (let i = 0; i < 2; i++) mounts.push(await Mount.start(server))
  })
  afterAll(async () => {
    for (const mount of mounts) await mount.stop([/.*/])
    await server.stop()
  })

  it('lose no file of the other', async () => {
    const written = new Map<string, string>()
    await Promise.all(
      mounts.map(async (mount, who) => {
        const fs = mountedFileSystem('mount', mount.path)
        for (let i = 0; i < 12; i++) {
          const bytes = seededBytes(who * 100 + i, 2000 + i)
          const name = `of-${who}-${String(i).padStart(2, '0')}`
          const file = await fs.open(`${root.mountPath}/${name}`, 'w')
          await file.write(bytes, 0)
          await file.close()
          written.set(name, digestOf(bytes))
        }
      }),
    )
    const stored = await new ServerFiles(server).contents(root)
    for (const [name, digest] of written) expect([name, stored.get(name) ?? absent]).toEqual([name, digest])
    expect(written.size).toBe(24)
  })

  it('and of one file leave the whole of one version, whose close() has succeeded', async () => {
    const files = new ServerFiles(server)
    await files.put(root, 'common', seededBytes(1, 5000))
    const closed = new Set<string>([digestOf(seededBytes(1, 5000))])
    const codes: string[] = []
    await Promise.all(
      mounts.map(async (mount, who) => {
        const fs = mountedFileSystem('mount', mount.path)
        for (let i = 0; i < 6; i++) {
          const bytes = seededBytes(1000 + who * 100 + i, 40_000 + i)
          try {
            const file = await fs.open(`${root.mountPath}/common`, 'w')
            await file.write(bytes, 0)
            await file.close()
            closed.add(digestOf(bytes))
            codes.push('ok')
          } catch (error) {
            codes.push(error instanceof Error && 'code' in error ? String(error.code) : String(error))
          }
        }
      }),
    )
    const content = (await files.contents(root)).get('common')
    expect(closed).toContain(content)
    expect(codes).toContain('ok')
  })
})
