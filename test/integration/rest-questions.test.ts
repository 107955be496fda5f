import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { bodyOf, put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import { mapRows } from '../support/rest-map.js'
import type { MapRow } from '../support/rest-map.js'

/** Every row of docs/rest-map.md that reads something: what its URI opens when it is pasted, with a question and without. */

const site = useControlSite({ listingTtl: 60 })
const values: Record<string, string> = {
  P: 'TEST',
  S: '1',
  E: 'MR1',
  SCAN: '1',
  R: 'RECON1',
  A: 'ASSESS1',
  SIDE: 'out',
  EL: 'xnat:subjectData',
  ID: 'kept',
  LOGIN: 'reader',
  KEY: '1',
  TYPE: 'xnat:projectData',
  ITEM: 'TEST',
  GROUP: 'TEST_owner',
  LISTING: '@xnat:mrSessionData',
  TRANSACTION: 'upload',
  PROTOCOL: 'TEST_xnat_mrSessionData',
  TOOL: 'tool',
  PATH: 'path',
  PIPELINE: 'Added MR Session',
  X: 'folder',
  F: 'file',
  TIME: '20260101_120000123',
  NAME: 'PRE1',
}
const search = (id: string): string =>
  `<xdat:stored_search ID="${id}" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name>` +
  '<xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>PROJECT</xdat:field_ID></xdat:search_field></xdat:stored_search>'

beforeAll(async () => {
  const { emulator, server } = site
  await put(emulator, '/data/search/saved/kept', search('kept'))
  await put(emulator, '/data/projects/TEST/config/tool/path?inbody=true', 'set')
  await put(emulator, '/data/config/tool/path?inbody=true', 'set')
  await put(emulator, '/data/users/favorites/xnat:projectData/TEST')
  await put(emulator, '/data/user/cache/resources/folder')
  await put(emulator, '/data/user/cache/resources/folder/files/file?inbody=true', 'bytes')
  values['ACCESSION'] = await site.sessionId()
  const assessors = await server(`/data/experiments/${values['ACCESSION']}/assessors?format=csv`)
  values['ASSESSOR'] = /\bXNAT_E\d+(?=[^\n]*\bASSESS1\b)/.exec(assessors)![0]
  values['NAME OF A PIPELINE'] = JSON.parse(await server('/data/projects/TEST/pipelines?format=json'))
    .ResultSet.Result[0].Name as string
  const authorization = `Basic ${Buffer.from(`${emulator.user}:${emulator.password}`).toString('base64')}`
  const run = await fetch(`${emulator.url}/data/search?cache=true&format=json`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'text/xml' },
    body: search('cached'),
  })
  const found = ((await run.json()) as { ResultSet: { ID: string; Result: object[] } }).ResultSet
  values['CACHED'] = found.ID
  values['COL'] = Object.keys(found.Result[0]!).find((name) => name.includes('project'))!
})

const scan = '/projects/{P}/subjects/{S}/experiments/{E}/scans/{SCAN}'
/** A resource of each kind of parent in the sample, with a file in it. */
const samples: readonly (readonly [RegExp, string, string])[] = [
  [/\{NAME\}\/resources/, 'PROTOCOL', 'protocol.txt'],
  [/\{SCAN\}|<parent>/, 'DICOM', '1.dcm'],
  [/\{R\}/, 'DATA', 'average.txt'],
  [/\{A\}/, 'QCDATA', 'rating.json'],
  [/\{E\}/, 'QC', 'qc.csv'],
  [/\{S\}/, 'forms', 'consent.txt'],
  [/\{P\}/, 'docs', 'README.txt'],
]

/** What stands for a question of another row, which the mount has as a name. */
const questions: Readonly<Record<string, string>> = {
  '/projects/{P}/subjects?{key}={value}': 'label=1',
  '/projects/{P}/experiments?{key}={value}': 'date=2006-01-01..',
  '/projects/{P}/protocols/{PROTOCOL}?dataType={TYPE}': 'dataType=xnat:mrSessionData',
  '/services/workflows/{PIPELINE}?experiment={E}': 'experiment={ACCESSION}',
}

function filled({ uri, path }: MapRow, template: string): string {
  const [, resource = '', file = ''] =
    samples.find(([pattern]) => pattern.test(path) || pattern.test(uri)) ?? []
  const isOwn = /\{NAME\}\/resources/.test(uri)
  const more: Record<string, string> = {
    RES: resource,
    FILE: file,
    ...(isOwn && { P: 'Unassigned', NAME: 'PRE4' }),
    ...(uri.includes('/pipelines/') && { NAME: values['NAME OF A PIPELINE']! }),
  }
  return template
    .replace('<parent>', template === path ? '/TEST/1/MR1/scans/1' : scan)
    .replace(/\{([\w ]+)\}/g, (_, name: string) => more[name] ?? values[name]!)
}

