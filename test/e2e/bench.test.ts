import { spawn } from 'node:child_process'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listMounts } from '../../src/fuse/mountpoint.js'
import { repository, run } from '../support/processes.js'

const script = join(repository, 'scripts', 'bench.mjs')
const rows =
  'series series-10x small scan find sequential random write-big write-small write-back no-range link'.split(
    ' ',
  )
let folder: string

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'bench-')))
})
afterEach(() => rm(folder, { recursive: true }))

/** No mount, no process and no file is left. */
async function expectNothingLeft(): Promise<void> {
  const mounts = await listMounts()
  expect(mounts.filter(({ mountpoint }) => mountpoint.startsWith(folder))).toEqual([])
  expect((await run('pgrep', ['-af', '--', folder])).stdout).toBe('')
  expect(await readdir(folder)).toEqual([])
}

describe('npm run bench', { timeout: 400_000 }, () => {
  it('--quick measures every row and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [script, '--quick', '--folder', folder], {
      timeoutMs: 380_000,
    })
    expect(stderr).not.toContain('bench: ')
    expect(code).toBe(0)
    const titles = [...stdout.matchAll(/^\| \*\*([a-z0-9-]+)\*\*:/gm)].map(([, name]) => name)
    expect(titles).toEqual(rows)
    for (const line of ['xnatfs, cold', 'xnatfs, again', 'xnatfs, remounted', 'xnatfs, cp', 'curl -T'])
      expect(stdout).toMatch(new RegExp(`^\\| ${line} +\\| [0-9.]+ \\| \\d+ \\| [0-9.]+ \\|`, 'm'))
    expect(stdout).toMatch(/^(?:\| rclone mount, cold \| [0-9.]+ \| \d+ |\* rclone mount, cold is left out)/m)
    expect(stdout).toMatch(/^Peak memory of xnatfs in all of this: [0-9.]+ MiB/m)
    await expectNothingLeft()
  })

  it('ends cleanly when it is interrupted in the midst of a measurement', async () => {
    const words = [script, '--quick', '--rows', 'small', '--latency', '300', '--folder', folder]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const said: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
    await vi.waitUntil(
      async () => (await listMounts()).some(({ mountpoint }) => mountpoint.startsWith(folder)),
      { timeout: 60_000, interval: 20 },
    )
    child.kill('SIGTERM')
    expect(await ended).toBe(1)
    expect(said.at(-1)).toBe('bench: interrupted by SIGTERM')
    await expectNothingLeft()
  })

  it('names what it does not know', async () => {
    const { code, stderr } = await run(process.execPath, [script, '--rows', 'small,nonsense'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^bench: --rows: 'nonsense' is none of series, /)
  })
})
