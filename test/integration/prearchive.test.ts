import { mkdtemp, rm, writeFile as writeLocalFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What waits to be archived, on the generated sample. */

const top = '.xnat/prearchive'
const time = '20260101_120000123'
const session = `${top}/TEST/${time}/PRE1`
const odd = `${top}/ODD/${time}/PRE2`

let folder: string
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-prearchive-'))
  emulator = await startEmulator({ stateDirectory: join(folder, 'state') })
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
  await rm(folder, { recursive: true })
})
afterEach(() => emulator.control.setFaults([]))

async function get(path: string): Promise<Buffer> {
  const { status, body } = await rest(emulator, 'GET', path)
  expect([path, status]).toEqual([path, 200])
  return body
}

/** Every file below a directory. */
async function filesBelow(files: FileSystem, directory: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await files.list(directory)) {
    const path = `${directory}/${name}`
    if ((await files.stat(path)).kind === 'directory') found.push(...(await filesBelow(files, path)))
    else found.push(path)
  }
  return found
}

async function textIn(files: FileSystem, path: string): Promise<string> {
  return (await readFile(files, path)).toString()
}

async function as<T>(user: string, task: (files: FileSystem) => Promise<T>): Promise<T> {
  const theirs = await startLocalVfs({ url: emulator.url, user, password: `${user}-pass` })
  try {
    return await task(vfsFileSystem(theirs.vfs))
  } finally {
    await theirs.stop()
  }
}

