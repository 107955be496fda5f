import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What is done on the server by writing, making and removing in `.xnat`. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
const session = 'TEST/1/MR1'

beforeAll(async () => {
  emulator = await startEmulator()
  await put(emulator, '/data/projects/OTHER')
  local = await startLocalVfs(emulator, { overdueMs: 0 })
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})
afterEach(() => emulator.control.setFaults([]))

const text = async (path: string): Promise<string> => (await readFile(fs, path)).toString()
const server = async (path: string): Promise<string> => (await rest(emulator, 'GET', path)).body.toString()
/** What was sent that could change something, while a task ran. */
async function changes(task: () => Promise<unknown>): Promise<string[]> {
  emulator.control.resetRequests()
  await task()
  const sent = emulator.control
    .requests()
    .filter(({ method, path }) => method !== 'GET' && path !== '/data/JSESSION')
  return sent.map(({ method, path }) => `${method} ${path}`)
}
const xml = (id: string): string =>
  `<xdat:stored_search ID="${id}" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name><xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>SUBJECT_LABEL</xdat:field_ID></xdat:search_field></xdat:stored_search>\n`
const refused = (task: () => Promise<unknown>, code: string) => (): Promise<void> =>
  expect(task()).rejects.toMatchObject({ code })

describe('a value that is written', () => {
  it('is set when close() returns', async () => {
    expect(await changes(() => writeFile(fs, 'TEST/.xnat/accessibility', 'public\n'))).toEqual([
      'PUT /data/projects/TEST/accessibility/public',
    ])
    expect(await server('/data/projects/TEST/accessibility')).toBe('public')
    expect(await text('TEST/.xnat/accessibility')).toBe('public\n')
    await writeFile(fs, 'TEST/.xnat/accessibility', 'private')
    expect(await text('TEST/.xnat/accessibility')).toBe('private\n')
    for (const [name, value] of [
      ['prearchive_code', '11'],
      ['quarantine_code', '1'],
      ['current_arc', 'arc002'],
      ['current_arc', 'arc001'],
      ['scan_type_mapping', 'true'],
      ['scan_type_mapping', 'false'],
    ]) {
      await writeFile(fs, `TEST/.xnat/${name}`, `${value}\n`)
      expect(await server(`/data/projects/TEST/${name}`)).toBe(value)
      expect(await text(`TEST/.xnat/${name}`)).toBe(`${value}\n`)
    }
  })

  it('may be a part of what is there', async () => {
    await writeFile(fs, 'TEST/.xnat/prearchive_code', '4')
    const file = await fs.open('TEST/.xnat/prearchive_code', 'r+')
    await file.write(Buffer.from('5'), 0)
    expect((await file.read(0, 10)).toString()).toBe('5\n')
    await file.close()
    expect(await text('TEST/.xnat/prearchive_code')).toBe('5\n')
  })

  it.each([
    ['accessibility', 'open to all'],
    ['accessibility', ' \n'],
    ['prearchive_code', 'four'],
    ['prearchive_code', '\n'],
    ['quarantine_code', '-1'],
    ['current_arc', '../..'],
    ['scan_type_mapping', 'maybe'],
  ])('that cannot be one is EINVAL, and nothing is sent: %s %j', async (name, value) => {
    const before = await text(`TEST/.xnat/${name}`)
    expect(await changes(refused(() => writeFile(fs, `TEST/.xnat/${name}`, value), 'EINVAL'))).toEqual([])
    expect(await text(`TEST/.xnat/${name}`)).toBe(before)
  })

  it('is no order when it is empty, or the file is only opened', async () => {
    const path = 'TEST/.xnat/accessibility'
    expect(await changes(() => writeFile(fs, path, ''))).toEqual([])
    expect(await changes(async () => (await fs.open(path, 'r+')).close())).toEqual([])
    await expect(fs.truncate(path, 0)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await text(path)).toBe('private\n')
  })

  it('that the server does not take over although it says so is EIO', async () => {
    emulator.control.setFaults([
      { path: '/data/projects/TEST/accessibility/*', method: 'PUT', fault: { kind: 'status', status: 200 } },
    ])
    await expect(writeFile(fs, 'TEST/.xnat/accessibility', 'protected')).rejects.toMatchObject({
      code: 'EIO',
    })
  })
})

