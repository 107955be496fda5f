import { mkdtemp, readFile as readLocal, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What the server does by itself when it is asked to: by writing the parameters of the question. */

const services = '.xnat/services'
const waiting = '/prearchive/projects/TEST/20260101_120000123/PRE1'
let folder: string
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-services-'))
  emulator = await startEmulator({ stateDirectory: join(folder, 'state') })
})
afterEach(async () => {
  await local.stop()
  await emulator.close()
  await rm(folder, { recursive: true })
})

const everything = {
  allowCreate: 'entities',
  allowDelete: 'entities',
  allowRename: 'entities',
  allowRawWrites: true,
} as const
async function mount(flags: Parameters<typeof startLocalVfs>[1] = everything): Promise<void> {
  local = await startLocalVfs(emulator, flags)
  fs = vfsFileSystem(local.vfs)
}
const text = async (path: string): Promise<string> => (await readFile(fs, path)).toString()
const posts = (): string[] =>
  emulator.control
    .requests()
    .filter(({ method, path }) => method === 'POST' && path !== '/data/JSESSION')
    .map(({ path }) => decodeURIComponent(path))

describe('a session that waits', () => {
  it('is archived by writing where it is, and the answer says where it went', async () => {
    await mount()
    const dicom = await readFile(fs, `.xnat${waiting.replace('/projects', '')}/scans/1/DICOM/1.dcm`)
    await writeFile(fs, `${services}/archive`, `src=${waiting}\n`)
    expect(posts()).toEqual([`/data/services/archive?src=${waiting}`])
    expect(await text(`${services}/archive`)).toBe(
      '/data/archive/projects/TEST/subjects/2/experiments/PRE1\r\n',
    )
    expect(await fs.list('TEST/2')).toEqual(['PRE1'])
    expect((await readFile(fs, 'TEST/2/PRE1/scans/1/DICOM/1.dcm')).equals(dicom)).toBe(true)
    expect(await fs.list('.xnat/prearchive')).not.toContain('TEST')
    await expect(writeFile(fs, `${services}/archive`, `src=${waiting}`)).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('is looked at before, and nothing is done', async () => {
    await mount({})
    await writeFile(fs, `data/services/validate-archive`, `src=${waiting}\nformat=csv\n`)
    expect(await text(`${services}/validate-archive`)).toBe('code,type,message\n')
    expect(await fs.list('.xnat/prearchive')).toContain('TEST')
  })

  it('is moved to another project, rebuilt and deleted', async () => {
    await mount()
    await put(emulator, '/data/projects/OTHER')
    await writeFile(fs, `${services}/prearchive/move`, `src=${waiting}&newProject=OTHER`)
    expect(await fs.list('.xnat/prearchive/OTHER/20260101_120000123')).toEqual(['PRE1'])
    const moved = waiting.replace('TEST', 'OTHER')
    await writeFile(fs, `${services}/prearchive/rebuild`, `src=${moved}\n`)
    await writeFile(fs, `${services}/prearchive/delete`, `src=${moved}\n`)
    expect(await fs.list('.xnat/prearchive')).not.toContain('OTHER')
    expect(posts()).toEqual([
      `/data/services/prearchive/move?src=${waiting}&newProject=OTHER`,
      `/data/services/prearchive/rebuild?src=${moved}`,
      `/data/services/prearchive/delete?src=${moved}`,
    ])
  })

  it('stays where the server is at work on it, or the mount may not, or what is written is no question', async () => {
    await mount({})
    for (const [name, question] of [
      ['archive', `src=${waiting}`],
      ['import', 'src=/user/cache/resources/a/files/b'],
      ['prearchive/move', `src=${waiting}\nnewProject=ODD`],
      ['prearchive/delete', `src=${waiting}`],
      ['refresh/catalog', 'resource=/archive/projects/TEST'],
      ['refresh/catalog', 'resource=/archive/projects/TEST\noptions=append,delete'],
      [
        'move-files',
        'src=/user/cache/resources/a/files/b\ndest=/archive/experiments/E/scans/1/resources/DICOM/files/b',
      ],
    ] as const)
      await expect([name, writeFile(fs, `${services}/${name}`, question)][1]).rejects.toMatchObject({
        code: 'EPERM',
        message: expect.stringContaining('--allow-') as string,
      })
    await local.stop()
    await mount({ allowCreate: 'entities' })
    const scan = '/archive/experiments/E/scans/1/resources'
    for (const [name, question] of [
      ['import', 'src=/user/cache/resources/a/files/b\noverwrite=delete'],
      ['archive', `src=${waiting}\noverwrite=delete`],
      ['refresh/catalog', 'resource=/archive/projects/TEST\noptions=anything'],
      ['refresh/catalog', 'resource=/archive/projects/TEST\nappend=false'],
      ['move-files', `src=/user/cache/resources/a/files/b\ndest=${scan}/123/files/b`],
    ] as const)
      await expect([name, writeFile(fs, `${services}/${name}`, question)][1]).rejects.toMatchObject({
        code: 'EPERM',
        message: expect.stringContaining('--allow-') as string,
      })
    await local.stop()
    await mount()
    const busy = '/prearchive/projects/ODD/20260101_120000123/PRE3'
    await expect(writeFile(fs, `${services}/archive`, `src=${busy}`)).rejects.toMatchObject({ code: 'EBUSY' })
    await expect(writeFile(fs, `${services}/prearchive/rebuild`, `src=${busy}`)).rejects.toMatchObject({
      code: 'EBUSY',
    })
    const more = `src=${waiting}\ntimestamp=20260101_120000123`
    for (const question of ['anything', 'overwrite=append', `src=`, 'src=/archive/projects/TEST', more])
      await expect(writeFile(fs, `${services}/archive`, question)).rejects.toMatchObject({ code: 'EINVAL' })
    for (const change of [
      () => fs.unlink(`${services}/archive`),
      () => writeFile(fs, `${services}/other`, 'a=b'),
      () => fs.mkdir(`${services}/other`),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'EPERM' })
    expect(posts()).toEqual([])
  })
})

describe('files of the user', () => {
  it('are moved into a resource, where nothing of that name is', async () => {
    await mount()
    await fs.mkdir('.xnat/cache/up')
    await writeFile(fs, '.xnat/cache/up/note.txt', 'a note\n')
    const session = '/archive/projects/TEST/subjects/1/experiments/MR1'
    const question = `src=/user/cache/resources/up/files/note.txt\ndest=${session}/resources/NOTES/files/note.txt\n`
    await writeFile(fs, `${services}/move-files`, question)
    expect(await text('TEST/1/MR1/resources/NOTES/note.txt')).toBe('a note\n')
    expect(await fs.list('.xnat/cache/up')).toEqual([])
    await writeFile(fs, '.xnat/cache/up/note.txt', 'another note\n')
    await expect(writeFile(fs, `${services}/move-files`, question)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await text('.xnat/cache/up/note.txt')).toBe('another note\n')
    await writeFile(fs, `${services}/move-files`, `${question}overwrite=true\n`)
    expect(await text('TEST/1/MR1/resources/NOTES/note.txt')).toBe('another note\n')
  })

  it('are imported: a zip of DICOM becomes a session that waits, with its log', async () => {
    await mount()
    await fs.mkdir('.xnat/cache/up')
    await writeFile(fs, '.xnat/cache/up/scan.zip', await readFile(fs, 'TEST/1/MR1/scans/1/DICOM.zip'))
    const question = 'src=/user/cache/resources/up/files/scan.zip\nproject=TEST\nsubject=9\nsession=NEW1\n'
    await writeFile(
      fs,
      `${services}/import`,
      `${question}import-handler=DICOM-zip\nhttp-session-listener=mine\n`,
    )
    const [, path] = /^\/data(\/prearchive\/projects\/TEST\/\d+_\d+\/NEW1)\r\n$/.exec(
      await text(`${services}/import`),
    )!
    expect(await fs.list(`.xnat${path!.replace('/projects', '')}/scans/1/DICOM`)).toHaveLength(16)
    expect(await text('.xnat/status/mine')).toContain('mine COMPLETED: ')
    await writeFile(fs, `${services}/archive`, `src=${path!}\n`)
    const sent = await readFile(fs, 'TEST/1/MR1/scans/1/DICOM/3.dcm')
    expect((await readFile(fs, 'TEST/9/NEW1/scans/1/DICOM/3.dcm')).equals(sent)).toBe(true)
  })
})

describe('a pipeline', () => {
  const pipelines = 'TEST/1/MR1/.xnat/pipelines'

  it('is started for an experiment by writing its parameters, and is an event then', async () => {
    await mount()
    expect((await fs.list(pipelines)).toSorted()).toEqual([
      'DicomToNifti',
      'fixScanTypes',
      'pullDataFromHeaders',
      'triggerPipelines',
    ])
    await writeFile(fs, `${pipelines}/DicomToNifti`, 'match=ALL\n')
    await writeFile(fs, `${pipelines}/pullDataFromHeaders`, '\n')
    const experiments = (
      await rest(emulator, 'GET', '/data/projects/TEST/experiments?format=csv')
    ).body.toString()
    const id = /\bXNAT_E\d+(?=[^\n]*\bMR1\b)/.exec(experiments)![0]
    expect(posts()).toEqual([
      `/data/projects/TEST/pipelines/DicomToNifti/experiments/${id}?match=ALL`,
      `/data/projects/TEST/pipelines/pullDataFromHeaders/experiments/${id}`,
    ])
    expect(await text('TEST/1/MR1/.xnat/workflows/DicomToNifti.xml')).toContain('status="Queued"')
  })

  it('of another project has another answer, though the experiment is the same', async () => {
    await mount()
    emulator.control.setFaults([
      {
        method: 'POST',
        path: '**/TEST/pipelines/**',
        fault: { kind: 'status', status: 200, html: 'of TEST' },
      },
    ])
    await writeFile(fs, `${pipelines}/fixScanTypes`, '\n')
    expect(await text(`${pipelines}/fixScanTypes`)).toContain('of TEST')
    expect(await text('ODD/shared_1/shared_MR1/.xnat/pipelines/fixScanTypes')).toBe('')
  })

  it('is not started without the option', async () => {
    await mount({})
    await expect(writeFile(fs, `${pipelines}/DicomToNifti`, '\n')).rejects.toMatchObject({ code: 'EPERM' })
    expect(posts()).toEqual([])
  })
})

describe('a catalog', () => {
  it('is brought in line with the disk of the server', async () => {
    await mount()
    const archived = join(folder, 'state/archive/TEST/resources/docs/README.txt')
    expect((await readLocal(archived)).length).toBeGreaterThan(0)
    await rm(archived)
    expect(await fs.list('TEST/resources/docs')).toContain('README.txt')
    const question = 'resource=/archive/projects/TEST/resources/docs\noptions=delete,populateStats\n'
    await writeFile(fs, `${services}/refresh/catalog`, question)
    expect(await fs.list('TEST/resources/docs')).toEqual(['protocol'])
  })
})

describe('a scan', () => {
  it('is shared with its session, as its document tells, and XNAT takes that back by nothing', async () => {
    await mount()
    await put(emulator, '/data/projects/OTHER')
    const shares = 'TEST/1/MR1/scans/2/.xnat/projects'
    expect((await fs.list(shares)).toSorted()).toEqual(['ODD', 'TEST'])
    await fs.mkdir(`${shares}/OTHER`)
    expect((await fs.list(shares)).toSorted()).toEqual(['ODD', 'OTHER', 'TEST'])
    expect(await fs.list('data/projects/TEST/subjects/1/experiments/MR1/scans/2/projects')).toContain('OTHER')
    expect(await text('TEST/1/MR1/scans/2/.xnat/scan.xml')).toContain('project="OTHER"')
    await expect(fs.rmdir(`${shares}/OTHER`)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(fs.mkdir(`${shares}/NONE`)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