describe('the prearchive', () => {
  it('is a tree of projects, times, sessions, scans and resources', async () => {
    for (const [path, names] of [
      [top, ['ODD', 'TEST', 'Unassigned']],
      [`${top}/ODD`, [time]],
      [`${top}/ODD/${time}`, ['PRE2', 'PRE3']],
      [odd, ['scans', 'session.xml']],
      [`${odd}/scans`, ['1-MR1', '2']],
      [`${odd}/scans/1-MR1`, ['NAMES', 'NOTES']],
      [`${odd}/scans/2`, []],
      [`${odd}/scans/1-MR1/NAMES/in`, ['files', 'same.txt']],
      [`${top}/ODD/${time}/PRE3/scans`, []],
      [`${top}/Unassigned/${time}/PRE4/scans/1/NOTES`, ['note.txt']],
      [`${session}/scans/1/DICOM`, ['1.dcm', '2.dcm']],
    ] as const)
      expect([path, (await fs.list(path)).toSorted()]).toEqual([path, names])
  })

  it('is found by its name at the top, and listed nowhere', async () => {
    expect(await fs.readlink('prearchive')).toBe('.xnat/prearchive')
    expect(await fs.list('')).not.toContain('prearchive')
    expect(await fs.list('prearchive/TEST')).toEqual([time])
  })

  it('opens the content that curl gets where a path of REST is pasted', async () => {
    const files = `prearchive/projects/TEST/${time}/PRE1/scans/1/resources/DICOM/files`
    for (const prefix of ['', 'data/', 'REST/']) {
      expect(await fs.list(`${prefix}${files}`)).toEqual(['1.dcm', '2.dcm'])
      const sent = await get(`/data/${files}/2.dcm`)
      expect((await readFile(fs, `${prefix}${files}/2.dcm`)).equals(sent)).toBe(true)
    }
    const names = `prearchive/projects/ODD/${time}/PRE2/scans/1-MR1/resources/NAMES/files`
    expect(await textIn(fs, `data/${names}/in/files/same.txt`)).toBe('in a folder called files\n')
  })

  it('has the files under the names that they are stored by', async () => {
    const names = `${odd}/scans/1-MR1/NAMES`
    const texts = {
      'plain.txt': 'plain\n',
      'with blank.txt': 'blank\n',
      'a+b.txt': 'plus\n',
      'a#b.txt': 'hash\n',
      '100%.txt': 'percent\n',
      "it's <a> & b.txt": 'entities\n',
      'é.txt': 'accent\n',
      '%23.txt': 'an escape\n',
      'in/files/same.txt': 'in a folder called files\n',
      'in/same.txt': 'in a folder\n',
      'empty.dat': '',
    }
    expect((await filesBelow(fs, names)).toSorted()).toEqual(
      Object.keys(texts)
        .map((name) => `${names}/${name}`)
        .toSorted(),
    )
    for (const [name, text] of Object.entries(texts)) {
      expect([name, await textIn(fs, `${names}/${name}`)]).toEqual([name, text])
      expect([name, (await fs.stat(`${names}/${name}`)).sizeBytes]).toEqual([name, Buffer.byteLength(text)])
    }
  })

  it('has the XML of a session, which no listing asks for', async () => {
    local.archive.refresh()
    emulator.control.resetRequests()
    expect(await fs.list(session)).toContain('session.xml')
    expect(emulator.control.requests().map(({ path }) => path)).not.toContainEqual(
      expect.stringMatching(/PRE1(\?|$)/),
    )
    const sent = (await get(`/data/prearchive/projects/TEST/${time}/PRE1?format=xml`)).toString()
    expect(await textIn(fs, `${session}/session.xml`)).toBe(sent.replace(/\n?$/, '\n'))
  })

  it('has the times of its sessions', async () => {
    const modified = new Date(2026, 0, 1, 12, 5).getTime()
    for (const path of [session, `${session}/scans/1/DICOM/1.dcm`])
      expect(Math.abs((await fs.stat(path)).mtimeMs - modified)).toBeLessThan(24 * 3_600_000)
  })

  it('asks for nothing that it does not know: a name that is no session is absent', async () => {
    await fs.list(`${top}/TEST/${time}`)
    emulator.control.resetRequests()
    for (const name of [`${top}/TEST/${time}/NONE`, `${top}/TEST/20260101_000000000`, `${top}/NOBODY`])
      await expect(fs.stat(name)).rejects.toMatchObject({ code: 'ENOENT' })
    for (const name of ['scans/7', 'scans/1/NONE', 'scans/1/DICOM/3.dcm', 'other'])
      await expect(fs.stat(`${session}/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
    const asked = emulator.control.requests().map(({ path }) => path)
    expect(asked.filter((path) => /NONE|NOBODY|20260101_000000000|scans\/7|3\.dcm/.test(path))).toEqual([])
  })

  it('has an empty directory for a project of which nothing waits', async () => {
    await put(emulator, '/data/projects/NEW')
    local.archive.refresh()
    expect(await fs.list(`${top}/NEW`)).toEqual([])
    expect(await fs.list(top)).not.toContain('NEW')
  })

  it('asks once for each list, however many files there are', async () => {
    local.archive.refresh()
    emulator.control.resetRequests()
    await filesBelow(fs, `${odd}/scans`)
    const asked = emulator.control.requests().map(({ path }) => path)
    expect(new Set(asked).size).toBe(asked.length)
    expect(asked.length).toBeLessThanOrEqual(6)
  })

  it('is shown to those who may edit: others are told EACCES', async () => {
    await as('outsider', async (theirs) => {
      expect(await theirs.list(top)).toEqual([])
      await expect(theirs.stat(`${top}/TEST`)).rejects.toMatchObject({ code: 'ENOENT' })
    })
    await as('member', async (theirs) => {
      expect((await theirs.list(top)).toSorted()).toEqual(['ODD', 'TEST'])
      expect(await theirs.list(`${session}/scans/1/DICOM`)).toEqual(['1.dcm', '2.dcm'])
    })
    await put(emulator, '/data/projects/TEST/users/Collaborators/outsider')
    await as('outsider', async (theirs) => {
      expect(await theirs.list(top)).toEqual([])
      await expect(theirs.list(`${session}/scans`)).rejects.toMatchObject({ code: 'EACCES' })
      await expect(readFile(theirs, `${session}/session.xml`)).rejects.toMatchObject({ code: 'EACCES' })
    })
  })

  it('is an error, and not empty, where the server fails', async () => {
    local.archive.refresh()
    emulator.control.setFaults([{ path: '/data/prearchive*', fault: { kind: 'status', status: 500 } }])
    await expect(fs.list(top)).rejects.toMatchObject({ code: 'EIO' })
    await expect(fs.stat(session)).rejects.toMatchObject({ code: 'EIO' })
  })

  it('is not changed', async () => {
    const file = `${session}/scans/1/DICOM/1.dcm`
    for (const change of [
      () => fs.unlink(file),
      () => writeFile(fs, file, 'other'),
      () => fs.truncate(file, 0),
      () => fs.rename(file, `${session}/scans/1/DICOM/9.dcm`),
      () => fs.rename(session, `${top}/TEST/${time}/OTHER`),
      () => writeFile(fs, `${session}/scans/1/DICOM/new.dcm`, 'new'),
      () => fs.mkdir(`${session}/scans/1/NEW`),
      () => fs.mkdir(`${top}/TEST/${time}/NEW`),
      () => fs.unlink(`${session}/session.xml`),
      () => fs.rmdir(`${session}/scans/1/DICOM`),
      () => fs.rmdir(`${session}/scans/1`),
      () => fs.rmdir(`${session}/scans`),
      () => fs.rmdir(session),
      () => fs.rmdir(`${top}/TEST/${time}`),
      () => fs.rmdir(`${top}/TEST`),
      () => fs.rmdir(top),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'EPERM' })
    expect(await fs.list(`${session}/scans/1/DICOM`)).toEqual(['1.dcm', '2.dcm'])
  })
})

describe('a prearchived file', () => {
  const path = `${top}/ODD/${time}/PRE2/scans/1-MR1/NAMES/plain.txt`
  const stored = (): string => join(folder, `state/prearchive/ODD/${time}/PRE2/SCANS/1-MR1/NAMES/plain.txt`)
  afterEach(() => writeLocalFile(stored(), 'plain\n'))

  it('that has another size than is listed is shown as it is now', async () => {
    expect(await textIn(fs, path)).toBe('plain\n')
    await writeLocalFile(stored(), 'much longer than before\n')
    local.archive.refresh()
    expect(await textIn(fs, path)).toBe('much longer than before\n')
  })

  it('that has changed since it was listed is never read in part', async () => {
    local.archive.refresh()
    await fs.list(`${odd}/scans/1-MR1/NAMES`)
    await writeLocalFile(stored(), 'much longer than before\n')
    const read = await textIn(fs, path).catch((error: unknown) => (error as { code?: string }).code)
    expect(['much longer than before\n', 'ESTALE']).toContain(read)
    expect(await textIn(fs, path)).toBe('much longer than before\n')
  })

  it('that is gone from the server is ESTALE for who has it open', async () => {
    local.archive.refresh()
    await fs.list(`${odd}/scans/1-MR1/NAMES`)
    await rm(stored())
    await expect(readFile(fs, path)).rejects.toMatchObject({ code: 'ESTALE' })
  })
})

describe('the disk cache', () => {
  it('keeps prearchived files of one name apart', async () => {
    const notes = [
      `${odd}/scans/1-MR1/NOTES/note.txt`,
      `${top}/Unassigned/${time}/PRE4/scans/1/NOTES/note.txt`,
    ]
    for (const _ of ['cold', 'warm']) {
      const cached = await startLocalVfs(emulator, { cacheDir: join(folder, 'cache') })
      try {
        const files = vfsFileSystem(cached.vfs)
        const texts = await Promise.all(notes.map((note) => textIn(files, note)))
        expect(texts).toEqual(['two resources\n', "nobody's note\n"])
        for (const name of ['1.dcm', '2.dcm']) {
          const sent = await get(
            `/data/prearchive/projects/TEST/${time}/PRE1/scans/1/resources/DICOM/files/${name}`,
          )
          expect((await readFile(files, `${session}/scans/1/DICOM/${name}`)).equals(sent)).toBe(true)
        }
      } finally {
        await cached.stop()
      }
    }
  })
})
