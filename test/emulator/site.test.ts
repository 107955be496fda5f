import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

describe.runIf(isEmulated)('xnat-wire.md §11.3: what the site tells of itself and its users', () => {
  let server: ContractServer
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
  })
  afterAll(() => server?.close())

  const as = (user: string) => ({ authorization: basic(user, `${user}-pass`) })
  const get = (path: string, user?: string) =>
    server.request('GET', path, user === undefined ? {} : { headers: as(user) })
  const status = async (path: string, user?: string) => (await get(path, user)).status

  test('scanners, investigators and features are tables', async () => {
    const scanners = await table(server, '/data/scanners')
    expect(scanners.rows).toEqual([{ scanner: 'SAMPLE1' }])
    expect(scanners.resultSet['title']).toBe('Scanners')
    expect(await status('/data/scanners?table=users')).toBe(403)
    expect((await table(server, '/data/investigators')).rows).toEqual([
      expect.objectContaining({ firstname: 'Ada', lastname: 'Admin', login: 'admin' }) as unknown,
    ])
    // Five columns, and four cells in each row.
    expect((await get('/data/services/features?format=csv')).text).toMatch(
      /^key,name,description,enabled,banned\nproject_sharing,Project Sharing,true,false\n/,
    )
  })

  test('the accounts of the site and their roles are for its administrators', async () => {
    expect(JSON.parse((await get('/data/user')).text)).toContain('reader')
    expect((await get('/data/user?format=xml')).text).toContain('    <login>reader</login>\n')
    expect((await table(server, '/data/user/admin/roles')).rows).toEqual([{ role: 'Administrator' }])
    expect((await table(server, '/data/user/member/roles')).rows).toEqual([])
    for (const path of ['/data/user', '/data/user/admin/roles', '/data/services/sessions/admin'])
      expect([path, await status(path, 'member')]).toEqual([path, 403])
    expect(await status('/data/user/nobody/roles')).toBe(500)
  })

  test('how many sessions somebody has', async () => {
    expect(Number((await get('/data/services/sessions')).text)).toBeGreaterThan(0)
    expect((await get('/data/services/sessions/reader')).text).toMatch(/^\d+$/)
    expect(await status('/data/services/sessions/nobody')).toBe(400)
    expect(await status('/data/services/sessions/member', 'member')).toBe(200)
  })

  test('§10: a row of a saved search has the recorded columns in their order', async () => {
    const body =
      '<xdat:search ID="kept" brief-description="Mine" secure="true" xmlns:xdat="http://nrg.wustl.edu/security">' +
      '<xdat:root_element_name>xnat:mrSessionData</xdat:root_element_name></xdat:search>'
    const path = '/data/search/saved'
    const headers = { 'content-type': 'text/xml' }
    expect((await server.request('PUT', `${path}/kept`, { body, headers })).status).toBe(200)
    const { rows, resultSet } = await table(server, path)
    expect(Object.keys(rows[0]!)).toEqual(
      (
        'allow_diff_columns,stored_search_info,extension,sort_by_field_id,brief_description,description,' +
        'layeredsequence,secure,users,root_element_name,id,tag,sort_by_element_name'
      ).split(','),
    )
    expect(rows[0]).toMatchObject({ id: 'kept', brief_description: 'Mine', secure: '1', users: '{admin}' })
    expect(resultSet).not.toHaveProperty('totalRecords')
    expect((await server.request('DELETE', `${path}/kept`)).status).toBe(200)
  })

  test('favorites are listed by a parameter, and the path alone is 404', async () => {
    const path = '/data/users/favorites/xnat:projectData'
    const listed = async () => (await table(server, `${path}?DATA_TYPE=xnat:projectData`)).rows
    expect(await listed()).toEqual([])
    const made = await server.request('PUT', `${path}/TEST`)
    expect([made.status, JSON.parse(made.text)]).toMatchObject([
      200,
      { ResultSet: { Result: [{ datatype: 'xnat:projectData', id: 'TEST' }], title: 'User Favorites' } },
    ])
    expect(await listed()).toEqual([{ datatype: 'xnat:projectData', id: 'TEST' }])
    expect(await status(path)).toBe(404)
    expect(await status(`${path}/TEST`)).toBe(405)
    expect((await server.request('DELETE', `${path}/NONE`)).status).toBe(200)
    expect((await server.request('DELETE', `${path}/TEST`)).status).toBe(200)
    expect(await listed()).toEqual([])
  })

  test('the events of any item; without an item it fails', async () => {
    const events = async (path: string) =>
      (JSON.parse((await get(path)).text) as { events: unknown[] }).events
    expect(await events('/data/services/audit/xnat:projectData/TEST')).toEqual([
      expect.objectContaining({ event_action: 'Added Project' }) as unknown,
    ])
    expect(await status('/data/services/audit/xnat:projectData/NONE')).toBe(404)
    expect(await status('/data/services/audit')).toBe(500)
    expect(await status('/data/services/audit/xnat:projectData/a%20b')).toBe(400)
  })

  test('the header of a DICOM file of a session or a scan', async () => {
    const dump = (src: string) => table(server, `/data/services/dicomdump?src=${encodeURIComponent(src)}`)
    const { rows } = await dump('/archive/projects/TEST/experiments/MR1/scans/3')
    expect(rows).toContainEqual({
      tag1: '(0008,103E)',
      tag2: '',
      vr: 'LO',
      value: expect.stringContaining('T2 axial') as unknown,
      desc: 'Series Description',
    })
    expect(rows.map(({ tag1 }) => tag1)).not.toContain('(7FE0,0010)')
    expect((await dump('/archive/projects/TEST/subjects/1/experiments/MR1')).rows.length).toBeGreaterThan(10)
    expect((await dump('/something/else')).rows).toEqual([])
    expect(await status('/data/services/dicomdump')).toBe(400)
    expect(await status('/data/services/dicomdump?src=/archive/projects/TEST/experiments/NONE')).toBe(404)
  })

  test("a user has folders of files, which are nobody else's", async () => {
    const top = '/data/user/cache/resources'
    const rows = async (path: string) => (await table(server, path)).rows
    expect(await rows(top)).toEqual([])
    expect((await server.request('PUT', `${top}/upload`)).status).toBe(200)
    expect((await server.request('PUT', `${top}/upload`)).status).toBe(412)
    expect(await rows(top)).toEqual([{ Resource: 'upload', URI: `${top}/upload` }])
    const send = (name: string, body: string, query = '?inbody=true') =>
      server.request('PUT', `${top}/upload/files/${name}${query}`, {
        body,
        headers: { 'content-type': 'application/octet-stream' },
      })
    expect((await send('a/b.txt', 'inner')).status).toBe(200)
    expect((await send('a%20b', 'blank')).status).toBe(200)
    for (const path of [`${top}/upload`, `${top}/upload/files`])
      expect((await rows(path)).toSorted((a, b) => (a['Name']! < b['Name']! ? -1 : 1))).toEqual([
        { Name: 'a%20b', Size: '5', URI: `${top}/upload/files/a%20b` },
        { Name: 'a/b.txt', Size: '5', URI: `${top}/upload/files/a/b.txt` },
      ])
    expect((await get(`${top}/upload/files/a%20b`)).text).toBe('blank')
    expect(await status(`${top}/upload/files/none`)).toBe(404)
    expect(await status(`${top}/none`)).toBe(404)
    expect(await status(`${top}/upload/files/a%20b`, 'member')).toBe(404)
    expect((await get(`${top}/upload?format=zip`)).body.subarray(0, 2).toString()).toBe('PK')
    expect((await server.request('DELETE', `${top}/upload/files/a`)).status).toBe(200)
    expect((await rows(`${top}/upload`)).map(({ Name }) => Name)).toEqual(['a%20b'])
    expect((await server.request('DELETE', `${top}/upload/files/none`)).status).toBe(404)
    expect((await server.request('DELETE', `${top}/upload`)).status).toBe(200)
    expect((await server.request('DELETE', top)).status).toBe(400)
    expect(await rows(top)).toEqual([])
  })

  test('a form makes no inner folders, and a POST names its files itself', async () => {
    const top = '/data/user/cache/resources/forms'
    const form = Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="file"; filename="own.txt"\r\n\r\ntext\r\n--b--\r\n',
    )
    const send = (method: string, path: string) =>
      server.request(method, `${top}${path}`, {
        body: form,
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      })
    expect((await send('PUT', '/files/top.txt')).status).toBe(200)
    expect((await send('PUT', '/files/in/ner.txt')).status).toBe(500)
    expect((await send('POST', '/files')).status).toBe(201)
    const names = (await table(server, top)).rows.map(({ Name }) => Name!)
    expect(names.toSorted()).toEqual(['own.txt', 'top.txt'])
    expect((await send('POST', '/files/top.txt')).status).toBe(400)
  })
})
