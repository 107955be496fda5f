import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { put, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

describe.runIf(isEmulated)('xnat-wire.md §11.2: how the site and its projects are set up', () => {
  let server: ContractServer
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
  })
  afterAll(() => server?.close())

  const get = (path: string, user?: string) =>
    server.request('GET', path, user === undefined ? {} : { headers: as(user) })
  const as = (user: string) => ({ authorization: basic(user, `${user}-pass`) })
  const status = async (path: string, user?: string) => (await get(path, user)).status

  test('groups: a table of them, and the document of one by its ID, name or number', async () => {
    const path = '/data/projects/TEST/groups'
    const { rows, totalRecords } = await table(server, path)
    expect(rows.map(({ id, displayname }) => [id, displayname])).toEqual([
      ['TEST_owner', 'Owners'],
      ['TEST_member', 'Members'],
      ['TEST_collaborator', 'Collaborators'],
    ])
    expect(totalRecords).toBe('3')
    expect(rows[1]).toMatchObject({ tag: 'TEST', users: '1' })
    const document = (await get(`${path}/TEST_member`)).text
    expect(document).toContain('<xdat:UserGroup ID="TEST_member" displayName="Members" tag="TEST"')
    for (const name of ['member', 'Members', rows[1]!['xdat_usergroup_id']])
      expect((await get(`${path}/${name}`)).text).toBe(document)
    expect((await table(server, `${path}/nobody`)).rows).toEqual(rows)
    expect(await status('/data/projects/NONE/groups')).toBe(404)
  })

  test('pars: for those who may edit', async () => {
    expect((await get('/data/projects/TEST/pars?format=csv')).text).toMatch(/^par_id,proj_id,level,/)
    expect(await status('/data/projects/TEST/pars', 'reader')).toBe(403)
    expect(await status('/data/projects/NONE/pars')).toBe(404)
  })

  test('protocols: in the document of the project, and one by its ID with its data type', async () => {
    const [tag] = /<xnat:studyProtocol [^>]*xnat:mrSessionData[^>]*>/.exec(
      (await get('/data/projects/TEST?format=xml')).text,
    )!
    expect(tag).toContain('ID="TEST_xnat_mrSessionData"')
    const path = '/data/projects/TEST/protocols/TEST_xnat_mrSessionData'
    const answer = await get(`${path}?dataType=xnat:mrSessionData`)
    expect(answer.headers['content-type']).toMatch(/^text\/xml/)
    expect(answer.text).toContain('ID="TEST_xnat_mrSessionData"')
    expect(await status(path)).toBe(500)
  })

  test('searches: of a project one that is kept, or the listing of a data type', async () => {
    const path = '/data/projects/TEST/searches'
    const listing = (await get(`${path}/@xnat:mrSessionData`)).text
    expect(listing).toContain('<xdat:root_element_name>xnat:mrSessionData<')
    expect(listing).toContain('<xdat:value>TEST</xdat:value>')
    expect(await status(`${path}/none`)).toBe(404)
  })

  test('config: tools, what they keep, and one of it as a table or by its contents', async () => {
    const tools = (await table(server, '/data/config')).rows
    expect(tools).toEqual([{ tool: 'seriesImportFilter' }, { tool: 'anon' }])
    const [row] = (await table(server, '/data/config/anon')).rows
    expect(row).toMatchObject({ tool: 'anon', path: 'script', project: '', version: '1', status: 'enabled' })
    expect((await table(server, '/data/config/anon/script')).rows).toEqual([row])
    const contents = await get('/data/config/anon/script?contents=true')
    expect(contents.headers['content-type']).toMatch(/^text\/plain;charset=ISO-8859-1/i)
    expect(contents.text).toBe(row!['contents'])
    expect((await table(server, '/data/config/anon/script?meta=true')).rows[0]!['contents']).toBe('')
    expect(await status('/data/config/none')).toBe(404)
    expect(await status('/data/config/anon/none?contents=true')).toBe(404)
    expect(await status('/data/config/anon/none?contents=true&accept-not-found=true')).toBe(204)
  })

  test('config of a project: 404 where there is none; scripts lie under a path with a slash', async () => {
    const [script] = (await table(server, '/data/projects/TEST/config/anon')).rows
    expect(script).toMatchObject({ path: '/projects/TEST', project: 'TEST' })
    expect((await get('/data/projects/TEST/config/anon/projects/TEST?contents=true')).text).toBe(
      script!['contents'],
    )
    expect((await get('/data/projects/TEST/config/protocols/sequences/t1?contents=true')).text).toBe(
      'TR 600\n',
    )
    expect(await status('/data/projects/ODD/config')).toBe(404)
    expect(await status('/data/projects/TEST/config', 'outsider')).toBe(403)
  })

  test('config is set by the body of a PUT, 201 at first; disabled it has no contents', async () => {
    const path = '/data/projects/TEST/config/tool/a/b'
    const send = (query: string, body?: string, headers: Record<string, string> = {}) =>
      server.request('PUT', path + query, {
        ...(body !== undefined && { body }),
        headers: { ...(body !== undefined && { 'content-type': 'text/plain' }), ...headers },
      })
    expect((await send('')).status).toBe(400)
    expect((await send('?inbody=true', 'first', as('member'))).status).toBe(403)
    expect((await send('?inbody=true', 'first')).status).toBe(201)
    expect((await send('?inbody=true', 'second')).status).toBe(200)
    expect((await send('?inbody=true', '  ')).status).toBe(500)
    expect((await get(`${path}?contents=true`)).text).toBe('second')
    expect((await server.request('DELETE', path)).status).toBe(200)
    expect(await status(`${path}?contents=true`)).toBe(404)
    expect((await table(server, path)).rows[0]).toMatchObject({ status: 'disabled', version: '2' })
    expect((await send('?status=maybe')).status).toBe(400)
    expect((await send('?status=enabled')).status).toBe(200)
    expect((await get(`${path}?contents=true`)).text).toBe('second')
    const json = { 'content-type': 'application/json' }
    expect((await send('', '{"contents":"third"}', json)).status).toBe(200)
    expect((await get(`${path}?contents=true`)).text).toBe('third')
  })

  test('config as it was before: by version, and all of it by getHistory', async () => {
    const path = '/data/projects/TEST/config/tool/history'
    for (const body of ['one', 'two', 'three'])
      await server.request('PUT', path, { body, headers: { 'content-type': 'text/plain' } })
    const contents = async (query: string) => (await get(`${path}?contents=true${query}`)).text
    expect(await contents('')).toBe('three')
    expect(await contents('&version=1')).toBe('one')
    expect(await contents('&version=2')).toBe('two')
    expect(await status(`${path}?version=4`)).toBe(404)
    expect((await table(server, `${path}?version=2`)).rows).toMatchObject([{ contents: 'two', version: '2' }])
    expect((await table(server, path)).rows).toMatchObject([{ contents: 'three', version: '3' }])
    const history = (await table(server, `${path}?action=getHistory`)).rows
    expect(new Map(history.map((row) => [row['version'], row['contents']]))).toEqual(
      new Map([
        ['1', 'one'],
        ['2', 'two'],
        ['3', 'three'],
      ]),
    )
  })

  test('config of the site is set by its administrators', async () => {
    const path = '/data/config/tool/path'
    const request = (user: string) =>
      server.request('PUT', path, { body: 'x', headers: { ...as(user), 'content-type': 'text/plain' } })
    expect((await request('member')).status).toBe(403)
    expect((await request('admin')).status).toBe(201)
    expect((await server.request('DELETE', path, { headers: as('reader') })).status).toBe(403)
    await put(server, `${path}?status=disabled`)
    expect(await status(`${path}?contents=true`)).toBe(404)
  })
})
