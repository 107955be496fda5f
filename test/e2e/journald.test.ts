import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Server as Listener } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { ownDirectories } from '../support/own-directories.js'
import { end, inOwnMounts, program, xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

/** docs/semantics.md, 10.6. */
describe('the journal of systemd', () => {
  let server: Server
  let folder: string
  let path: string
  let env: Record<string, string>
  let journal: Listener
  /** What was written to the socket of the journal. */
  let heard = ''
  beforeAll(async () => {
    server = await Server.start()
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-journal-'))
    path = join(folder, 'xnat')
    env = {
      ...ownDirectories(folder),
      XNAT_HOST: server.url,
      XNAT_USER: server.user,
      XNAT_PASS: server.password,
    }
    await mkdir(join(folder, 'journal'))
    await mkdir(path)
    journal = createServer((socket) => socket.on('data', (chunk) => (heard += chunk.toString())))
    await new Promise<void>((resolve) => journal.listen(join(folder, 'journal/stdout'), resolve))
  })
  afterAll(async () => {
    if (await mountAt(path)) await unmount(path, { lazy: true })
    journal.close()
    await server.stop()
    await rm(folder, { recursive: true })
  })

  // The journal's socket has one place, and there may be a journal.
  it('has the log of --journald, with its levels, from systemd-cat as it is', async () => {
    const main = `${process.execPath} ${program}`
    const script = [
      'set -e',
      'mount -t tmpfs none /run',
      'mkdir -p /run/systemd/journal',
      `mount --bind ${folder}/journal /run/systemd/journal`,
      `${main} mount ${path} --journald`,
      `! rm ${path}/TEST/1/MR1/scans/1/DICOM/1.dcm 2>&1`,
      `${main} umount ${path}`,
    ].join('\n')
    const { code, stdout, stderr } = await inOwnMounts(script, { env })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/is mounted on \S+; log: journalctl -t xnatfs _PID=\d+\n/)
    await expect.poll(() => heard, { timeout: 20_000 }).toContain('is mounted on')
    const [identifier, unit, priority, hasPrefixes, , , , ...lines] = heard.split('\n')
    expect([identifier, unit, priority, hasPrefixes]).toEqual(['xnatfs', '', '6', '1'])
    expect(lines).toContainEqual(expect.stringMatching(/^<6>http\S+ as admin is mounted on \S+ \(driver/))
    expect(lines).toContainEqual(expect.stringMatching(/^<4>unlink: EPERM remove 1\.dcm: .*; mount with/))
    for (const line of lines.filter((text) => text !== '')) expect(line).toMatch(/^<[3467]>\S/)
    expect(await readdir(join(folder, 'state/xnatfs'))).not.toContain('log')
  })

  it('is taken for what stderr is where systemd says so, and for no more', async () => {
    const logOf = async (streamOf: (file: { dev: number; ino: number }) => string): Promise<string> => {
      const file = join(folder, 'stderr')
      const handle = await open(file, 'w')
      const JOURNAL_STREAM = streamOf(await handle.stat())
      const child = spawn(process.execPath, [program, 'mount', '--foreground', path], {
        env: { ...process.env, ...env, JOURNAL_STREAM },
        stdio: ['ignore', 'ignore', handle.fd],
      })
      await handle.close()
      try {
        await expect.poll(() => readFile(file, 'utf8'), { timeout: 20_000 }).toContain('is mounted on')
      } finally {
        await end(child)
      }
      return readFile(file, 'utf8')
    }
    expect(await logOf(({ dev, ino }) => `${dev}:${ino}`)).toMatch(/^<6>http/)
    expect(await logOf(({ dev, ino }) => `${dev}:${ino + 1}`)).toMatch(/^\d{4}-\S+Z info http/)
  })

  it('is said to be missing where there is none, and that the log may go to a file', async () => {
    const bin = join(folder, 'bin')
    await mkdir(bin)
    await writeFile(
      join(bin, 'systemd-cat'),
      '#!/bin/sh\necho "Failed to create stream fd: No such file" >&2; exit 1\n',
    )
    await chmod(join(bin, 'systemd-cat'), 0o755)
    const mount = (PATH: string): ReturnType<typeof xnatfs> =>
      xnatfs(['mount', path, '--journald'], { env: { ...env, PATH } })
    const words = (what: RegExp): RegExp =>
      new RegExp(`^xnatfs: --journald: there is no journal of systemd here: ${what.source}; leave it away`)
    expect(await mount(`${bin}:${process.env['PATH']}`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(words(/Failed to create stream fd: No such file/)),
    })
    expect(await mount('/absent')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(words(/spawn systemd-cat ENOENT/)),
    })
    expect(await mountAt(path)).toBeUndefined()
  })

  it('is refused together with a file', async () => {
    const flags = ['mount', path, '--journald', '--log-file', join(folder, 'log')]
    expect(await xnatfs(flags, { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^xnatfs: --journald and --log-file: .*; leave one away/),
    })
  })
})
