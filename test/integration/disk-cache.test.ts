import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileSystem } from '../support/file-system.js'
import { readFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { Server } from '../support/server.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Of the generated sample. */
const session = 'TEST/1/MR1'

let cacheDir: string
let server: Server
const running = new Set<LocalVfs>()

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  server = await Server.start()
})
afterEach(async () => {
  for (const local of running) await local.stop()
  running.clear()
  await server.stop()
  await rm(cacheDir, { recursive: true })
})

type Access = Pick<Server, 'url' | 'user' | 'password'>

async function start(access: Access = server, flags = {}): Promise<LocalVfs & { fs: FileSystem }> {
  const local = await startLocalVfs(access, { cacheDir, ...flags })
  running.add(local)
  return { ...local, fs: vfsFileSystem(local.vfs) }
}

async function stop(local: LocalVfs): Promise<void> {
  for (const one of running) if (one.vfs === local.vfs) running.delete(one)
  await local.stop()
}

/** Every file below a directory, with its bytes. */
async function readAll(fs: FileSystem, directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const name of await fs.list(directory)) {
    const path = `${directory}/${name}`
    if ((await fs.stat(path)).kind === 'directory') {
      for (const [file, bytes] of await readAll(fs, path)) files.set(file, bytes)
    } else files.set(path, (await readFile(fs, path)).toString('latin1'))
  }
  return files
}

const isData = ({ path }: { path: string }): boolean => /\/files\/./.test(path)

describe('a second mount on the same cache', () => {
  it('reads without one request for bytes, and sees what has changed', async () => {
    const first = await start()
    const files = await readAll(first.fs, session)
    expect(files.size).toBeGreaterThan(20)
    await stop(first)
    await server.resetRequests()

    const second = await start()
    expect(await readAll(second.fs, session)).toEqual(files)
    expect((await server.requests()).filter(isData)).toEqual([])
    expect(second.lines.filter((line) => / (warn|error) /.test(line))).toEqual([])
  })
})
