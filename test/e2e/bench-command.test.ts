import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listMounts } from '../../src/fuse/mountpoint.js'
import { Mount } from '../support/mount.js'
import { program } from '../support/processes.js'
import { Server } from '../support/server.js'

const leftovers = async (): Promise<string[]> => [
  ...(await readdir(tmpdir())).filter((name) => name.startsWith('xnatfs-bench-')),
  ...(await listMounts())
    .map(({ mountpoint }) => mountpoint)
    .filter((path) => path.includes('xnatfs-bench-')),
]

/** The rows of the table that was printed: name to its cells. */
function rowsOf(printed: string): Map<string, string[]> {
  const lines = printed.split('\n').filter((line) => line.startsWith('| '))
  const cells = lines.slice(2).map((line) => line.slice(2, -2).split(' | '))
  return new Map(cells.map(([name, ...rest]) => [name!, rest]))
}

describe('xnatfs bench', () => {
  let server: Server
  let mount: Mount
  let before: string[]
  const scan = 'TEST/1/MR1/scans/1/DICOM'
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server)
    before = await leftovers() // of others, who may be under way
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
  })

  it('measures a scan by each way, on mounts of its own, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await mount.xnatfs(['bench', join(mount.path, scan), '--rounds', '1'])
    expect([code, stderr]).toEqual([0, expect.stringContaining('round 1 of 1: xnatfs, cold')])
    const rows = rowsOf(stdout)
    expect([...rows.keys()]).toEqual([
      'a zip of each resource, unpacked',
      'each file by a request, 32 in flight, not kept',
      'xnatfs, cold',
      'xnatfs, again',
      'xnatfs, remounted',
      'local disk',
    ])
    const files = (await readdir(join(mount.path, scan))).length
    const requests = (name: string): number => Number(rows.get(name)![1])
    expect(stdout).toContain(`${files} files`)
    expect(requests('a zip of each resource, unpacked')).toBe(1)
    expect(requests('each file by a request, 32 in flight, not kept')).toBe(files)
    expect(requests('xnatfs, cold')).toBeGreaterThan(1)
    expect(requests('xnatfs, again')).toBe(0)
    for (const cells of rows.values()) expect(Number(cells[0])).toBeGreaterThan(0)
    expect((await leftovers()).filter((path) => !before.includes(path))).toEqual([])
  })

  it('measures a tool, and says what it said when it fails', async () => {
    const bench = (run: string) =>
      mount.xnatfs(['bench', join(mount.path, scan), '--rounds', '1', '--run', run])
    const done = await bench('find "$IN" -type f | wc -l > "$OUT/count"')
    expect([done.code, [...rowsOf(done.stdout).keys()]]).toEqual([
      0,
      expect.arrayContaining(['xnatfs, cold']),
    ])
    const failed = await bench('echo no such luck >&2; exit 3')
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/ended with 3 in .*: no such luck/),
    ])
    expect((await leftovers()).filter((path) => !before.includes(path))).toEqual([])
  })

  it('is ended by Ctrl-C with its tool, which has files of the mount open, and leaves nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
    const mark = join(folder, 'reading')
    const holdOpen = `exec 3< "$(find "$IN" -type f | head -n 1)"; touch ${mark}; sleep 60; true`
    const tool = `case "$IN" in */xnat/*) ${holdOpen} ;; esac`
    try {
      const bench = spawn(process.execPath, [program, 'bench', join(mount.path, scan), '--run', tool], {
        env: { ...process.env, ...mount.env },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let said = ''
      bench.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
      const ended = new Promise((resolve) => bench.once('close', resolve))
      await expect.poll(() => existsSync(mark), { timeout: 30_000 }).toBe(true)
      bench.kill('SIGINT')
      expect(await ended).toBe(1)
      expect(said).toContain('xnatfs: bench: interrupted')
      expect((await leftovers()).filter((path) => !before.includes(path))).toEqual([])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('ends with a reason and an exit code where it cannot measure', async () => {
    const absent = await mount.xnatfs(['bench', join(mount.path, 'TEST/1/NONE')])
    expect([absent.code, absent.stderr]).toEqual([
      5,
      expect.stringContaining('TEST/1/NONE: cannot be listed'),
    ])
    expect(await mount.xnatfs(['bench', '/'])).toMatchObject({ code: 5 })
    const rounds = await mount.xnatfs(['bench', join(mount.path, scan), '--rounds', '1.5'])
    expect([rounds.code, rounds.stderr]).toEqual([2, expect.stringMatching(/--rounds: .*whole number/)])
  })
})