/** REST finds experiments without their project by their accession IDs only. */
function uriOf(row: MapRow): string {
  const [path, question] = row.uri.split('?')
  const asked = questions[row.uri] ?? question
  const [experiment, ofAssessor] = [
    '/experiments/{ACCESSION}',
    '/experiments/{ACCESSION}/assessors/{ASSESSOR}',
  ]
  const uri = path!
    .replace(/^\/experiments\/\{E\}\/assessors\/\{A\}/, ofAssessor)
    .replace(/^\/experiments\/\{E\}/, experiment)
  return filled(row, asked === undefined ? uri : `${uri}?${asked}`)
}

function placeOf(row: MapRow): string {
  const question = row.path.includes('{key}') ? questions[row.uri]! : '{key}={value}'
  return filled(row, row.path.replace('{key}={value}', question))
}

type Opened = { readonly names: readonly string[] } | { readonly text: string }

async function opened(path: string): Promise<Opened> {
  try {
    return { names: (await site.fs.list(path)).toSorted() }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOTDIR') throw error
    return { text: (await readFile(site.fs, path)).toString('latin1') }
  }
}

const rows = mapRows().filter(({ uri }) => !/^\/(JSESSION|auth)$/.test(uri))
const isDocument = ({ path }: MapRow): boolean => !path.endsWith('/')
const cannotBePasted = ({ note }: MapRow): boolean => note.includes('not to be pasted')
/** Those whose URI is that of an item. */
const isItem = ({ uri, path }: MapRow): boolean =>
  /\/(project|subject|experiment|scan|reconstruction|assessor|catalog)\.xml$/.test(path) && uri.endsWith('}')

describe('a URI of REST, pasted as it is', () => {
  const pasted = rows.filter((row) => !cannotBePasted(row))
  it.each(pasted)('opens what the map says: $uri', async (row) => {
    const expected = await opened(placeOf(row))
    for (const prefix of ['data', 'REST']) {
      const bare = await opened(prefix + uriOf(row))
      if (isItem(row) || row.note.includes('with `?`')) {
        expect([row.uri, bare]).toEqual([row.uri, { names: expect.any(Array) as string[] }])
        const ending = /\.(\w+)$/.exec(row.path)?.[1]
        const questioned = ['?', ...(ending === undefined ? [] : [`?format=${ending}`])]
        for (const question of questioned)
          expect([row.uri, await opened(prefix + uriOf(row) + question)]).toEqual([row.uri, expected])
      } else expect([row.uri, bare]).toEqual([row.uri, expected])
    }
  })

  it('opens as the same document, or the same directory, with `?` behind it or without', async () => {
    const others = pasted.filter(
      (row) => isDocument(row) && !row.uri.includes('?') && !row.uri.endsWith('{FILE}'),
    )
    expect(others.length).toBeGreaterThan(50)
    for (const row of others) {
      if (row.uri.endsWith('{F}') || row.path.endsWith('.zip')) continue
      const question = await opened(`data${uriOf(row)}?`)
      expect([row.uri, question]).toEqual([row.uri, await opened(placeOf(row))])
    }
  })
})

