import { mkdir, mkdtemp, readFile as readLocalFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { errnoOf } from '../../src/fuse/operations.js'
import { Log } from '../../src/util/log.js'
import { rest } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Names in the prearchive that a URL has to escape, which XNAT does not undo (xnat-wire.md §1.2). */

const time = '.xnat/prearchive/ODD/20260101_120000123'
let folder: string
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

interface Waiting {
  folderName: string
  status: string
  scans: { id: string; resources: string[] }[]
}

/** As importers of old versions have left them. */
async function renameInState(state: string): Promise<void> {
  const database = join(state, 'database.json')
  const data = JSON.parse(await readLocalFile(database, 'utf8')) as { prearchive: Waiting[] }
  const [two, three] = ['PRE2', 'PRE3'].map((name) => data.prearchive.find((w) => w.folderName === name)!)
  three!.folderName = 'PRE 3'
  three!.status = 'READY'
  two!.scans.find(({ id }) => id === '2')!.id = 'é'
  const scan = two!.scans.find(({ id }) => id === '1-MR1')!
  scan.resources = scan.resources.map((label) => (label === 'NOTES' ? 'my & notes' : label))
  await writeFile(database, JSON.stringify(data))
  const files = join(state, 'prearchive/ODD/20260101_120000123/PRE2/SCANS/1-MR1')
  await rename(join(files, 'NOTES'), join(files, 'my & notes'))
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-names-'))
  const stateDirectory = join(folder, 'state')
  await (await startEmulator({ stateDirectory })).close()
  await renameInState(stateDirectory)
  emulator = await startEmulator({ stateDirectory })
  local = await startLocalVfs(emulator, { allowDelete: 'entities' })
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
  await rm(folder, { recursive: true })
})

const refusal = {
  code: 'ENOTSUP',
  message: expect.stringMatching(/no URL names '(PRE 3|é|my & notes)'/) as string,
}

describe('a name in the prearchive that no URL can carry', () => {
  it('is listed beside the others, which are read as ever', async () => {
    expect((await fs.list(time)).toSorted()).toEqual(['PRE 3', 'PRE2'])
    expect((await fs.list(`${time}/PRE2/scans`)).toSorted()).toEqual(['1-MR1', 'é'])
    expect((await fs.list(`${time}/PRE2/scans/1-MR1`)).toSorted()).toEqual(['NAMES', 'my & notes'])
    expect(await fs.list(`${time}/PRE2/scans/é`)).toEqual([])
    expect((await readFile(fs, `${time}/PRE2/scans/1-MR1/NAMES/plain.txt`)).toString()).toBe('plain\n')
    for (const name of ['PRE 3', 'PRE2/scans/é', 'PRE2/scans/1-MR1/my & notes'])
      expect((await fs.stat(`${time}/${name}`)).kind).toBe('directory')
  })

  it('is not found by the server, however it is written', async () => {
    for (const name of ['PRE%203', 'PRE+3', 'PRE%25203']) {
      const { status } = await rest(
        emulator,
        'GET',
        `/data/prearchive/projects/ODD/20260101_120000123/${name}`,
      )
      expect([name, status]).toEqual([name, 500])
    }
  })

  it('is ENOTSUP for who looks into it or removes it, and nothing is asked for in its place', async () => {
    emulator.control.resetRequests()
    for (const task of [
      () => fs.list(`${time}/PRE 3`),
      () => fs.list(`${time}/PRE 3/scans`),
      () => fs.stat(`${time}/PRE 3/session.xml`),
      () => fs.stat(`${time}/PRE 3/logs.csv`),
      () => fs.list(`${time}/PRE2/scans/1-MR1/my & notes`),
      () => fs.stat(`${time}/PRE2/scans/1-MR1/my & notes/note.txt`),
      () => fs.rmdir(`${time}/PRE 3`),
    ])
      await expect(task()).rejects.toMatchObject(refusal)
    const asked = emulator.control.requests().map(({ path }) => path)
    expect(asked.filter((path) => /PRE(%20|\+| )?3|notes/.test(path))).toEqual([])
  })

  it('has a line in the log that says why', async () => {
    const lines: string[] = []
    const error: unknown = await fs.list(`${time}/PRE 3/scans`).catch((reason: unknown) => reason)
    errnoOf(error, 'readdir', new Log({ write: (line) => lines.push(line) }))
    expect(lines.join('\n')).toMatch(/warn.*ENOTSUP.*no URL names 'PRE 3' in the prearchive: XNAT looks/)
  })
})

describe('the logs of a session that waits', () => {
  const at = `${time}/PRE2`
  const url = '/data/prearchive/projects/ODD/20260101_120000123/PRE2/logs?format=csv'

  it('are a table of what the server has noted, which no listing asks for', async () => {
    expect((await readFile(fs, `${at}/logs.csv`)).toString()).toMatch(/^"?id"?,"?date"?,"?entry"?\n$/)
    const logs = join(folder, 'state/prearchive/ODD/20260101_120000123/PRE2/logs')
    await mkdir(logs)
    await writeFile(join(logs, '1.log'), 'Session already exists, "retry" with overwrite enabled\n')
    local.archive.refresh()
    emulator.control.resetRequests()
    expect(await fs.list(at)).toContain('logs.csv')
    expect(emulator.control.requests().filter(({ path }) => path.includes('logs'))).toEqual([])
    const pasted = 'data/prearchive/projects/ODD/20260101_120000123/PRE2/logs'
    for (const [path, asked] of [
      [`${at}/logs.csv`, url],
      [pasted, `/${pasted}`],
    ] as const) {
      const sent = (await rest(emulator, 'GET', asked)).body.toString()
      expect(sent).toContain('Session already exists')
      expect((await readFile(fs, path)).toString()).toBe(sent)
    }
  })
})
