import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite } from '../support/control-site.js'
import { readFile, writeFile } from '../support/file-system.js'

/** Questions of REST with slashes in them, pasted as they are: what is before a slash is a directory. */

const site = useControlSite({ listingTtl: 60 })
let id: string
beforeAll(async () => {
  id = await site.sessionId()
})
const session = 'archive/projects/TEST/subjects/1/experiments/MR1'
const dump = 'data/services/dicomdump?'

describe('the source of a DICOM header', () => {
  const sent = async (question: string): Promise<string> =>
    await site.server(`/data/services/dicomdump?${question}`)

  it.each([
    ['a session', session],
    ['a scan', `${session}/scans/3`],
    ['a session without its subject', `archive/projects/TEST/experiments/MR1`],
    ['a scan without its subject', `archive/projects/TEST/experiments/MR1/scans/3`],
    ['what waits to be archived', 'prearchive/projects/TEST/20260101_120000123/PRE1'],
  ])('is %s: a directory, and the document with what ends a question', async (_, source) => {
    const table = await sent(`src=/${source}&format=csv`)
    expect(await site.fs.list(`${dump}src=/${source}`)).toEqual([])
    for (const end of ['&format=csv', '?format=csv'])
      expect([end, await site.text(`${dump}src=/${source}${end}`)]).toEqual([end, table])
    const plain = await sent(`src=/${source}`)
    for (const end of ['&', '?'])
      expect([end, await site.text(`${dump}src=/${source}${end}`)]).toEqual([end, plain])
    for (const more of [
      'format=json',
      'format=html',
      'field=PatientName',
      'format=xml',
      'field=PatientName&format=json',
      'summary=true&format=csv',
    ])
      expect([more, await site.text(`${dump}src=/${source}&${more}`)]).toEqual([
        more,
        await sent(`src=/${source}&${more}`),
      ])
    expect(await site.text(`${dump}field=PatientName&src=/${source}&`)).toBe(
      await sent(`field=PatientName&src=/${source}`),
    )
  })

  it('may be a file, which nothing is below', async () => {
    const file = `${session}/scans/3/resources/DICOM/files/2.dcm`
    expect(await sent(`src=/${file}`)).toContain('T2 axial')
    for (const end of ['', '&', '&format=csv'])
      expect(await site.text(`${dump}src=/${file}${end}`)).toBe(await sent(`src=/${file}${end}`))
  })

  it('is one name where its slashes are encoded', async () => {
    for (const source of [session, `${session}/scans/3`, `${session}/scans/3/resources/DICOM/files/2.dcm`]) {
      const encoded = encodeURIComponent(`/${source}`)
      for (const end of ['', '&', '&format=csv'])
        expect(await site.text(`${dump}src=${encoded}${end}`)).toBe(await sent(`src=${encoded}${end}`))
      const lower = encoded.replaceAll('%2F', '%2f')
      expect(await site.text(`${dump}src=${lower}&format=json`)).toBe(
        await sent(`src=${encoded}&format=json`),
      )
    }
  })

  it('asks nobody on the way, and its document when it is opened', async () => {
    await site.fs.list('data')
    site.emulator.control.resetRequests()
    const parts = `${dump}src=/archive/projects/NONE/subjects/2/experiments/3/scans/4/resources/DICOM`.split(
      '/',
    )
    for (let count = 3; count <= parts.length; count++)
      expect(await site.fs.list(parts.slice(0, count).join('/'))).toEqual([])
    const document = `${dump}src=/archive/projects/NONE/experiments/3&`
    expect(await site.fs.stat(document)).toMatchObject({ kind: 'file', sizeBytes: 0 })
    expect(site.emulator.control.requests().map(({ path }) => path)).toEqual([])
    await expect(readFile(site.fs, document)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(site.emulator.control.requests().map(({ path }) => path)).toEqual([
      expect.stringMatching(/^\/data\/services\/dicomdump\?/),
    ])
  })

  it('is no other path', async () => {
    for (const path of [
      'src',
      'src=archive',
      'src=/data',
      'src=/archive/subjects',
      'src=/archive/projects/TEST&',
      'src=/archive/projects/TEST/subjects/1&format=csv',
      `src=/${session}&format=zip`,
      `src=/${session}&other=1`,
      `src=/${session}&src=/${session}&`,
      `src=/${session}/assessors`,
      `src=/${session}/scans/1/resources/DICOM/files/1.dcm/more`,
      'src=%2Farchive%2Fprojects%2FTEST',
      'src=%',
    ])
      expect([path, await site.fs.stat(dump + path).then(() => 'is there', codeOf)]).toEqual([
        path,
        path.endsWith('/more') ? 'ENOTDIR' : 'ENOENT',
      ])
  })

  it('is not listed, and nothing is changed there', async () => {
    expect(await site.fs.list('data/services')).not.toContain('dicomdump?src=')
    const folder = `${dump}src=/archive`
    await expect(site.fs.mkdir(`${folder}/projects/new`)).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(site.fs.mkdir(`${folder}/new`)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(writeFile(site.fs, `${folder}/new`, 'text')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(writeFile(site.fs, `${dump}src=/${session}&`, 'text')).rejects.toMatchObject({
      code: 'EPERM',
    })
    for (const path of [folder, `${dump}src=/${session}`])
      await expect(site.fs.rmdir(path)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(site.fs.unlink(`${dump}src=/${session}&`)).rejects.toMatchObject({ code: 'EPERM' })
  })
})

describe('the fields of an event', () => {
  it('are given in any order, with a blank or encoded', async () => {
    const sent = await site.server(`/data/services/workflows/Added_MR_Session?experiment=${id}`)
    const time = / launch_time="([^"]+)"/.exec(sent)![1]!
    const field = 'wrk:workflowData'
    for (const question of [
      `${field}/id=${id}&${field}/pipeline_name=Added MR Session&${field}/launch_time=${time}`,
      `${field}/launch_time=${time.replace('T', ' ')}&${field}/pipeline_name=Added%20MR%20Session&${field}/id=${id}&`,
      `${field}/pipeline_name=Added+MR+Session&format=xml&${field}/launch_time=${time}&${field}/id=${id}`,
      `${field}%2Fid=${id}&${field}%2Fpipeline_name=Added%20MR%20Session&${field}%2Flaunch_time=${time}&format=xml`,
      `wrk%3AworkflowData%2Fid=${id}&${field}%2Fpipeline_name=Added%20MR%20Session&${field}%2Flaunch_time=${encodeURIComponent(time)}`,
    ])
      expect([question, await site.text(`data/workflows?${question}`)]).toEqual([question, sent])
    for (const question of [
      `${field}/id=${id}`,
      `${field}/id=${id}&${field}/pipeline_name=Added MR Session&${field}/launch_time=2001-01-01 00:00:00`,
      `${field}%2Fid=${id}`,
      'other/id=1',
      '',
    ])
      expect([question, await site.text(`data/workflows?${question}`).catch(codeOf)]).toEqual([
        question,
        'ENOENT',
      ])
    expect(await site.fs.list(`data/workflows?${field}/id=${id}&${field}`)).toEqual([])
  })

  it('of a name with a blank are had by `_`, as curl has to ask', async () => {
    const sent = await site.server(`/data/services/workflows/Added_MR_Session?experiment=${id}`)
    expect(await site.text(`data/services/workflows/Added_MR_Session?experiment=${id}`)).toBe(sent)
    await expect(site.text(`data/services/workflows/Adde_?experiment=${id}`)).rejects.toMatchObject({
      code: 'EIO',
    })
  })
})

describe('dates as XNAT spells them', () => {
  const lists = [
    'data/experiments',
    'data/projects/TEST/experiments',
    'data/projects/TEST/subjects/1/experiments',
  ]
  it.each(lists)('select experiments: %s', async (list) => {
    const all = await site.fs.list(`${list}?date=2026-01-05`)
    expect(all.length).toBeGreaterThan(0)
    for (const [dates, iso] of [
      ['01/05/2026', '2026-01-05'],
      ['01/01/2026-12/31/2026', '2026-01-01..2026-12-31'],
      ['1/1/2006,01/05/2026', '2006-01-01,2026-01-05'],
      ['01/01/2006-12/31/2006,01/01/2026-12/31/2026', '2006-01-01..2006-12-31,2026-01-01..2026-12-31'],
    ] as const) {
      const found = await site.fs.list(`${list}?date=${iso}`)
      expect(found).toEqual(expect.arrayContaining(all))
      const encoded = dates.replaceAll('/', '%2F')
      for (const question of [
        `date=${dates}`,
        `date=${encoded}`,
        `label=*&date=${dates}`,
        `date=${dates}&label=*`,
      ])
        expect([question, await site.fs.list(`${list}?${question}`)]).toEqual([question, found])
      expect(await site.fs.list(`${list}?date=${dates}&label=none`)).toEqual([])
    }
    expect(await site.fs.list(`${list}?date=01/01/2001`)).toEqual([])
    expect(await site.fs.list(`${list}?date=01/01/2026-12`)).toEqual([])
    const scans = await site.fs.list(`${list}?date=01/05/2026/${all[0]!}/scans`)
    expect(scans).toEqual(await site.fs.list('TEST/1/MR1/scans'))
    for (const dates of ['01/01', '01/2026/05', '2026-01/05'])
      expect(await site.fs.stat(`${list}?date=${dates}/none`).catch(codeOf)).toBe('ENOENT')
  })
})

function codeOf(error: unknown): string {
  return (error as { code: string }).code
}
