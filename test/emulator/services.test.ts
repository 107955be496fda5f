import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSession, put, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

describe.runIf(isEmulated)('xnat-wire.md §11.4: what the server does by itself', () => {
  let server: ContractServer
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
  })
  afterAll(() => server?.close())

  const waiting = '/prearchive/projects/TEST/20260101_120000123/PRE1'
  const as = (user: string) => ({ authorization: basic(user, `${user}-pass`) })
  const post = (path: string, user?: string) =>
    server.request('POST', `/data/services/${path}`, user === undefined ? {} : { headers: as(user) })
  const form = (path: string, body: string) =>
    server.request('POST', `/data/services/${path}`, {
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  const status = async (path: string, user?: string) => (await post(path, user)).status

  test('a session is validated, and nothing is done', async () => {
    const answer = await post(`validate-archive?src=${waiting}`)
    expect(JSON.parse(answer.text)).toEqual({ ResultSet: { Result: [] } })
    expect(await status('validate-archive')).toBe(404)
    expect(await status(`validate-archive?src=${waiting}&src=${waiting}`)).toBe(400)
  })

  test('what cannot be archived: nobody named it, it is not there, of no project, not allowed, still coming', async () => {
    const unassigned = '/prearchive/projects/Unassigned/20260101_120000123/PRE4'
    expect(await status('archive')).toBe(404)
    expect(await status('archive?src=/archive/projects/TEST')).toBe(400)
    expect(await status(`archive?src=${waiting}0`)).toBe(404)
    expect(await status(`archive?src=${unassigned}`)).toBe(400)
    expect(await status(`archive?src=${waiting}`, 'outsider')).toBe(403)
    expect(await status('archive?src=/prearchive/projects/ODD/20260101_120000123/PRE3')).toBe(403)
    expect((await server.request('GET', `/data/services/archive?src=${waiting}`)).status).toBe(405)
  })

  test('a session is moved, by a form too, rebuilt and archived; the answer is its place', async () => {
    const path = `/data/projects/${server.project}`
    expect(await status(`prearchive/move?src=${waiting}`)).toBe(400)
    const moved = await form('prearchive/move', `src=${waiting}&newProject=${server.project}`)
    const src = waiting.replace('TEST', server.project)
    expect(JSON.parse(moved.text)).toMatchObject({ ResultSet: { Result: [{ url: src }] } })
    expect((await table(server, `/data${src}/scans`)).rows).toHaveLength(1)
    expect(await status(`prearchive/rebuild?src=${src}`)).toBe(200)
    const answer = await post(`archive?src=${src}&http-session-listener=log`)
    expect(answer.headers['content-type']).toMatch(/^text\/uri-list/)
    expect(answer.text).toBe(`/data/archive/projects/${server.project}/subjects/2/experiments/PRE1\r\n`)
    const files = await table(server, `${path}/subjects/2/experiments/PRE1/scans/1/resources/DICOM/files`)
    expect(files.rows.map(({ Name }) => Name)).toEqual(['1.dcm', '2.dcm'])
    expect((await table(server, `/data/prearchive/projects/${server.project}`)).rows).toEqual([])
    expect((await server.request('GET', '/data/status/log')).text).toContain('(terminal)')
  })

  test('one that is there already is a conflict, and comes to it with overwrite=append', async () => {
    await createSession(server, 'S', 'PRE2')
    const odd = '/prearchive/projects/ODD/20260101_120000123/PRE2'
    await post(`prearchive/move?src=${odd}&newProject=${server.project}`)
    const src = odd.replace('ODD', server.project)
    expect(await status(`archive?src=${src}`)).toBe(409)
    // It may be named by its project, time and folder, too.
    const place = `project=${server.project}&timestamp=20260101_120000123`
    expect((await form('archive', `${place}&folder=PRE2`)).status).toBe(409)
    expect(await status(`archive?${place}&folder=NONE`)).toBe(404)
    expect(await status(`archive?${place}`)).toBe(404)
    const notices = JSON.parse((await post(`validate-archive?src=${src}`)).text) as object
    expect(notices).toMatchObject({ ResultSet: { Result: [{ type: 'CONFLICT' }] } })
    expect(await status(`archive?src=${src}&overwrite=append`)).toBe(200)
    const scans = await table(server, `/data/projects/${server.project}/subjects/S/experiments/PRE2/scans`)
    expect(scans.rows.map(({ ID }) => ID)).toEqual(['1-MR1', '2'])
  })

  test('overwrite=append brings the files of scans and resources that are there; others of the same name are a conflict', async () => {
    const { path } = await createSession(server, 'S', 'MERGED')
    const scan = (session: string, id: string) => `${session}/scans/${id}/resources`
    const send = async (name: string, query: string, files: string) => {
      const source = '/data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files'
      const zip = (await server.request('GET', `${source}${files}?format=zip`)).body
      const dest = `dest=/archive/projects/${server.project}/subjects/S/experiments/${name}`
      return server.request('POST', `/data/services/import?${dest}${query}`, {
        body: zip,
        headers: { 'content-type': 'application/zip' },
      })
    }
    const names = async () => {
      const { rows } = await table(server, `${scan(path, '1')}/DICOM/files`)
      return rows.map(({ Name }) => Name)
    }
    expect((await send('MERGED', '&overwrite=append', '/1.dcm')).status).toBe(200)
    expect(await names()).toEqual(['1.dcm'])
    expect((await send('MERGED', '&overwrite=append', '')).status).toBe(200)
    expect(await names()).toHaveLength(16)
    const stats = await table(server, scan(path, '1'))
    expect(stats.rows).toMatchObject([{ label: 'DICOM', file_count: '16' }])
    const first = `${scan(path, '1')}/DICOM/files/1.dcm`
    await put(server, `${first}?inbody=true&overwrite=true`, 'another')
    await server.request('DELETE', `${scan(path, '1')}/DICOM/files/2.dcm`)
    const answer = await send('MERGED', '&overwrite=append', '')
    expect(answer.status).toBe(409)
    expect(answer.text).toContain('DICOM/1.dcm')
    expect((await server.request('GET', first)).text).toBe('another')
    expect(await names()).not.toContain('2.dcm')
    const waits = await table(server, `/data/prearchive/projects/${server.project}`)
    const [{ url }] = waits.rows.filter(({ name }) => name === 'MERGED') as [{ url: string }]
    expect(await status(`archive?src=${url}&overwrite=delete`)).toBe(200)
    expect((await server.request('GET', first)).text).not.toBe('another')
    expect(await names()).toContain('2.dcm')
  })

  test('sessions are deleted', async () => {
    const src = '/prearchive/projects/ODD/20260101_120000123/PRE3'
    expect(await status(`prearchive/delete?src=${src}`, 'outsider')).toBe(403)
    expect(await status(`prearchive/delete?src=${src}`)).toBe(200)
    expect(await status(`prearchive/delete?src=${src}`)).toBe(404)
  })

  test('files of a user go into a resource, one or a whole folder, and none over another', async () => {
    const { path } = await createSession(server, 'M', 'MOVE')
    const top = '/user/cache/resources/mine/files'
    for (const name of ['a.txt', 'in/b.txt']) await put(server, `/data${top}/${name}?inbody=true`, name)
    const target = `${path.replace('/data', '/archive')}/resources/NOTES/files`
    const move = (query: string) => status(`move-files?${query}`)
    expect(await move('dest=x')).toBe(400)
    expect(await move(`src=${top}/a.txt`)).toBe(400)
    expect(await move(`src=/archive/x&dest=${target}`)).toBe(400)
    expect(await move(`src=${top}/none.txt&dest=${target}/c.txt`)).toBe(404)
    expect(await move(`src=${top}/a.txt&dest=${target}/c.txt`)).toBe(200)
    expect(await move(`src=${top}&dest=${target}`)).toBe(200)
    const files = await table(server, `${path}/resources/NOTES/files`)
    expect(files.rows.map(({ URI }) => URI!.split('/files/')[1])).toEqual(['c.txt', 'in/b.txt'])
    expect((await table(server, '/data/user/cache/resources/mine')).rows).toEqual([])
    await put(server, `/data${top}/a.txt?inbody=true`, 'other')
    expect(await move(`src=${top}/a.txt&dest=${target}/c.txt`)).toBe(409)
    expect(await move(`src=${top}/a.txt&dest=${target}/c.txt&overwrite=true`)).toBe(200)
    const now = await server.request('GET', `${path}/resources/NOTES/files/c.txt`)
    expect(now.text).toBe('other')
  })

  test('files of a user go where parameters say that are called like them, and a form says so too', async () => {
    const { path } = await createSession(server, 'P', 'PAIRS')
    const top = '/user/cache/resources/pairs/files'
    for (const name of ['a', 'b', 'c']) await put(server, `/data${top}/${name}?inbody=true`, name)
    const target = `${path.replace('/data', '/archive')}/resources/NOTES/files`
    expect(await status(`move-files?${top}/a=${target}/one&${top}/b=${target}/two`)).toBe(200)
    expect((await form('move-files', `src=${top}/c&dest=${encodeURIComponent(target)}/three`)).status).toBe(
      200,
    )
    const files = await table(server, `${path}/resources/NOTES/files`)
    expect(files.rows.map(({ Name }) => Name)).toEqual(['one', 'two', 'three'])
    expect((await server.request('GET', `${path}/resources/NOTES/files/two`)).text).toBe('b')
    expect(await status(`move-files?/archive/x=${target}/one`)).toBe(400)
    expect(await status(`move-files?${top}/a=/elsewhere`)).toBe(400)
  })

  test('a zip of DICOM becomes sessions that wait; other files are refused', async () => {
    const scan = '/data/projects/TEST/subjects/1/experiments/MR1/scans/2'
    const zip = (await server.request('GET', `${scan}/resources/DICOM/files?format=zip`)).body
    const send = (body: Buffer | string, query = '') =>
      server.request('POST', `/data/services/import${query}`, {
        body,
        headers: { 'content-type': 'application/zip' },
      })
    const answer = await send(zip, `?project=${server.project}&subject=NEW&session=NEW1`)
    const [uri] = answer.text.split('\r\n')
    expect(uri).toMatch(new RegExp(`^/data/prearchive/projects/${server.project}/\\d{8}_\\d{9}/NEW1$`))
    expect((await table(server, `${uri!}/scans/2/resources/DICOM/files`)).rows).toHaveLength(12)
    const elsewhere = await send(zip, `?dest=/prearchive/projects/${server.project}&session=NEW2`)
    expect(elsewhere.text).toMatch(
      new RegExp(`^/data/prearchive/projects/${server.project}/\\d{8}_\\d{9}/NEW2\r\n$`),
    )
    expect((await send('no zip')).status).toBe(400)
    expect((await server.request('POST', '/data/services/import')).status).toBe(400)
  })

  test('a zip of DICOM is archived at once where its destination is the archive', async () => {
    const scan = '/data/projects/TEST/subjects/1/experiments/MR1/scans/2'
    const zip = (await server.request('GET', `${scan}/resources/DICOM/files?format=zip`)).body
    const send = (query: string, user = 'admin') =>
      server.request('POST', `/data/services/import?${query}`, {
        body: zip,
        headers: { 'content-type': 'application/zip', ...as(user) },
      })
    const place = `/archive/projects/${server.project}/subjects/IN/experiments/IN1`
    expect((await send(`dest=${place}`, 'outsider')).status).toBe(403)
    expect((await send('dest=/archive')).status).toBe(400)
    expect((await send('dest=/elsewhere')).status).toBe(400)
    const answer = await send(`dest=${place}`)
    expect([answer.status, answer.text]).toEqual([200, `/data${place}\r\n`])
    const files = await table(server, `/data${place}/scans/2/resources/DICOM/files`)
    expect(files.rows).toHaveLength(12)
    expect((await send(`dest=${place}`)).status).toBe(409)
    expect((await send(`dest=${place}&overwrite=append`)).status).toBe(200)
  })

  test('a step is started for an experiment by who may edit it', async () => {
    const path = '/data/projects/TEST/pipelines/triggerPipelines/experiments'
    expect((await server.request('POST', `${path}/MR1`)).status).toBe(200)
    expect((await server.request('POST', `${path}/NONE`)).status).toBe(400)
    expect((await server.request('POST', `${path}/MR1`, { headers: as('reader') })).status).toBe(403)
  })
})