describe('the document of an item', () => {
  it.each([
    [`${session}/.xnat/experiment.xml`, '2026-01-05', '2026-01-07'],
    [`${session}/scans/2/.xnat/scan.xml`, '>usable<', '>unusable<'],
    ['TEST/1/.xnat/subject.xml', '>right<', '>left<'],
    ['TEST/.xnat/project.xml', 'Generated', 'Changed'],
    [`${session}/assessors/ASSESS1/.xnat/assessor.xml`, '2026-01-06', '2026-01-08'],
    [`${session}/reconstructions/RECON1/.xnat/reconstruction.xml`, 'baseScanType="T1"', 'baseScanType="T2"'],
  ])('can be changed: %s', async (path, from, to) => {
    const before = await text(path)
    expect(before).toContain(from)
    await writeFile(fs, path, before.replaceAll(from, to))
    expect(await text(path)).toContain(to)
    expect(await text(path)).not.toContain(from)
  })

  it('of another item, or that is none, is EINVAL, and nothing is sent', async () => {
    const scan = await text(`${session}/scans/1/.xnat/scan.xml`)
    const path = `${session}/scans/2/.xnat/scan.xml`
    for (const wrong of [scan, 'a text', '{}', '<xnat:MRScan'])
      expect(await changes(refused(() => writeFile(fs, path, wrong), 'EINVAL'))).toEqual([])
  })

  it('that the server finds wrong is EINVAL, with its sentence in the log', async () => {
    const path = `${session}/.xnat/experiment.xml`
    const wrong = (await text(path)).replace('label="MR1"', 'label="OTHER"')
    await expect(writeFile(fs, path, wrong)).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('Label must be modified through separate URI') as string,
    })
  })

  it('cannot be written in a view, nor can what XNAT alone knows', async () => {
    await expect(writeFile(fs, `${session}/scans/ALL/1/.xnat/scan.xml`, 'x')).rejects.toMatchObject({
      code: 'EROFS',
    })
    for (const path of ['TEST/.xnat/users.csv', `${session}/scans/1/DICOM/.xnat/catalog.xml`])
      await expect(writeFile(fs, path, 'x')).rejects.toMatchObject({ code: 'EPERM' })
  })
})

describe('the status of an experiment', () => {
  const path = `${session}/.xnat/status`

  it('is set by a parameter of its experiment', async () => {
    for (const [word, parameter] of [
      ['quarantine', 'quarantine'],
      ['active', 'activate'],
      ['locked', '_lock'],
      ['obsolete', '_obsolete'],
      ['active', 'activate'],
    ] as const) {
      const sent = await changes(() => writeFile(fs, path, `${word}\n`))
      expect(sent.map((line) => line.replace(/experiments\/[^?]*/, 'experiments/E'))).toEqual([
        `PUT /data/experiments/E?${parameter}=true`,
      ])
      expect(await text(path)).toBe(`${word}\n`)
    }
    const before = await text(`${session}/.xnat/experiment.xml`)
    await writeFile(fs, path, 'locked')
    expect(await text(`${session}/.xnat/experiment.xml`)).toBe(before)
    await writeFile(fs, path, 'active')
  })

  it.each(['lock', 'Active', 'active\nlocked', '/', '%'])(
    'cannot be %j, and nothing is sent',
    async (word) => {
      expect(await changes(refused(() => writeFile(fs, path, word), 'EINVAL'))).toEqual([])
      expect(await text(path)).toBe('active\n')
    },
  )

  it('that the server leaves as it was although it says 200 is EIO', async () => {
    emulator.control.setFaults([
      { path: '/data/experiments/*', method: 'PUT', fault: { kind: 'status', status: 200 } },
    ])
    await expect(writeFile(fs, path, 'locked')).rejects.toMatchObject({ code: 'EIO' })
    expect(await text(path)).toBe('active\n')
  })

  it('is for those who may activate: a member is told EACCES, with the sentence of the server', async () => {
    const theirs = await startLocalVfs({ url: emulator.url, user: 'member', password: 'member-pass' })
    try {
      await expect(writeFile(vfsFileSystem(theirs.vfs), path, 'locked')).rejects.toMatchObject({
        code: 'EACCES',
        message: expect.stringContaining('insufficient activation privileges') as string,
      })
    } finally {
      await theirs.stop()
    }
    expect(await text(path)).toBe('active\n')
  })
})

