import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createResource,
  createScan,
  createSession,
  put,
  table,
  tableOf,
} from '../support/contract-fixtures.js'
import type { SessionFixture } from '../support/contract-fixtures.js'
import { startContractServer, type ContractServer } from '../support/contract-server.js'

let server: ContractServer
let project: string
let session: SessionFixture
beforeAll(async () => {
  server = await startContractServer()
  project = `/data/projects/${server.project}`
  session = await createSession(server, 'S1', 'MR1')
  for (const [id, type] of [
    ['10', 'T2'],
    ['2', 'T1'],
    ['1', 'T1'],
  ] as const)
    await createScan(server, session, id, type)
  await put(server, `${session.path}/reconstructions/R1?type=mean&baseScanType=T1`)
  await createResource(server, `${session.path}/scans/1`, 'DICOM', { 'a.dcm': 'a' })
  await createSession(server, 'S1', 'MR2')
  await createSession(server, 'S2', 'MR3')
})
afterAll(() => server?.close())

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  server.request('GET', path, { headers })
const TIMESTAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.(0|\d{0,8}[1-9])$/

describe('xnat-wire.md §2.1: envelope', () => {
  test('ResultSet, Result and a totalRecords that is a text', async () => {
    const answer = await get(`${project}/experiments?format=json`)
    expect(answer.text).toMatch(/^\{"ResultSet":\{"Result":\[\{/)
    expect(answer.text).toMatch(/\], ?"totalRecords": "3"\}\}$/)
  })

  test('JSON is what lists choose for */* and for no Accept at all', async () => {
    for (const headers of [{}, { accept: '*/*' }]) {
      const answer = await get(`${project}/subjects`, headers)
      expect(answer.headers['content-type']).toBe('application/json')
      expect(tableOf(answer).rows).toHaveLength(2)
    }
  })

  test('the lists of files and DIR have Columns before Result, the others none', async () => {
    const files = await get(`${session.path}/scans/1/resources/DICOM/files?format=json`)
    expect(files.text).toMatch(
      /^\{"ResultSet":\{"Columns":\[\{"key":"URI","serverRoot":"[^"]*"\}\],"Result":\[/,
    )
    const directory = await get(`/data/experiments/${session.id}/DIR?format=json`)
    expect(directory.text).toMatch(/^\{"ResultSet":\{"Columns":\[\{"key":"URI","serverRoot":"/)
    for (const path of [`${project}/subjects`, `${session.path}/scans`, `${session.path}/resources`])
      expect((await table(server, path)).resultSet).not.toHaveProperty('Columns')
  })

  test('csv, xml, html', async () => {
    const csv = await get(`${session.path}/scans?format=csv`)
    expect(csv.headers['content-type']).toMatch(/^text\/csv/)
    expect(csv.text.split('\n')[0]).toBe(
      'xnat_imagescandata_id,ID,type,quality,xsiType,note,series_description,URI',
    )
    const xml = await get(`${session.path}/scans?format=xml`)
    expect(xml.headers['content-type']).toMatch(/^text\/xml/)
    expect(xml.text).toContain('<ResultSet')
    expect((await get(`${session.path}/scans?format=html`)).headers['content-type']).toMatch(/^text\/html/)
  })

  test('chunked: no Content-Length, Last-Modified or ETag; no charset', async () => {
    for (const path of [`${project}/subjects`, `${session.path}/scans/1/resources/DICOM/files`]) {
      const { headers } = await get(`${path}?format=json`)
      expect(headers['content-type']).toBe('application/json')
      expect(headers['transfer-encoding']).toBe('chunked')
      for (const name of ['content-length', 'last-modified', 'etag'])
        expect(headers[name], name).toBeUndefined()
    }
  })

  test('prearchive lists have no totalRecords', async () => {
    const { totalRecords, rows } = await table(server, '/data/prearchive')
    expect(rows).toBeInstanceOf(Array)
    expect(totalRecords).toBeUndefined()
  })
})

describe('xnat-wire.md §2.1: cells', () => {
  test('every cell of every list is a text, and NULL is ""', async () => {
    for (const path of [
      '/data/projects',
      `${project}/subjects`,
      `${project}/experiments`,
      `${session.path}/scans`,
      `${session.path}/scans/1/resources`,
      `${session.path}/scans/1/resources/DICOM/files`,
    ]) {
      const { rows } = await table(server, path)
      expect(rows.length, path).toBeGreaterThan(0)
      for (const row of rows) for (const cell of Object.values(row)) expect(cell, path).toBeTypeOf('string')
    }
    const [scan] = (await table(server, `${session.path}/scans`)).rows
    expect(scan!['note']).toBe('')
  })

  test('timestamps as java.sql.Timestamp prints them, dates as yyyy-mm-dd', async () => {
    for (const row of (await table(server, `${project}/experiments`)).rows) {
      expect(row['insert_date']).toMatch(TIMESTAMP)
      expect(row['date']).toBe('2020-12-17')
    }
  })

  // The recorded orders, which are those of a Java HashMap.
  test.each([
    ['projects', '/data/projects', 'pi_firstname,secondary_ID,pi_lastname,name,description,ID,URI'],
    ['subjects', 'P/subjects', 'insert_date,project,ID,label,insert_user,URI'],
    [
      'experiments',
      'P/experiments',
      'date,xsiType,xnat:subjectassessordata/id,insert_date,project,ID,label,URI',
    ],
    ['scans', 'E/scans', 'xsiType,xnat_imagescandata_id,note,series_description,ID,type,URI,quality'],
    [
      'resources',
      'E/scans/1/resources',
      'file_count,xnat_abstractresource_id,cat_desc,cat_id,format,label,category,element_name,file_size,content,tags',
    ],
    [
      'files',
      'E/scans/1/resources/DICOM/files',
      'file_content,Size,file_tags,cat_ID,digest,collection,URI,file_format,Name',
    ],
  ])('§2.1, §2.2: columns of %s and the order of their keys', async (_name, short, keys) => {
    const path = short.replace(/^P/, project).replace(/^E/, session.path)
    const { rows } = await table(server, path)
    expect(Object.keys(rows[0]!).join(',')).toBe(keys)
  })
})

describe('xnat-wire.md §2.1: order, sorting, pages', () => {
  test('scans are not sorted by number, sortBy and sortOrder sort', async () => {
    const ids = async (query: string): Promise<string[]> =>
      (await table(server, `${session.path}/scans${query}`)).rows.map(({ ID }) => ID!)
    expect((await ids('')).toSorted()).toEqual(['1', '10', '2'])
    expect(await ids('?sortBy=ID')).toEqual(['1', '10', '2'])
    expect(await ids('?sortBy=ID&sortOrder=DESC')).toEqual(['2', '10', '1'])
    const both = (await table(server, `${session.path}/scans?sortBy=type,ID`)).rows
    expect(both.map(({ ID }) => ID)).toEqual(['1', '2', '10'])
  })

  test('sortBy works on files as well', async () => {
    const parent = `${session.path}/scans/2`
    await createResource(server, parent, 'SORT', { b: 'b', a: 'a', c: 'c' })
    const { rows } = await table(server, `${parent}/resources/SORT/files?sortBy=Name&sortOrder=DESC`)
    expect(rows.map(({ Name }) => Name)).toEqual(['c', 'b', 'a'])
  })

  test('limit and offset: subjects and experiments, without totalRecords', async () => {
    for (const path of [`${project}/experiments`, `${project}/subjects/S1/experiments`]) {
      const page = await table(server, `${path}?limit=1`)
      expect(page.rows, path).toHaveLength(1)
      expect(page.totalRecords).toBeUndefined()
    }
    const all = (await table(server, `${project}/experiments`)).rows
    expect((await table(server, `${project}/experiments?offset=1`)).rows).toHaveLength(all.length - 1)
    expect((await table(server, `${project}/subjects?limit=1&offset=1`)).rows).toHaveLength(1)
    const unlimited = await table(server, `${project}/experiments?limit=*`)
    expect(unlimited.rows).toHaveLength(all.length)
  })

  test('limit does nothing on scans, resources and files', async () => {
    for (const path of [`${session.path}/scans`, `${session.path}/scans/1/resources`]) {
      const { rows, totalRecords } = await table(server, `${path}?limit=1`)
      expect(totalRecords).toBe(String(rows.length))
    }
    expect((await table(server, `${session.path}/scans?limit=1`)).rows).toHaveLength(3)
  })
})

describe('xnat-wire.md §2.1: parameters', () => {
  test('columns= replaces the defaults; primary key and URI come anyway (§10: experiments have more)', async () => {
    const columns = 'columns=ID,label,insert_user,insert_date,last_modified'
    const [experiment] = (await table(server, `${project}/experiments?${columns}`)).rows
    expect(Object.keys(experiment!).toSorted()).toEqual(
      [
        'ID',
        'URI',
        'insert_date',
        'insert_user',
        'label',
        'last_modified',
        'project',
        'xnat:subjectassessordata/id',
        'xsiType',
      ].toSorted(),
    )
    const [subject] = (await table(server, `${project}/subjects?${columns}`)).rows
    expect(Object.keys(subject!).toSorted()).toEqual(
      ['ID', 'URI', 'insert_date', 'insert_user', 'label', 'last_modified'].toSorted(),
    )
  })

  test('an unknown name is skipped, DEFAULT stands for the defaults', async () => {
    const [row] = (await table(server, `${project}/subjects?columns=label,no_such_column`)).rows
    expect(Object.keys(row!).toSorted()).toEqual(['ID', 'URI', 'label'])
    const [all] = (await table(server, `${project}/subjects?columns=DEFAULT`)).rows
    expect(Object.keys(all!)).toEqual(expect.arrayContaining(['insert_user', 'insert_date', 'project']))
  })

  test('§10: rows of one stated type have what was asked for, URI and the type’s key', async () => {
    const path = `${project}/experiments?xsiType=xnat:mrSessionData&columns=ID,label`
    const [row] = (await table(server, path)).rows
    expect(Object.keys(row!).toSorted()).toEqual(['ID', 'URI', 'label', 'xnat:mrsessiondata/id'])
    const everywhere = `/data/experiments?project=${server.project}&xsiType=xnat:mrSessionData&columns=ID,label`
    expect((await table(server, everywhere)).rows).toContainEqual(row)
  })

  test.each([
    ['', ['ID']],
    ['&xsiType=xnat:subjectAssessorData', ['ID', 'xnat:subjectassessordata/id']],
    ['&xsiType=xnat:imageSessionData', ['ID', 'xnat:imagesessiondata/id']],
  ])('§10: all experiments%s, asked for their labels, tell type and project too', async (type, keys) => {
    const path = `/data/experiments?project=${server.project}&label=MR1&columns=ID,label${type}`
    const [row] = (await table(server, path)).rows
    expect(Object.keys(row!).toSorted()).toEqual([...keys, 'URI', 'label', 'project', 'xsiType'].toSorted())
    expect(row).toMatchObject({ label: 'MR1', xsiType: 'xnat:mrSessionData', project: server.project })
  })

  test('columns may be full paths', async () => {
    const path = `${project}/experiments?columns=ID,xnat:mrSessionData/fieldStrength`
    const [row] = (await table(server, path)).rows
    expect(Object.keys(row!).map((key) => key.toLowerCase())).toContain('fieldstrength')
  })

  test('the names filter: equal, wildcard, comma, type', async () => {
    const labels = async (query: string): Promise<string[]> =>
      (await table(server, `${project}/experiments?${query}`)).rows.map(({ label }) => label!).toSorted()
    expect(await labels('label=MR1')).toEqual(['MR1'])
    expect(await labels('label=MR*')).toEqual(['MR1', 'MR2', 'MR3'])
    expect(await labels('label=%25R3')).toEqual(['MR3'])
    expect(await labels('label=MR1,MR3')).toEqual(['MR1', 'MR3'])
    expect(await labels('label=nothing')).toEqual([])
    expect(await labels('xsiType=xnat:ctSessionData')).toEqual([])
    expect(await labels('xsiType=xnat:mrSessionData')).toEqual(['MR1', 'MR2', 'MR3'])
    expect(await labels('date=12/01/2020-12/31/2020')).toEqual(['MR1', 'MR2', 'MR3'])
  })

  test('lists of resources and files ignore columns=', async () => {
    for (const path of ['resources', 'resources/DICOM/files']) {
      const base = `${session.path}/scans/1/${path}`
      expect((await table(server, `${base}?columns=ID,URI,path`)).rows).toEqual(
        (await table(server, base)).rows,
      )
    }
  })

  test('?fields=true: the table of short-cuts', async () => {
    const { rows } = await table(server, `${project}/experiments?fields=true`)
    expect(Object.keys(rows[0]!).toSorted()).toEqual(['key', 'xpath'])
    expect(rows.map(({ key }) => key)).toEqual(expect.arrayContaining(['label', 'insert_date', 'subject_ID']))
  })
})
