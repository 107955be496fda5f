import dicomParser from 'dicom-parser'
import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { put } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { zipEntries } from '../support/zip-entries.js'

/** What the server has done, and what it makes of what is there, as files of `.xnat`. */

const session = 'TEST/1/MR1'
const site = useControlSite()
const { server, text } = site
let id: string
let key: string
beforeAll(async () => {
  id = await site.sessionId()
  const events = JSON.parse(await server(`/data/experiments/${id}/history`)) as {
    events: { event_id: number; event_action: string }[]
  }
  key = String(events.events.find((event) => event.event_action === 'Added MR Session')!.event_id)
})

describe('the history of an experiment', () => {
  it('is what the server tells, and is not asked for by a listing', async () => {
    const sent = withNewline(await server(`/data/experiments/${id}/history`))
    expect(await text(`${session}/.xnat/history.json`)).toBe(sent)
    expect(await text(`data/projects/TEST/subjects/1/experiments/MR1/history`)).toBe(sent)
    site.emulator.control.resetRequests()
    expect(await site.fs.list(`${session}/.xnat`)).toContain('history.json')
    const asked = site.emulator.control.requests().map(({ path }) => path)
    expect(asked.filter((path) => path.endsWith('/history'))).toEqual([])
    await expect(writeFile(site.fs, `${session}/.xnat/history.json`, '{}')).rejects.toMatchObject({
      code: 'EPERM',
    })
  })
})

describe('the workflows', () => {
  it('are had by their numbers, and listed nowhere', async () => {
    const sent = withNewline(await server(`/data/workflows/${key}?format=xml`))
    for (const path of [`.xnat/workflows/${key}.xml`, `data/workflows/${key}`])
      expect([path, await text(path)]).toEqual([path, sent])
    expect(await text(`data/services/workflows/workflowid/${key}`)).toBe(sent)
    expect(await site.fs.list('.xnat/workflows')).toEqual([])
    for (const name of ['999999.xml', 'none.xml', '0.xml'])
      await expect(site.fs.stat(`.xnat/workflows/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('of an experiment are had by their names, the latest first, or with their times', async () => {
    const sent = withNewline(await server(`/data/workflows/${key}?format=xml`))
    for (const name of ['Added MR Session', 'mr session'])
      expect(await text(`${session}/.xnat/workflows/${name}.xml`)).toBe(sent)
    const time = / launch_time="([^"]+)"/.exec(sent)![1]!
    expect(await text(`${session}/.xnat/workflows/Added MR Session&launch_time=${time}.xml`)).toBe(sent)
    for (const name of ['Added CT Session', 'Added MR Session&launch_time=2001-01-01T00:00:00'])
      await expect(site.fs.stat(`${session}/.xnat/workflows/${name}.xml`)).rejects.toMatchObject({
        code: 'ENOENT',
      })
  })

  it('get another status by writing them', async () => {
    const path = `.xnat/workflows/${key}.xml`
    await writeFile(site.fs, path, (await text(path)).replace('status="Complete"', 'status="Failed"'))
    expect(await server(`/data/workflows/${key}`)).toContain('status="Failed"')
    expect(await text(path)).toContain('status="Failed"')
    await expect(writeFile(site.fs, path, 'Failed')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(writeFile(site.fs, '.xnat/workflows/999999.xml', '<a/>')).rejects.toMatchObject({
      code: 'EPERM',
    })
    await expect(site.fs.unlink(path)).rejects.toMatchObject({ code: 'EPERM' })
  })

  it('of others are not changed', async () => {
    const theirs = await startLocalVfs({ url: site.emulator.url, user: 'member', password: 'member-pass' })
    try {
      const path = `.xnat/workflows/${key}.xml`
      const change = writeFile(vfsFileSystem(theirs.vfs), path, await text(path))
      await expect(change).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      await theirs.stop()
    }
  })
})

describe('the log of something that somebody has begun', () => {
  it('is had by its name, empty where nobody has', async () => {
    expect(await text('.xnat/status/my-upload')).toBe('StatusLog\n')
    expect(await text('data/status/my-upload')).toBe('StatusLog\n')
    expect(await site.fs.list('.xnat/status')).toEqual([])
    await expect(site.fs.stat('.xnat/status/a b')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the versions of a data type', () => {
  it('are had by its name', async () => {
    const sent = withNewline(await server('/data/search/elements/xnat:subjectData/versions'))
    expect(await text('.xnat/search/versions/xnat:subjectData.xml')).toBe(sent)
    expect(await site.fs.list('.xnat/search/versions')).toEqual([])
  })
})

describe('what a search has found that was kept', () => {
  it('is a table, and each of its columns one', async () => {
    const search =
      '<xdat:stored_search ID="kept" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name>' +
      '<xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>PROJECT</xdat:field_ID></xdat:search_field></xdat:stored_search>'
    const authorization = `Basic ${Buffer.from(`${site.emulator.user}:${site.emulator.password}`).toString('base64')}`
    const run = await fetch(`${site.emulator.url}/data/search?cache=true&format=json`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'text/xml' },
      body: search,
    })
    const found = ((await run.json()) as { ResultSet: { ID: string; Result: object[] } }).ResultSet
    const sent = withNewline(await server(`/data/search/${found.ID}?format=csv`))
    expect(await text(`.xnat/search/cached/${found.ID}.csv`)).toBe(sent)
    const column = Object.keys(found.Result[0]!).find((name) => name.includes('project'))!
    const values = withNewline(await server(`/data/search/${found.ID}/${column}?format=csv`))
    expect(await text(`.xnat/search/cached/${found.ID}/${column}.csv`)).toBe(values)
    const pasted = `data/search/${found.ID}/${column}`
    expect(await text(pasted)).toBe(await server(`/${pasted}`))
    expect(await site.fs.list('.xnat/search/cached')).toEqual([])
  })
})

describe('DICOMDIR.zip', () => {
  const path = `${session}/scans/1/.xnat/DICOMDIR.zip`

  it('has the DICOM files of a scan with their index', async () => {
    site.emulator.control.resetRequests()
    const entries = zipEntries(await readFile(site.fs, path))
    const asked = site.emulator.control.requests().filter(({ path: url }) => url.endsWith('/DICOMDIR'))
    expect(asked).toHaveLength(1)
    expect(entries).toHaveLength(17)
    const index = dicomParser.parseDicom(entries.find(({ name }) => name === 'DICOMDIR')!.content)
    expect(index.elements['x00041220']!.items).toHaveLength(16 + 3)
    expect(zipEntries(await readFile(site.fs, `data/experiments/${id}/scans/1/DICOMDIR`))).toHaveLength(17)
    expect(await site.fs.list(`${session}/scans/1/.xnat`)).not.toContain('DICOMDIR.zip')
    await expect(site.fs.unlink(path)).rejects.toMatchObject({ code: 'EROFS' })
  })

  it('is not there for a scan without DICOM files', async () => {
    await put(site.emulator, `/data/experiments/${id}/scans/9?xsiType=xnat:mrScanData`)
    await expect(site.fs.stat(`${session}/scans/9/.xnat/DICOMDIR.zip`)).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('that breaks off is an error', async () => {
    site.emulator.control.setFaults([
      { path: '/data/experiments/*/scans/2/DICOMDIR', fault: { kind: 'truncate', afterBytes: 5000 } },
    ])
    const broken = readFile(site.fs, path.replace('scans/1', 'scans/2'))
    await expect(broken).rejects.toMatchObject({ code: 'EIO' })
    site.emulator.control.setFaults([])
  })
})
