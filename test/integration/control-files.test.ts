import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf, put } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What XNAT knows of an item beside files: `.xnat` of each level. */

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
let ids: { readonly subject: string; readonly session: string; readonly assessor: string }
const session = 'TEST/1/MR1'

beforeAll(async () => {
  emulator = await startEmulator()
  await put(emulator, '/data/search/saved/all_subjects', search('all_subjects'))
  local = await startLocalVfs(emulator, { listingTtl: 0 })
  fs = vfsFileSystem(local.vfs)
  ids = {
    subject: await idOf('/data/projects/TEST/subjects', '1'),
    session: await idOf('/data/projects/TEST/experiments', 'MR1'),
    assessor: await idOf('/data/projects/TEST/subjects/1/experiments/MR1/assessors', 'ASSESS1'),
  }
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

const text = async (path: string): Promise<string> => (await readFile(fs, path)).toString()
const server = async (path: string): Promise<string> => (await bodyOf(emulator, path)).toString()

async function idOf(list: string, label: string): Promise<string> {
  const { ResultSet } = JSON.parse(await server(`${list}?format=json`)) as {
    ResultSet: { Result: { ID: string; label: string }[] }
  }
  return ResultSet.Result.find((row) => row.label === label)!.ID
}

function search(id: string): string {
  return `<xdat:stored_search ID="${id}" xmlns:xdat="http://nrg.wustl.edu/security">
<xdat:root_element_name>xnat:subjectData</xdat:root_element_name>
<xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>SUBJECT_LABEL</xdat:field_ID></xdat:search_field>
</xdat:stored_search>`
}

describe('the files of .xnat', () => {
  it('say what the server says, and end with a newline', async () => {
    const e = `/data/experiments/${ids.session}`
    for (const [path, url] of [
      ['TEST/.xnat/project.xml', '/data/projects/TEST?format=xml'],
      ['TEST/.xnat/accessibility', '/data/projects/TEST/accessibility'],
      ['TEST/.xnat/prearchive_code', '/data/projects/TEST/prearchive_code'],
      ['TEST/.xnat/quarantine_code', '/data/projects/TEST/quarantine_code'],
      ['TEST/.xnat/current_arc', '/data/projects/TEST/current_arc'],
      ['TEST/.xnat/pipelines.csv', '/data/projects/TEST/pipelines?format=csv'],
      ['TEST/.xnat/pipelines.xml', '/data/projects/TEST/pipelines?format=xml'],
      ['TEST/.xnat/pipelines/DicomToNifti.json', '/data/projects/TEST/pipelines/DicomToNifti'],
      ['TEST/.xnat/prearchive.csv', '/data/prearchive/projects/TEST?format=csv'],
      ['.xnat/prearchive.csv', '/data/prearchive?format=csv'],
      ['TEST/.xnat/users.csv', '/data/projects/TEST/users?format=csv'],
      ['TEST/1/.xnat/subject.xml', `/data/subjects/${ids.subject}?format=xml`],
      [`${session}/.xnat/experiment.xml`, `${e}?format=xml`],
      [`${session}/.xnat/status`, `${e}/status`],
      [`${session}/scans/1/.xnat/scan.xml`, `${e}/scans/1?format=xml`],
      [`${session}/scans/ALL/1/.xnat/scan.xml`, `${e}/scans/1?format=xml`],
      [`${session}/scans/1/DICOM/.xnat/catalog.xml`, `${e}/scans/1/resources/DICOM`],
      [
        `${session}/reconstructions/RECON1/.xnat/reconstruction.xml`,
        `${e}/reconstructions/RECON1?format=xml`,
      ],
      [`${session}/assessors/ASSESS1/.xnat/assessor.xml`, `${e}/assessors/${ids.assessor}?format=xml`],
      ['.xnat/users.csv', '/data/users?format=csv'],
      ['.xnat/users/reader.xml', '/data/user/reader?format=xml'],
      ['.xnat/search/elements.csv', '/data/search/elements?format=csv'],
      ['.xnat/search/fields/xnat:subjectData.csv', '/data/search/elements/xnat:subjectData?format=csv'],
      ['.xnat/search/saved/all_subjects.xml', '/data/search/saved/all_subjects?format=xml'],
      ['.xnat/search/saved/all_subjects.csv', '/data/search/saved/all_subjects/results?format=csv'],
    ] as const) {
      const expected = (await server(url)).replace(/\n?$/, '\n')
      expect([path, await text(path)]).toEqual([path, expected])
      expect([path, (await fs.stat(path)).sizeBytes]).toEqual([path, Buffer.byteLength(expected)])
    }
  })

  it('are listed there, and .xnat itself nowhere', async () => {
    expect((await fs.list('TEST/.xnat')).toSorted()).toEqual([
      'accessibility',
      'archive_spec.xml',
      'config',
      'config.csv',
      'current_arc',
      'groups',
      'groups.csv',
      'pars.csv',
      'pipelines',
      'pipelines.csv',
      'pipelines.xml',
      'prearchive.csv',
      'prearchive_code',
      'project.xml',
      'protocols',
      'quarantine_code',
      'scan_type_mapping',
      'scan_types.csv',
      'searches',
      'users',
      'users.csv',
    ])
    expect((await fs.list(`${session}/.xnat`)).toSorted()).toEqual([
      'dicomdump.csv',
      'experiment.xml',
      'history.json',
      'pipelines',
      'projects',
      'status',
      'workflows',
    ])
    expect(await fs.list(`${session}/scans/1/DICOM/.xnat`)).toEqual(['catalog.xml'])
    expect((await fs.list('.xnat/search/saved')).toSorted()).toEqual(['all_subjects.csv', 'all_subjects.xml'])
    for (const path of ['', 'TEST', 'TEST/1', session, `${session}/scans/1`, `${session}/scans/1/DICOM`])
      expect(await fs.list(path)).not.toContain('.xnat')
    await expect(fs.stat(`${session}/scans/.xnat`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.stat('TEST/.xnat/nothing')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.stat('.xnat/search/saved/none.xml')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('show what has changed on the server', async () => {
    const path = 'TEST/.xnat/prearchive_code'
    await put(emulator, '/data/projects/TEST/prearchive_code/0')
    expect(await text(path)).toBe('0\n')
    await put(emulator, '/data/projects/TEST/prearchive_code/11')
    expect(await text(path)).toBe('11\n')
    await put(emulator, '/data/projects/TEST/prearchive_code/5')
    const open = await fs.open(path, 'r')
    await put(emulator, '/data/projects/TEST/prearchive_code/11')
    await expect(open.read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    await open.close()
    expect(await text(path)).toBe('11\n')
  })

  it('are not removed, and nothing else is made beside them', async () => {
    for (const change of [
      () => fs.unlink('TEST/.xnat/project.xml'),
      () => fs.rmdir('TEST/.xnat'),
      () => fs.rmdir('TEST/.xnat/users'),
      () => fs.mkdir('TEST/.xnat/new'),
      () => writeFile(fs, 'TEST/.xnat/new', 'text'),
      () => fs.rename('TEST/.xnat/accessibility', 'TEST/.xnat/other'),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'EPERM' })
  })

  it('are not there, and no error, where the server refuses them', async () => {
    emulator.control.setFaults([
      { path: '/data/projects/TEST/users*', fault: { kind: 'status', status: 403 } },
    ])
    try {
      const names = await fs.list('TEST/.xnat')
      expect(names).not.toContain('users.csv')
      expect(names).toContain('project.xml')
      await expect(fs.stat('TEST/.xnat/users.csv')).rejects.toMatchObject({ code: 'EACCES' })
      await expect(fs.list('TEST/.xnat/users')).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      emulator.control.setFaults([])
    }
  })

  it('are not there where an older server knows no such thing, or tells something else', async () => {
    for (const status of [400, 404]) {
      emulator.control.setFaults([
        { path: '/data/projects/TEST/scan_type_mapping', fault: { kind: 'status', status } },
      ])
      local.archive.refresh()
      const names = await fs.list('TEST/.xnat')
      expect(names).not.toContain('scan_type_mapping')
      expect(names).toContain('project.xml')
    }
    emulator.control.setFaults([
      {
        path: '/data/subjects/*/status',
        fault: { kind: 'status', status: 200, html: '<html><body>a subject</body></html>' },
      },
    ])
    local.archive.refresh()
    expect((await fs.list('TEST/1/.xnat')).toSorted()).toEqual(['projects', 'subject.xml'])
    const paths = ['user', 'services/sessions', 'scanners', 'investigators', 'prearchive/experiments']
    const html = '<html><body>no such page</body></html>'
    emulator.control.setFaults(
      [...paths, 'projects/TEST/groups', 'projects/TEST/pars'].map((path) => ({
        path: `/data/${path}`,
        fault: { kind: 'status', status: 200, html },
      })),
    )
    local.archive.refresh()
    const site = await fs.list('.xnat')
    expect(site).toContain('users.csv')
    for (const name of [
      'logins.json',
      'sessions',
      'scanners.csv',
      'investigators.csv',
      'prearchive-recent.csv',
    ])
      expect(site).not.toContain(name)
    const project = await fs.list('TEST/.xnat')
    expect(project).toContain('users.csv')
    for (const name of ['groups.csv', 'pars.csv']) expect(project).not.toContain(name)
    emulator.control.setFaults([])
  })

  it('are an error where the server fails', async () => {
    emulator.control.setFaults([
      { path: '/data/projects/TEST/users*', fault: { kind: 'status', status: 500 } },
    ])
    try {
      await expect(fs.list('TEST/.xnat')).rejects.toMatchObject({ code: 'EIO' })
    } finally {
      emulator.control.setFaults([])
    }
  })
})

describe('the people and the projects of an item', () => {
  it('are there by name', async () => {
    expect((await fs.list('TEST/.xnat/users')).toSorted()).toEqual(['Collaborators', 'Members', 'Owners'])
    expect(await fs.list('TEST/.xnat/users/Members')).toContain('member')
    expect(await text('TEST/.xnat/users/Members/member')).toBe('')
    await expect(fs.stat('TEST/.xnat/users/Members/nobody')).rejects.toMatchObject({ code: 'ENOENT' })
    for (const item of ['TEST/1', session]) {
      expect((await fs.list(`${item}/.xnat/projects`)).toSorted()).toEqual(['ODD', 'TEST'])
      expect(await fs.list(`${item}/.xnat/projects/ODD`)).toEqual([])
    }
    expect(await fs.list(`${session}/assessors/ASSESS1/.xnat/projects`)).toEqual(['TEST'])
  })
})

describe('the accounts of the site', () => {
  it('are listed by name, and read one by one', async () => {
    const users = (await server('/data/users?format=csv')).trim().split('\n').slice(1)
    const logins = users.map((line) => line.split(',')[1]!)
    local.archive.refresh()
    emulator.control.resetRequests()
    expect((await fs.list('.xnat/users')).toSorted()).toEqual(
      logins.map((login) => `${login}.xml`).toSorted(),
    )
    expect(emulator.control.requests().filter(({ path }) => path.startsWith('/data/user/'))).toHaveLength(1)
    expect(await text('.xnat/users/member.xml')).toContain('<email>member@example.org</email>')
    expect(await text('data/user/member?format=xml')).toBe(await text('.xnat/users/member.xml'))
    expect(await text('data/user/member?')).toBe(await server('/data/user/member'))
    await expect(fs.stat('.xnat/users/nobody.xml')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.unlink('.xnat/users/member.xml')).rejects.toMatchObject({ code: 'EPERM' })
  })

  it('are for site administrators: others see nobody, and are told EACCES', async () => {
    const theirs = await startLocalVfs({ url: emulator.url, user: 'member', password: 'member-pass' })
    const fs = vfsFileSystem(theirs.vfs)
    try {
      expect(await fs.list('.xnat/users')).toEqual([])
      await expect(fs.stat('.xnat/users/member.xml')).rejects.toMatchObject({ code: 'EACCES' })
      await expect(fs.list('TEST/.xnat/pipelines')).rejects.toMatchObject({ code: 'EACCES' })
      expect(await fs.list('TEST/.xnat')).not.toContain('pipelines.xml')
    } finally {
      await theirs.stop()
    }
  })
})

describe('the pipelines of a project', () => {
  it('are listed by name, and REST has each below its list', async () => {
    expect(await fs.list('TEST/.xnat/pipelines')).toEqual(['DicomToNifti.json'])
    const details = await text('TEST/.xnat/pipelines/DicomToNifti.json')
    expect(JSON.parse(details)).toMatchObject({ appliesTo: 'xnat:mrSessionData' })
    const uri = 'data/projects/TEST/pipelines/DicomToNifti'
    for (const path of [`${uri}?`, `${uri}?format=json`, `${uri}/details`, `${uri}/details?format=json`])
      expect([path, (await text(path)).trimEnd()]).toEqual([path, details.trimEnd()])
    expect(await fs.list(uri)).toEqual(['details'])
    await expect(fs.unlink(`${uri}/details`)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(fs.rmdir(uri)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(fs.stat('TEST/.xnat/pipelines/none.json')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(writeFile(fs, 'TEST/.xnat/pipelines/DicomToNifti.json', '{}')).rejects.toMatchObject({
      code: 'EPERM',
    })
  })
})