describe('a role', () => {
  const roles = 'TEST/.xnat/users'
  it('is given by making a file, and taken by removing it', async () => {
    await writeFile(fs, `${roles}/Members/outsider`, '')
    expect(await server('/data/projects/TEST/users?format=csv')).toContain('Members,outsider')
    expect(await fs.list(`${roles}/Members`)).toContain('outsider')
    expect((await fs.stat(`${roles}/Members/outsider`)).sizeBytes).toBe(0)
    await writeFile(fs, `${roles}/Collaborators/outsider`, '\n')
    expect(await fs.list(`${roles}/Members`)).not.toContain('outsider')
    await fs.unlink(`${roles}/Collaborators/outsider`)
    expect(await server('/data/projects/TEST/users?format=csv')).not.toContain('outsider')
  })

  it('is given to nobody whom the server does not know, and asks for nothing where it is held', async () => {
    for (const login of ['nobody', 'somebody@example.org'])
      expect(await changes(refused(() => writeFile(fs, `${roles}/Members/${login}`, ''), 'EINVAL'))).toEqual(
        [],
      )
    expect(await changes(() => writeFile(fs, `${roles}/Members/member`, ''))).toEqual([])
    await expect(writeFile(fs, `${roles}/Members/a,b`, '')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(writeFile(fs, `${roles}/Members/outsider2`, 'text')).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })

  it('is exchanged for another by renaming it, with one request', async () => {
    const sent = await changes(() => fs.rename(`${roles}/Members/member`, `${roles}/Collaborators/member`))
    expect(sent).toEqual(['PUT /data/projects/TEST/users/Collaborators/member'])
    expect(await fs.list(`${roles}/Members`)).not.toContain('member')
    expect(await fs.list(`${roles}/Collaborators`)).toContain('member')
    expect((await fs.stat(`${roles}/Collaborators/member`)).kind).toBe('file')
    await expect(fs.stat(`${roles}/Members/member`)).rejects.toMatchObject({ code: 'ENOENT' })
    await fs.rename(`${roles}/Collaborators/member`, `${roles}/Members/member`)
    expect(await fs.list(`${roles}/Members`)).toContain('member')
  })

  it('is not renamed to that of somebody else, or in another project', async () => {
    for (const to of [`${roles}/Owners/outsider`, 'OTHER/.xnat/users/Members/member'])
      expect(await changes(refused(() => fs.rename(`${roles}/Members/member`, to), 'EXDEV'))).toEqual([])
  })
})

describe('a project among those that have an item', () => {
  it.each(['TEST/1', session, `${session}/assessors/ASSESS1`])(
    'shares it when it is made, and no more when it is removed: %s',
    async (item) => {
      const projects = `${item}/.xnat/projects`
      await fs.mkdir(`${projects}/OTHER`)
      expect(await fs.list(projects)).toContain('OTHER')
      await expect(fs.mkdir(`${projects}/OTHER`)).rejects.toMatchObject({ code: 'EEXIST' })
      await fs.rmdir(`${projects}/OTHER`)
      expect(await fs.list(projects)).not.toContain('OTHER')
      expect(await fs.list('TEST/1/MR1/scans')).toContain('1')
    },
  )

  it('is never the one that owns it: that would delete it', async () => {
    const task = refused(() => fs.rmdir(`${session}/.xnat/projects/TEST`), 'EPERM')
    expect(await changes(task)).toEqual([])
    expect(
      await changes(refused(() => fs.rmdir('ODD/shared_1/shared_MR1/.xnat/projects/TEST'), 'EPERM')),
    ).toEqual([])
  })

  it('is one that the server knows', async () => {
    await expect(fs.mkdir(`${session}/.xnat/projects/NONE`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.mkdir(`${session}/.xnat/projects/a b`)).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('what a recursive delete does, which removes what it has listed while the directory is open', () => {
  it.each([
    ['TEST/.xnat/users/Members', 'member', false],
    ['TEST/.xnat/users/Owners', 'admin', false],
    [`${session}/.xnat/projects`, 'ODD', true],
    ['TEST/1/.xnat/projects', 'ODD', true],
    ['.xnat/search/saved', 'kept.xml', false],
  ])('is EPERM in %s, and nothing is sent', async (path, name, isDirectory) => {
    await put(emulator, '/data/search/saved/kept', xml('kept'))
    local.archive.refresh()
    const { vfs } = local
    let ino = 1
    for (const part of path.split('/')) ino = (await vfs.lookup(ino, part)).ino
    const handle = vfs.opendir(ino)
    try {
      const names = (await vfs.readdir(handle)).map((item) => item.name)
      expect(names).toContain(name)
      const task = (): Promise<void> => (isDirectory ? vfs.rmdir(ino, name) : vfs.unlink(ino, name))
      expect(await changes(refused(task, 'EPERM'))).toEqual([])
    } finally {
      vfs.releasedir(handle)
    }
    expect(await fs.list(path)).toContain(name)
    await fs.unlink('.xnat/search/saved/kept.xml')
  })
})

describe('a search', () => {
  it('is run when its result is read, not when it is listed', async () => {
    for (const id of ['one', 'two']) await put(emulator, `/data/search/saved/${id}`, xml(id))
    local.archive.refresh()
    emulator.control.resetRequests()
    const names = await fs.list('.xnat/search/saved')
    expect(names.toSorted()).toEqual(['one.csv', 'one.xml', 'two.csv', 'two.xml'])
    expect(emulator.control.requests().map(({ path }) => path)).toEqual(['/data/search/saved?format=json'])
    expect(await text('.xnat/search/saved/one.csv')).toContain('\n1')
    expect(await text('.xnat/search/saved/one.xml')).toBe(xml('one'))
    const paths = emulator.control.requests().map(({ path }) => path)
    expect(paths.filter((path) => path.includes('two'))).toEqual([])
    const open = await fs.open('.xnat/search/saved/two.csv', 'r')
    local.archive.refresh()
    await fs.list('.xnat/search/saved')
    expect((await open.read(0, 1000)).toString()).toContain('\n1')
    await open.close()
    for (const id of ['one', 'two']) await fs.unlink(`.xnat/search/saved/${id}.xml`)
  })

  it('is saved by writing it, and removed with its file', async () => {
    await writeFile(fs, '.xnat/search/saved/mine.xml', xml('mine'))
    expect(await text('.xnat/search/saved/mine.xml')).toBe(xml('mine'))
    expect(await text('.xnat/search/saved/mine.csv')).toContain('\n1')
    await writeFile(fs, '.xnat/search/saved/mine.xml', xml('mine').replace('SUBJECT_LABEL', 'PROJECT'))
    expect(await text('.xnat/search/saved/mine.xml')).toContain('PROJECT')
    await expect(fs.unlink('.xnat/search/saved/mine.csv')).rejects.toMatchObject({ code: 'EPERM' })
    await fs.unlink('.xnat/search/saved/mine.xml')
    expect(await fs.list('.xnat/search/saved')).toEqual([])
    await expect(writeFile(fs, '.xnat/search/saved/other.xml', xml('mine'))).rejects.toMatchObject({
      code: 'EINVAL',
    })
    await expect(writeFile(fs, '.xnat/search/saved/other.txt', xml('other'))).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })

  it('is run by writing it, and what it finds lies beside it', async () => {
    await writeFile(fs, '.xnat/search/run/now.xml', xml('anything'))
    const { body } = await rest(emulator, 'GET', '/data/projects/TEST/subjects?format=csv')
    expect(body.toString()).toContain('1')
    const [header, ...rows] = (await text('.xnat/search/run/now.csv')).trim().split('\n')
    expect(header).toContain('subject_label')
    expect(rows.length).toBeGreaterThan(0)
    expect((await fs.list('.xnat/search/run')).toSorted()).toEqual(['now.csv', 'now.xml'])
    expect(await text('.xnat/search/run/now.xml')).toBe(xml('anything'))
    expect(await fs.list('.xnat/search/saved')).toEqual([])
    await fs.unlink('.xnat/search/run/now.xml')
    expect(await fs.list('.xnat/search/run')).toEqual([])
    await expect(writeFile(fs, '.xnat/search/run/bad.xml', 'no search')).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })
})

describe('who may not', () => {
  it('by the server is told EACCES', async () => {
    const theirs = await startLocalVfs({
      url: emulator.url,
      user: emulator.readOnlyUser,
      password: emulator.readOnlyPassword,
    })
    const fs = vfsFileSystem(theirs.vfs)
    try {
      for (const change of [
        () => writeFile(fs, 'TEST/.xnat/prearchive_code', '0'),
        () => writeFile(fs, 'TEST/.xnat/accessibility', 'public'),
        () => fs.mkdir(`${session}/.xnat/projects/OTHER`),
        () => writeFile(fs, 'TEST/.xnat/users/Members/outsider', ''),
        () => fs.unlink('TEST/.xnat/users/Members/member'),
      ])
        await expect(change()).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      await theirs.stop()
    }
  })

  it('by the mount is told EROFS', async () => {
    const readOnly = await startLocalVfs(emulator, { readOnly: true })
    const fs = vfsFileSystem(readOnly.vfs)
    try {
      for (const change of [
        () => writeFile(fs, 'TEST/.xnat/accessibility', 'public'),
        () => writeFile(fs, 'TEST/.xnat/users/Members/outsider', ''),
        () => writeFile(fs, '.xnat/search/run/x.xml', '<search/>'),
        () => fs.unlink('TEST/.xnat/users/Members/member'),
        () => fs.mkdir(`${session}/.xnat/projects/OTHER`),
        () => fs.rmdir(`${session}/.xnat/projects/ODD`),
      ])
        expect(await changes(refused(change, 'EROFS'))).toEqual([])
    } finally {
      await readOnly.stop()
    }
  })
})
