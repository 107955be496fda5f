import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite } from '../support/control-site.js'
import { put } from '../support/emulator-rest.js'
import { writeFile } from '../support/file-system.js'

/** Lists of REST as text, with columns and filters, by the URIs that clients ask. */

const site = useControlSite({ listingTtl: 60 })
const session = '/projects/TEST/subjects/1/experiments/MR1'
let id: string
beforeAll(async () => {
  id = await site.sessionId()
})

describe('a list with columns or filters', () => {
  it.each([
    '/projects?columns=ID%2CURI%2Cname&format=json',
    '/projects?format=csv&columns=ID,name',
    '/experiments?xsiType=xnat:mrSessionData&format=csv',
    '/experiments?columns=ID,label,xnat:mrSessionData/date&xsiType=xnat:mrSessionData&format=csv',
    '/experiments?date=01/01/2026-12/31/2026&format=json',
    '/experiments?format=xml&date=01/01/2026-12/31/2026&columns=ID,xnat:mrSessionData/date',
    '/projects/TEST/experiments?columns=ID,URI,label,xsiType',
    '/projects/TEST/subjects?label=1&format=xml',
    '/projects/TEST/subjects?columns=label,xnat:subjectData/label&format=csv',
    '/projects/TEST/subjects?columns=label%2Cxnat%3AsubjectData%2Flabel&format=csv',
    '/subjects?project=TEST&format=csv',
    '/projects/TEST/subjects/1/experiments?xsiType=xnat:mrSessionData&format=json',
    `${session}/scans?columns=ID,type&format=csv`,
    `${session}/scans/1/files?columns=ID%2CURI%2Cpath&format=json`,
    `${session}/scans/1/resources?format=csv&sortBy=label`,
    `${session}/scans/1/resources/DICOM/files?format=json&locator=absolutePath`,
    `${session}/assessors/ASSESS1/out/resources?format=csv&sortBy=label`,
    `${session}/reconstructions/RECON1/out/resources?format=json&all=true`,
    `${session}/scans/ALL/files?columns=Name&format=csv`,
    `${session}/scans/T1/resources/DICOM/files?format=json&locator=absolutePath`,
    `${session}/scans/ALL/resources?format=csv&sortBy=label`,
    '/projects/TEST/users?format=csv&sortBy=login',
    '/scan_types?format=csv&project=TEST',
  ])('is what curl gets: %s', async (uri) => {
    const sent = await site.server(`/data${uri}`)
    for (const prefix of ['data', 'data/archive', 'REST']) expect(await site.text(prefix + uri)).toBe(sent)
  })

  it('is what curl gets of an experiment by its ID', async () => {
    const uri = `data/experiments/${id}/scans?columns=ID,type,quality&format=csv`
    expect(await site.text(uri)).toBe(await site.server(`/${uri}`))
  })

  it.each([
    '/projects/TEST/config/tool/path?format=csv',
    '/config/tool/path?format=json',
    '/projects/TEST/protocols/TEST_xnat_mrSessionData?dataType=xnat:mrSessionData&format=xml',
    '/prearchive/experiments?recent=true&format=csv',
    '/projects/TEST/users/false?format=csv',
  ])('is what curl gets of other things: %s', async (uri) => {
    for (const scope of ['/projects/TEST', ''])
      await put(site.emulator, `/data${scope}/config/tool/path?inbody=true`, 'set')
    expect(await site.text(`data${uri}`)).toBe(await site.server(`/data${uri}`))
  })

  it('of settings that nothing is kept under are not there', async () => {
    for (const name of [
      'config/TEST/other',
      'config/none/archive_spec',
      'projects/TEST/config/TEST/archive_spec',
    ])
      await expect(site.fs.stat(`data/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is told anew by who opens it', async () => {
    const uri = 'data/projects/TEST/resources/docs/files?columns=Name,Size&format=csv'
    expect(await site.text(uri)).not.toContain('new.txt')
    await writeFile(site.fs, 'TEST/resources/docs/new.txt', 'new')
    expect(await site.text(uri)).toContain('new.txt')
  })

  it('costs nothing on the way', async () => {
    await site.fs.list('data')
    site.emulator.control.resetRequests()
    expect(await site.fs.list('data/subjects?columns=ID,xnat:subjectData')).toEqual([])
    expect(await site.fs.stat('data/subjects?columns=ID,xnat:subjectData/label&format=csv')).toMatchObject({
      kind: 'symlink',
    })
    expect(site.emulator.control.requests()).toEqual([])
  })

  it.each([
    'data/projects/TEST/subjects?columns=label&format=exe',
    'data/projects/TEST/subjects?format=csv&format=json',
    'data/projects/TEST/subjects?columns=%&format=csv',
    'data/projects/TEST/nothing?columns=label&format=csv',
    'data/projects/TEST/nothing?columns=a:b/c&format=csv',
    'data/projects/TEST/subjects?label&order=1',
    'TEST/1/MR1/scans/1/DICOM/files?columns=Name&format=exe',
    'TEST/1/MR1/scans/ALL/files?columns=Name&format=exe',
    'TEST/1/MR1/scans/ALL/resources?format=exe',
    'TEST/1/MR1/scans/ALL/none?',
  ])('is no other name: %s', async (path) => {
    await expect(site.text(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
