import dicomParser from 'dicom-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { zipEntries } from '../support/zip-entries.js'

/** On the generated sample: nothing but what has been done to items has events. */
describe.runIf(isEmulated)('xnat-wire.md §11.1: what the server has done', () => {
  let server: ContractServer
  let session: string
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
    const { rows } = await table(server, '/data/projects/TEST/experiments')
    session = rows.find(({ label }) => label === 'MR1')!['ID']!
  })
  afterAll(() => server?.close())

  const get = (path: string) => server.request('GET', path)
  interface Event {
    readonly event_id: number
    readonly event_action: string
    readonly event_date: number
    readonly event_user: string
    readonly event_status: string
    readonly changesets: readonly unknown[]
  }
  const history = async (path: string): Promise<readonly Event[]> => {
    const answer = await get(path)
    expect([path, answer.status, answer.headers['content-type']]).toEqual([
      path,
      200,
      expect.stringMatching(/^application\/json/),
    ])
    return (JSON.parse(answer.text) as { events: Event[] }).events
  }

  test('the history of a session is JSON whatever is asked for, with its assessors', async () => {
    const events = await history(`/data/experiments/${session}/history`)
    expect(events.map(({ event_action: action }) => action).toSorted()).toEqual([
      'Added MR Session',
      'Added Manual QC',
    ])
    expect(events[0]).toMatchObject({ event_user: 'admin', event_status: 'Complete', changesets: [] })
    expect(events[0]!.event_date).toBeGreaterThan(0)
    expect(await history(`/data/experiments/${session}/history?format=xml`)).toEqual(events)
    expect(await history('/data/projects/TEST/subjects/1/experiments/MR1/history')).toEqual(events)
  })

  test('a workflow by its number, and by both paths', async () => {
    const [{ event_id: key }] = (await history(`/data/experiments/${session}/history`)) as [Event]
    const answer = await get(`/data/workflows/${key}`)
    expect(answer.headers['content-type']).toMatch(/^text\/xml/)
    expect(answer.text).toContain('<wrk:Workflow ')
    expect(answer.text).toContain(` ID="${session}"`)
    expect((await get(`/data/services/workflows/workflowid/${key}?format=xml`)).text).toBe(answer.text)
    expect((await get('/data/workflows/999999')).status).toBe(404)
    expect((await get('/data/workflows')).status).toBe(404)
  })

  test('one is made by its item, pipeline, time and type, and found by the first three', async () => {
    const launch = 'wrk:workflowData/launch_time=2018-01-01%2000:50:54'
    const what = `wrk:workflowData/id=${session}&wrk:workflowData/pipeline_name=MyPipeline&${launch}`
    const rest = '&wrk:workflowData/data_type=xnat:mrSessionData&wrk:workflowData/status=In%20Progress'
    expect((await server.request('PUT', `/data/workflows?${what}`)).status).toBe(400)
    expect((await server.request('PUT', `/data/workflows?${what}${rest}`)).status).toBe(200)
    const found = await get(`/data/workflows?${what}`)
    expect(found.text).toContain('status="In Progress"')
    const key = /wrk_workflowData_id="(\d+)"/.exec(found.text)![1]!
    const change = `/data/workflows/${key}?wrk:workflowData/status=Failed`
    const headers = { authorization: basic('member', 'member-pass') }
    expect((await server.request('PUT', change, { headers })).status).toBe(403)
    expect((await server.request('PUT', change)).status).toBe(200)
    expect((await get(`/data/workflows/${key}`)).text).toContain('status="Failed"')
    const document = found.text.replace('In Progress', 'Complete')
    const xml = { body: document, headers: { 'content-type': 'text/xml' } }
    expect((await server.request('PUT', `/data/workflows/${key}`, xml)).status).toBe(200)
    expect((await get(`/data/workflows/${key}`)).text).toContain('status="Complete"')
  })

  test('the latest of an experiment by a part of its name, in which _ is any character', async () => {
    const latest = (name: string, question = `?experiment=${session}&format=xml`) =>
      get(`/data/services/workflows/${name}${question}`)
    expect((await latest('Added_MR_Session')).text).toContain('pipeline_name="Added MR Session"')
    expect((await latest('mr')).text).toContain('pipeline_name="Added MR Session"')
    expect((await latest('Added%20MR')).status).toBe(404)
    expect((await latest('Nothing')).status).toBe(404)
    expect((await latest('Added_MR_Session', '')).status).toBe(404)
    expect((await get('/data/services/workflows?format=json')).status).toBe(404)
  })

  test('how far something has come: of an unknown name an empty log, and no 404', async () => {
    const path = '/data/status/some-upload'
    expect((await get(path)).text).toBe('StatusLog')
    const post = (status: string) =>
      server.request('POST', path, {
        body: `status=${status}&message=half+of+it`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    expect((await post('PROCESSING')).status).toBe(200)
    expect((await post('SOMETHING')).status).toBe(500)
    expect((await get(path)).text).toBe('StatusLogsome-upload PROCESSING: half of it\n')
    expect(JSON.parse((await get(`${path}?format=json`)).text)).toEqual({
      msgs: [[{ status: 'PROCESSING', msg: 'half of it', terminal: false }]],
    })
    expect((await server.request('DELETE', path)).status).toBe(200)
    expect((await get(path)).text).toBe('StatusLog')
  })

  test('the versions of a data type are text that is nearly XML', async () => {
    const answer = await get('/data/search/elements/xnat:subjectData/versions')
    expect(answer.headers['content-type']).toMatch(/^text\/xml/)
    expect(answer.text).toMatch(
      /^<DisplayVersions element_name="xnat:subjectData">\n<versions><version name="/,
    )
    expect(answer.text).toContain('<version name="all"<fields><field id":"SUBJECT_ID"')
    expect((await get('/data/search/elements/xnat:noData/versions')).status).toBe(400)
  })

  test('what a search has found is kept for who has run it, whole, in parts, and by the values of a column', async () => {
    const search =
      '<xdat:stored_search ID="mine" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name>' +
      '<xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>PROJECT</xdat:field_ID></xdat:search_field></xdat:stored_search>'
    const xml = { body: search, headers: { 'content-type': 'text/xml' } }
    const run = await server.request('POST', '/data/search?cache=true&format=json', xml)
    const { ResultSet } = JSON.parse(run.text) as { ResultSet: { ID: string; Result: object[] } }
    expect(ResultSet.ID).toMatch(/^_mine_admin_\d+$/)
    const path = `/data/search/${ResultSet.ID}`
    expect((await table(server, path)).rows).toEqual(ResultSet.Result)
    expect((await table(server, `${path}?offset=1&limit=2`)).rows).toEqual(ResultSet.Result.slice(1, 3))
    expect((await get(`${path}?limit=some`)).status).toBe(422)
    const [column] = Object.keys(ResultSet.Result[0]!).filter((name) => name.includes('project'))
    const { rows } = await table(server, `${path}/${column!}`)
    expect(rows.map(({ values }) => values)).toEqual(expect.arrayContaining(['TEST', 'ODD']))
    expect((await get(`${path}/none`)).status).toBe(410)
    const headers = { authorization: basic('member', 'member-pass') }
    expect((await server.request('GET', path, { headers })).status).toBe(404)
    expect((await get('/data/search/_none')).status).toBe(500)
  })

  test('a field of a search that is named by its path is the column of the display field that shows it', async () => {
    const field = (path: string) =>
      `<xdat:search_field><xdat:element_name>xnat:mrSessionData</xdat:element_name><xdat:field_ID>xnat:mrSessionData/${path}</xdat:field_ID></xdat:search_field>`
    const body =
      '<xdat:bundle xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:mrSessionData</xdat:root_element_name>' +
      `${['ID', 'project', 'subject_ID', 'coil'].map(field).join('')}</xdat:bundle>`
    const answer = await server.request('POST', '/data/search?format=csv', { body })
    expect(answer.text.split('\n')[0]).toBe('session_id,project,subject_id,xnat_mrsessiondata_coil')
  })

  test('DICOMDIR of a scan is a zip of its DICOM files with an index of them', async () => {
    const path = `/data/experiments/${session}/scans/1/DICOMDIR`
    const answer = await get(path)
    expect(answer.headers['content-type']).toMatch(/^application\/zip/)
    const entries = zipEntries(answer.body)
    const files = entries.filter(({ name }) => name.endsWith('.dcm'))
    expect(files).toHaveLength(16)
    expect(files.map(({ name }) => name)).toContain('MR1/SCANS/1-T1/DICOM/1.dcm')
    const index = dicomParser.parseDicom(entries.find(({ name }) => name === 'DICOMDIR')!.content)
    const records = index.elements['x00041220']!.items!.map(({ dataSet }) => dataSet!)
    expect(records.map((record) => record.string('x00041430')).slice(0, 4)).toEqual([
      'PATIENT',
      'STUDY',
      'SERIES',
      'IMAGE',
    ])
    const referenced = records.flatMap((record) => record.string('x00041500')?.replaceAll('\\', '/') ?? [])
    expect(referenced.toSorted()).toEqual(files.map(({ name }) => name).toSorted())
    // Each record is where the one before it says.
    const starts = new Set(index.elements['x00041220']!.items!.map(({ dataOffset }) => dataOffset - 8))
    expect(starts).toContain(index.uint32('x00041200'))
    for (const record of records)
      for (const tag of ['x00041400', 'x00041420']) expect([...starts, 0]).toContain(record.uint32(tag))
    expect((await get(`/data/experiments/${session}/scans/9/DICOMDIR`)).status).toBe(404)
    expect(zipEntries((await get(path.replace('/1/', '/T1/'))).body)).toHaveLength(16 + 12 + 1)
  })

  test('what has come to the prearchive lately', async () => {
    const path = '/data/prearchive/experiments'
    expect((await get(path)).status).toBe(400)
    expect((await get(`${path}?recent=0`)).status).toBe(404)
    expect((await get(`${path}?recent=some`)).status).toBe(404)
    expect((await table(server, `${path}?recent=1000000`)).rows.length).toBeGreaterThan(3)
    expect((await table(server, `${path}?recent=true`)).rows).toEqual([])
  })
})
