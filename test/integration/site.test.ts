import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { writeFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** What the site tells of itself and its users. */

const site = useControlSite()
const { server, text, changes } = site
let id: string
beforeAll(async () => {
  id = await site.sessionId()
})

describe('a favorite', () => {
  const folder = '.xnat/favorites/xnat:projectData'
  const path = '/data/users/favorites/xnat:projectData'

  it('is made by its name, and taken back with it', async () => {
    expect(await site.fs.list(folder)).toEqual([])
    site.emulator.control.resetRequests()
    await writeFile(site.fs, `${folder}/TEST`, '')
    expect(await site.fs.list('data/users/favorites/xnat:projectData')).toEqual(['TEST'])
    expect(await server(`${path}?DATA_TYPE=xnat:projectData&format=csv`)).toContain('TEST')
    await site.fs.unlink(`${folder}/TEST`)
    expect(changes()).toEqual([`PUT ${path}/TEST`, `DELETE ${path}/TEST`])
    expect(await site.fs.list(folder)).toEqual([])
    await expect(writeFile(site.fs, `${folder}/TEST`, 'text')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(writeFile(site.fs, `${folder}/a,b`, '')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(site.fs.stat('.xnat/favorites/projects')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await site.fs.list('.xnat/favorites')).toEqual([])
  })
})

describe('the users of the site', () => {
  it('have roles and sessions, which administrators are told', async () => {
    expect(await text('.xnat/roles/admin.csv')).toBe(await server('/data/user/admin/roles?format=csv'))
    expect(await text('.xnat/services/sessions/reader')).toBe('0\n')
    expect(await text('data/services/sessions/reader')).toBe('0\n')
    expect(Number(await text('.xnat/sessions'))).toBeGreaterThan(0)
    expect(await text('.xnat/logins.json')).toBe(withNewline(await server('/data/user')))
    const theirs = await startLocalVfs({ url: site.emulator.url, user: 'member', password: 'member-pass' })
    try {
      const fs = vfsFileSystem(theirs.vfs)
      const names = await fs.list('.xnat')
      expect(names).not.toContain('logins.json')
      expect(names).toContain('sessions')
      await expect(fs.stat('.xnat/roles/admin.csv')).rejects.toMatchObject({ code: 'EACCES' })
      await expect(fs.stat('.xnat/services/sessions/admin')).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      await theirs.stop()
    }
  })
})

describe('the events of an item', () => {
  it('are had by its data type and its ID', async () => {
    for (const [type, item] of [
      ['xnat:projectData', 'TEST'],
      ['xnat:mrSessionData', id],
    ] as const) {
      const sent = await server(`/data/services/audit/${type}/${item}`)
      expect(await text(`.xnat/services/audit/${type}/${item}.json`)).toBe(withNewline(sent))
      expect(await text(`data/services/audit/${type}/${item}`)).toBe(sent)
    }
    await expect(site.fs.stat('.xnat/services/audit/xnat:projectData/NONE.json')).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})

describe('the header of a DICOM file', () => {
  it('of a session and of a scan is a table, and is not asked for by a listing', async () => {
    const dump = async (source: string): Promise<string> =>
      server(`/data/services/dicomdump?src=${encodeURIComponent(source)}&format=csv`)
    const session = `/archive/projects/TEST/experiments/${id}`
    expect(await text('TEST/1/MR1/.xnat/dicomdump.csv')).toBe(await dump(session))
    expect(await text('TEST/1/MR1/scans/3/.xnat/dicomdump.csv')).toBe(await dump(`${session}/scans/3`))
    expect(await text('TEST/1/MR1/scans/3/.xnat/dicomdump.csv')).toContain('T2 axial')
    site.emulator.control.resetRequests()
    expect(await site.fs.list('TEST/1/MR1/scans/3/.xnat')).toContain('dicomdump.csv')
    const asked = site.emulator.control.requests().filter(({ path }) => path.includes('dicomdump'))
    expect(asked).toEqual([])
  })
})
