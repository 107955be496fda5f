import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { takeTurn } from '../../../src/cli/mount-turn.js'

describe('the turn of a mount at a place', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-turn-'))
    vi.stubEnv('XDG_RUNTIME_DIR', folder)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })

  it('is one at a time, and the next when it is over', async () => {
    let end = await takeTurn('/mnt/xnat')
    await expect(takeTurn('/mnt/xnat')).rejects.toThrow(
      /^\/mnt\/xnat: another xnatfs is just being mounted there; wait/,
    )
    const endOther = await takeTurn('/mnt/other')
    endOther()
    end()
    end = await takeTurn('/mnt/xnat')
    end()
    expect(await readdir(join(folder, 'xnatfs'))).toEqual([])
  })

  it('is given to one only of those who come together', async () => {
    const turns = await Promise.allSettled([1, 2, 3, 4].map(() => takeTurn('/mnt/xnat')))
    const taken = turns.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value] : []))
    expect(taken).toHaveLength(1)
    taken[0]!()
  })

  it('of a process that was killed is over', async () => {
    let end = await takeTurn('/mnt/xnat')
    const [name] = await readdir(join(folder, 'xnatfs'))
    end()
    const code = `require('net').createServer().listen(${JSON.stringify(join(folder, 'xnatfs', name!))}, () => process.kill(process.pid, 'SIGKILL'))`
    const killed = spawn(process.execPath, ['-e', code])
    await new Promise((resolve) => killed.once('exit', resolve))
    expect(await readdir(join(folder, 'xnatfs'))).toEqual([name])
    end = await takeTurn('/mnt/xnat')
    end()
    expect(await readdir(join(folder, 'xnatfs'))).toEqual([])
  })
})