describe('a list of REST', () => {
  const lists = rows.filter(
    (row) =>
      !isDocument(row) && !row.uri.includes('?') && /^(\/projects|\/subjects|\/experiments)/.test(row.uri),
  )
  const listed = lists.filter(({ uri }) => !/\/(DIR|config\/\{TOOL\})$/.test(uri))

  it.each(listed)('is what curl gets, in each form of it: $uri', async (row) => {
    const uri = uriOf(row)
    for (const format of ['json', 'csv', 'xml']) {
      const sent = await bodyOf(site.emulator, `/data${uri}?format=${format}`)
      const read = await opened(`data${uri}?format=${format}`)
      expect([format, read]).toEqual([format, { text: withNewline(sent.toString('latin1')) }])
    }
    const json = await opened(`data${uri}?format=json`)
    expect(await opened(`REST${uri}?`)).toEqual(json)
  })

  it.each(rows.filter((row) => isItem(row) && !row.path.endsWith('catalog.xml')))(
    'and an item as JSON: $uri',
    async (row) => {
      const sent = await bodyOf(site.emulator, `/data${uriOf(row)}?format=json`)
      expect(await opened(`data${uriOf(row)}?format=json`)).toEqual({
        text: withNewline(sent.toString('latin1')),
      })
    },
  )

  it.each([
    'scans/ALL/files',
    'scans/1,2/files',
    'scans/T1/resources/DICOM/files',
    'scans/3,T1/resources/DICOM,SNAPSHOTS/files',
    'assessors/ALL/out/files',
    'assessors/xnat:qcManualAssessorData/out/resources/QCDATA/files',
    'reconstructions/ALL/out/resources/DATA/files',
  ])('of the files of a view has the files that curl gets: %s', async (path) => {
    const uri = `/projects/TEST/subjects/1/experiments/MR1/${path}`
    const linesOf = (text: string): string[] => text.trim().split('\n').toSorted()
    // Which project and subject the question named is in the URIs, and nothing else.
    const sent = (await bodyOf(site.emulator, `/data${uri}?format=csv`))
      .toString('latin1')
      .replace(/\/projects\/TEST\/subjects\/XNAT_S\d+(?=\/experiments)/g, '')
    expect(linesOf(sent).length).toBeGreaterThan(1)
    const read = (await opened(`data${uri}?format=csv`)) as { text: string }
    expect(linesOf(read.text)).toEqual(linesOf(sent))
    for (const question of ['?', '?format=json', '?format=xml'])
      expect(await opened(`REST${uri}${question}`)).toMatchObject({
        text: expect.stringContaining('ResultSet') as string,
      })
  })

  it('tells at once what was changed through the mount', async () => {
    const uri = 'data/projects/TEST/resources/docs/files?format=csv'
    expect(await opened(uri)).not.toMatchObject({ text: expect.stringContaining('new.txt') as string })
    await writeFile(site.fs, 'TEST/resources/docs/new.txt', 'new')
    expect(await opened(uri)).toMatchObject({ text: expect.stringContaining('new.txt') as string })
  })

  it('that no URL has is not there', async () => {
    for (const name of ['scans?format=json', 'nothing?format=csv', 'users?format=json?', 'files?format=exe'])
      await expect(site.fs.stat(`TEST/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(opened('.xnat/scans?format=json')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the folder of a session on the disk of the server', () => {
  it('is read by the paths that REST has of it', async () => {
    const listed = JSON.parse(
      await site.server(`/data/experiments/${values['ACCESSION']!}/DIR?format=json&recursive=true`),
    ) as { ResultSet: { Result: { Name: string; URI: string }[] } }
    const files = listed.ResultSet.Result.filter(
      ({ Name }) => /^(SCANS|RESOURCES)\//.test(Name) && !/\/$|_catalog\.xml$/.test(Name),
    )
    expect(files.length).toBeGreaterThan(20)
    for (const { Name } of files) {
      const uri = `/data/experiments/${values['ACCESSION']!}/DIR/${Name}`
      const sent = await bodyOf(site.emulator, uri)
      expect([uri, (await readFile(site.fs, uri)).equals(sent)]).toEqual([uri, true])
    }
  })
})

describe('a name with `?`', () => {
  it.each([
    'TEST/.xnat/users/Owners/admin?', // says everything by its name
    '.xnat/services/import?', // has the server do something
    '.xnat/cache/folder/file?', // may be one that somebody is about to give
    '.xnat/search/run/none?',
    'TEST/none?',
    'TEST/1?format=none',
    'TEST/1?format=zip',
    'TEST/subjects?label',
    'TEST/1/MR1/scans/1/DICOM/1.dcm?',
    '?',
  ])('is not there where it asks for no document: %s', async (path) => {
    await expect(site.fs.stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a URI of REST that leads through a document', () => {
  const others = rows.filter(cannotBePasted)

  it('is one of few', () => {
    expect(others.map(({ uri }) => uri)).toEqual([
      '/workflows?{field}={value}',
      '/services/dicomdump?src={URI}',
      '/user/{LOGIN}/roles',
      '/search/elements/{EL}/versions',
      '/search/saved/{ID}/results',
    ])
  })

  it.each(others.filter(({ uri }) => !uri.includes('?')))('is ENOTDIR: $uri', async (row) => {
    await expect(opened(`data${uriOf(row)}`)).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect(await opened(placeOf(row))).toEqual({ text: expect.stringContaining('\n') as string })
  })

  it('is ENOTDIR also where it is another spelling of one that is pasted', async () => {
    expect(await opened('data/services/sessions/reader')).toEqual({ text: '0\n' })
    await expect(opened('data/user/reader/sessions')).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})

describe('a URI of REST that nothing but errors is answered to', () => {
  const statusOf = async (uri: string, method: 'GET' | 'PUT' | 'DELETE' = 'GET'): Promise<number> =>
    (await rest(site.emulator, method, `/data${uri}`)).status

  it('is ENOENT where XNAT has no such route', async () => {
    for (const uri of ['/pipelines', '/pipelines/catalog/a.xml', '/pipelines?format=xml']) {
      expect(await statusOf(uri)).toBe(404)
      await expect(opened(`data${uri}`)).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })

  it('is ENOENT where XNAT is told too little', async () => {
    for (const uri of ['/services/workflows', '/services/workflows/Added']) {
      expect(await statusOf(uri)).toBe(404)
      await expect(opened(`data${uri}?`)).rejects.toMatchObject({ code: 'ENOENT' })
    }
    await expect(opened('data/services/workflows/Added')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await opened('data/services/workflows')).toEqual({ names: [] }) // for what is below it
  })

  it('is EIO where XNAT fails', async () => {
    expect(await statusOf('/services/audit')).toBe(500)
    await expect(opened('data/services/audit?')).rejects.toMatchObject({ code: 'EIO' })
    expect(await opened('data/services/audit')).toEqual({ names: [] }) // for what is below it
  })

  it('is refused where XNAT refuses it', async () => {
    for (const method of ['PUT', 'DELETE'] as const)
      expect(await statusOf('/user/cache/resources', method)).toBe(400)
    site.emulator.control.resetRequests()
    await expect(site.fs.mkdir('.xnat/cache')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(site.fs.rmdir('.xnat/cache')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(site.fs.mkdir('data/user/cache/resources')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(site.changes()).toEqual([])
  })
})
