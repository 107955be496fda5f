import { mkdtemp, rm, writeFile as writeLocalFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf, put, rest } from '../support/emulator-rest.js'
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

const get = (path: string): Promise<Buffer> => bodyOf(emulator, path)

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
      [odd, ['logs.csv', 'resources', 'resources.csv', 'scans', 'session.xml']],
      [`${odd}/scans`, ['1-MR1', '2']],
      [`${odd}/scans/1-MR1`, ['NAMES', 'NOTES']],
      [`${odd}/scans/2`, []],
      [`${odd}/scans/1-MR1/NAMES/in`, ['files', 'same.txt']],
      [`${top}/ODD/${time}/PRE3/scans`, []],
      [`${top}/Unassigned/${time}/PRE4/scans/1/NOTES`, ['note.txt']],
      [`${top}/Unassigned/${time}/PRE4/resources`, ['PROTOCOL']],
      [`${top}/Unassigned/${time}/PRE4/resources/PROTOCOL`, ['in', 'protocol.txt']],
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

  it('tells where things are on the server, for curl', async () => {
    const uriOf = async (path: string): Promise<string> => {
      const { ino } = await fs.stat(path)
      return local.vfs.xattrs(ino).get('user.xnat.uri')!
    }
    const file = await uriOf(`${odd}/scans/1-MR1/NAMES/a#b.txt`)
    expect((await get(file)).toString()).toBe('hash\n')
    const sent = (await get(`${await uriOf(session)}?format=xml`)).toString()
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
    await expect(fs.rmdir(session)).rejects.toThrow('mount with --allow-delete entities')
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

describe('a prearchived session that is removed with --allow-delete entities', () => {
  let own: RunningEmulator
  let mounted: LocalVfs
  let files: FileSystem
  beforeAll(async () => {
    own = await startEmulator()
    mounted = await startLocalVfs(own, { allowDelete: 'entities' })
    files = vfsFileSystem(mounted.vfs)
  })
  afterAll(async () => {
    await mounted.stop()
    await own.close()
  })
  afterEach(() => own.control.setFaults([]))

  async function changes(task: () => Promise<unknown>): Promise<string[]> {
    own.control.resetRequests()
    await task()
    const sent = own.control.requests().filter(({ method }) => method !== 'GET' && method !== 'POST')
    return sent.map(({ method, path }) => `${method} ${path}`)
  }
  const refused = (task: () => Promise<unknown>, code: string) => (): Promise<void> =>
    expect(task()).rejects.toMatchObject({ code })
  const waiting = async (): Promise<string> =>
    (await rest(own, 'GET', '/data/prearchive?format=csv')).body.toString()

  it('stays where what is in it is removed, or anything above it', async () => {
    const inIt = ['/DICOM', '', '/..'].map((path) => join(session, 'scans/1', path))
    for (const path of [...inIt, `${top}/TEST/${time}`, `${top}/TEST`, top])
      expect(await changes(refused(() => files.rmdir(path), 'EPERM'))).toEqual([])
    for (const path of [`${session}/session.xml`, `${session}/scans/1/DICOM/1.dcm`])
      expect(await changes(refused(() => files.unlink(path), 'EPERM'))).toEqual([])
  })

  it('stays while the directory it lies in is open, as who removes all that he finds holds it', async () => {
    const { vfs } = mounted
    let ino = 1
    for (const part of `${top}/TEST/${time}`.split('/')) ino = (await vfs.lookup(ino, part)).ino
    const handle = vfs.opendir(ino)
    try {
      expect(await changes(refused(() => vfs.rmdir(ino, 'PRE1'), 'EPERM'))).toEqual([])
    } finally {
      vfs.releasedir(handle)
    }
    expect(await waiting()).toContain('PRE1')
  })

  it('stays where who removes all that is in it goes on after refusals, until he asks once more', async () => {
    const { vfs } = mounted
    const inos = [1]
    for (const part of `${session}/scans/1/DICOM`.split('/'))
      inos.push((await vfs.lookup(inos.at(-1)!, part)).ino)
    expect(await changes(refused(() => vfs.unlink(inos.at(-1)!, '1.dcm'), 'EPERM'))).toEqual([])
    expect(await changes(refused(() => vfs.rmdir(inos.at(-5)!, 'PRE1'), 'EPERM'))).toEqual([])
    for (const ino of inos.slice(1)) vfs.forget(ino, 1)
  })

  it('stays while the server is at work on it', async () => {
    expect(await changes(refused(() => files.rmdir(`${top}/ODD/${time}/PRE3`), 'EBUSY'))).toEqual([])
    expect(await waiting()).toContain('PRE3')
  })

  it('is not renamed', async () => {
    expect(await changes(refused(() => files.rename(session, `${top}/TEST/${time}/OTHER`), 'EPERM'))).toEqual(
      [],
    )
  })

  it('is an error where the server deletes nothing, or may not', async () => {
    const path = `/data/prearchive/projects/TEST/${time}/PRE1`
    own.control.setFaults([{ method: 'DELETE', path, fault: { kind: 'status', status: 200 } }])
    await expect(files.rmdir(session)).rejects.toMatchObject({ code: 'EIO' })
    own.control.setFaults([])
    expect(await files.list(`${top}/TEST/${time}`)).toEqual(['PRE1'])
    const theirs = await startLocalVfs(
      { url: own.url, user: 'member', password: 'member-pass' },
      { allowDelete: 'entities' },
    )
    try {
      await expect(vfsFileSystem(theirs.vfs).rmdir(session)).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      await theirs.stop()
    }
    expect(await waiting()).toContain('PRE1')
  })

  it('is gone with one request, and nothing else is', async () => {
    const file = await files.open(`${session}/scans/1/DICOM/1.dcm`, 'r')
    expect(await changes(() => files.rmdir(session))).toEqual([
      `DELETE /data/prearchive/projects/TEST/${time}/PRE1`,
    ])
    await expect(file.read(0, 10)).rejects.toMatchObject({ code: 'EIO' })
    await file.close()
    await expect(files.stat(session)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await files.list(`${top}/TEST`)).toEqual([])
    expect(await changes(() => files.rmdir(`${top}/Unassigned/${time}/PRE4`))).toEqual([
      `DELETE /data/prearchive/projects/Unassigned/${time}/PRE4`,
    ])
    expect(await files.list(top)).toEqual(['ODD'])
    expect(await files.list('TEST/1/MR1/scans/1/DICOM')).toContain('1.dcm')
  })

  it('is gone as wanted where somebody else has removed it', async () => {
    expect(await files.list(odd)).toContain('scans')
    await rest(own, 'DELETE', `/data/prearchive/projects/ODD/${time}/PRE2`)
    expect(await changes(() => files.rmdir(odd))).toEqual([])
  })
})
