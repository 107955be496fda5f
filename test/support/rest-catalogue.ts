import { withNewline } from './control-site.js'
import { mapRows } from './rest-map.js'
import type { MapRow } from './rest-map.js'
import { zipEntries } from './zip-entries.js'

/** An embedded XNAT with the generated sample, in this process or in another one. */
interface SampleServer {
  readonly url: string
  readonly user: string
  readonly password: string
}

/** What is behind a path: a directory of names, the files of a zip, or a text in Latin-1. */
export type Opened =
  | { readonly names: readonly string[] }
  | { readonly files: Readonly<Record<string, string>> }
  | { readonly text: string }

const search = (id: string): string =>
  `<xdat:stored_search ID="${id}" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name>` +
  '<xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>PROJECT</xdat:field_ID></xdat:search_field></xdat:stored_search>'

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

const event = ['id={ACCESSION}', 'pipeline_name=Added MR Session', 'launch_time={LAUNCH}']
/** What stands for a question of another row. */
const questions: Readonly<Record<string, string>> = {
  '/projects/{P}/subjects?{key}={value}': 'label=1',
  '/projects/{P}/experiments?{key}={value}': 'date=01/01/2006-12/31/2030',
  '/projects/{P}/protocols/{PROTOCOL}?dataType={TYPE}': 'dataType=xnat:mrSessionData',
  '/services/workflows/{PIPELINE}?experiment={E}': 'experiment={ACCESSION}',
  '/workflows?{field}={value}': event.map((field) => `wrk:workflowData/${field}`).join('&'),
  '/services/dicomdump?src={URI}': 'src=/archive/projects/{P}/subjects/{S}/experiments/{E}',
}

const onDisk: Readonly<Record<string, string>> = { PROCESSED: 'reconstructions' }
type Row = Readonly<Record<string, string>>
const first = (path: string): string => path.split('/')[0]!
/** The names that the mount has for a row of the table of a list. */
const names: readonly (readonly [RegExp, (row: Row) => string[]])[] = [
  [/\/DIR$/, ({ Name }) => [onDisk[first(Name!)] ?? first(Name!).toLowerCase()]],
  [/\/search\/saved$/, ({ id }) => [`${id!}.xml`, `${id!}.csv`]],
  [/\/favorites\//, ({ id }) => [id!]],
  [/\/cache\/resources$/, ({ Resource }) => [Resource!]],
  [/\/cache\/resources\/[^/]+$/, ({ Name }) => [first(Name!)]],
  [/\/config\/[^/]+$/, ({ path }) => [first(path!)]],
  [/^\/prearchive\/.*\/files$/, ({ URI }) => [first(URI!.split('/files/')[1]!)]],
  [
    /^\/prearchive\/[^?]*\/PRE\d\/resources$/,
    ({ category, label }) => (category === 'resources' ? [label!] : []),
  ],
  [/\/files$/, ({ URI }) => [first(URI!.split('/files/')[1]!)]],
  [/^\/(experiments|subjects)$|\/projects$/, ({ ID }) => [ID!]],
  [/./, ({ label, ID }) => [label ?? ID!]],
]

/** Of which REST has the bytes as they were stored. */
function isStored({ uri }: MapRow): boolean {
  return /\{(FILE|F)\}$/.test(uri)
}

/** That of its file in the mount, which the server is asked for. */
export function formOf(row: MapRow): string | undefined {
  return isStored(row) ? undefined : /\.(xml|csv|json)$/.exec(row.path)?.[1]
}

/** Those that the server has of it, where it has several. */
export function formsOf(row: MapRow): readonly string[] {
  if (/\?.*format=/.test(row.uri)) return []
  if (isItem(row) && !row.path.endsWith('catalog.xml')) return ['xml', 'json', 'html']
  const own = formOf(row)
  if (own === 'csv' || isTable(row)) return ['csv', 'json', 'xml', 'html']
  return own === undefined ? [] : [own]
}

export function inForm(uri: string, format: string): string {
  return uri.includes('format=') ? uri : `${uri}${uri.includes('?') ? '&' : '?'}format=${format}`
}

/** Lists beside which the mount has the resources of the item. */
const besideResources = /^\/projects\/[^/]+(\/subjects|\/subjects\/[^/]+\/experiments)$/

/** Every row of docs/rest-map.md that reads something. */
export const rows: readonly MapRow[] = mapRows().filter(({ uri }) => !/^\/(JSESSION|auth)$/.test(uri))

/** The names of the generated sample for them, and what its server has there. */
export class RestCatalogue {
  readonly #url: string
  readonly #cookie: string
  readonly #values: Record<string, string> = {
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
    TYPE: 'xnat:projectData',
    ITEM: 'TEST',
    GROUP: 'TEST_owner',
    LISTING: '@xnat:mrSessionData',
    TRANSACTION: 'upload',
    PROTOCOL: 'TEST_xnat_mrSessionData',
    TOOL: 'tool',
    PATH: 'path',
    PIPELINE: 'Added_MR_Session', // a blank is none in URLs of XNAT, and `_` any character
    X: 'folder',
    F: 'file',
    TIME: '20260101_120000123',
    NAME: 'PRE1',
    DISPLAY_HIDDEN_USERS: 'true',
  }

  private constructor(url: string, cookie: string) {
    this.#url = url
    this.#cookie = cookie
  }

  /** Makes what the sample has not. */
  static async of({ url, user, password }: SampleServer): Promise<RestCatalogue> {
    const basic = Buffer.from(`${user}:${password}`).toString('base64')
    const session = await fetch(`${url}/data/JSESSION`, { headers: { authorization: `Basic ${basic}` } })
    const catalogue = new RestCatalogue(url, `JSESSIONID=${await session.text()}`)
    await catalogue.#fill()
    return catalogue
  }

  async #fill(): Promise<void> {
    const values = this.#values
    await this.#send('PUT', '/search/saved/kept', search('kept'))
    for (const scope of ['/projects/TEST', ''])
      await this.#send('PUT', `${scope}/config/tool/path?inbody=true`, 'set')
    await this.#send('PUT', '/users/favorites/xnat:projectData/TEST')
    await this.#send('PUT', '/user/cache/resources/folder')
    await this.#send('PUT', '/user/cache/resources/folder/files/file?inbody=true', 'bytes')
    const found = await this.#send('POST', '/search?cache=true&format=json', search('cached'))
    const kept = (JSON.parse(found.toString()) as { ResultSet: { ID: string; Result: object[] } }).ResultSet
    values['CACHED'] = kept.ID
    values['COL'] = Object.keys(kept.Result[0]!).find((name) => name.includes('project'))!
    const idOf = async (list: string, label: string): Promise<string> =>
      (await this.table(list)).find((row) => row['label'] === label)!['ID']!
    values['SUBJECT'] = await idOf('/projects/TEST/subjects', '1')
    const session = (values['ACCESSION'] = await idOf('/projects/TEST/experiments', 'MR1'))
    values['ASSESSOR'] = await idOf(`/experiments/${session}/assessors`, 'ASSESS1')
    values['NAME OF A PIPELINE'] = (await this.table('/projects/TEST/pipelines'))[0]!['Name']!
    const event = (await this.get(`/services/workflows/Added_MR_Session?experiment=${session}`)).toString()
    values['LAUNCH'] = / launch_time="([^"]+)"/.exec(event)![1]!
    const history = JSON.parse((await this.get(`/experiments/${session}/history`)).toString()) as {
      events: { event_id: number }[]
    }
    values['KEY'] = String(history.events[0]!.event_id)
  }

  /** What curl gets. @param uri below `/data` */
  get(uri: string): Promise<Buffer> {
    return this.#send('GET', uri)
  }

  /** The rows of a table. */
  async table(uri: string): Promise<Row[]> {
    const text = (await this.get(`${uri}${uri.includes('?') ? '&' : '?'}format=json`)).toString()
    return (JSON.parse(text) as { ResultSet: { Result: Row[] } }).ResultSet.Result
  }

  /** REST finds experiments without their project by their accession IDs only. */
  uriOf(row: MapRow): string {
    const [path, question] = row.uri.split('?')
    const asked = questions[row.uri] ?? question
    const experiment = '/experiments/{ACCESSION}'
    const uri = path!
      .replace(/^\/experiments\/\{E\}\/assessors\/\{A\}/, `${experiment}/assessors/{ASSESSOR}`)
      .replace(/^\/experiments\/\{E\}/, experiment)
    return this.filled(row, asked === undefined ? uri : `${uri}?${asked}`)
  }

  placeOf(row: MapRow): string {
    const question = row.path.includes('{key}') ? questions[row.uri]!.replaceAll('/', '%2F') : '{key}={value}'
    return this.filled(row, row.path.replace('{key}={value}', question))
  }

  /** @param others names instead of those of the sample */
  filled({ uri, path }: MapRow, template: string, others: Row = {}): string {
    const [, resource = '', file = ''] =
      samples.find(([pattern]) => pattern.test(path) || pattern.test(uri)) ?? []
    const isOwn = /\{NAME\}\/resources/.test(uri)
    const more: Row = {
      RES: resource,
      FILE: file,
      ...(uri.startsWith('/workflows?') && { PIPELINE: 'Added MR Session' }),
      ...(isOwn && { P: 'Unassigned', NAME: 'PRE4' }),
      ...(uri.includes('/pipelines/') && { NAME: this.#values['NAME OF A PIPELINE']! }),
      ...others,
    }
    const parent = template === path ? '/TEST/1/MR1/scans/1' : scan
    return template
      .replace('<parent>', parent)
      .replace(/\{([\w ]+)\}/g, (_, name: string) => more[name] ?? this.#values[name]!)
  }

  /** What curl gets of exactly this URI: the names that a list tells, the files of a zip, or the bytes. */
  async sentOf(row: MapRow, uri = this.uriOf(row)): Promise<Opened> {
    if (row.path.endsWith('/')) return { names: await this.#namesOf(uri) }
    const sent = await this.get(uri)
    if (row.path.endsWith('.zip')) return { files: filesOf(sent) }
    return { text: sent.toString('latin1') }
  }

  /** The same in the form of its file in the mount. */
  async keptOf(row: MapRow, uri = this.uriOf(row)): Promise<Opened> {
    const format = formOf(row)
    const sent = await this.sentOf(row, format === undefined ? uri : inForm(uri, format))
    return isStored(row) || /\?|\/config-answers\//.test(row.path) ? sent : endedByNewline(sent)
  }

  async #namesOf(uri: string): Promise<string[]> {
    const type = /\/favorites\/(.*)$/.exec(uri)?.[1]
    const rows = await this.table(type === undefined ? uri : `${uri}?DATA_TYPE=${type}`)
    const [path] = uri.split('?')
    const [, namesIn] = names.find(([pattern]) => pattern.test(path!))!
    const found = rows.flatMap(namesIn)
    if (besideResources.test(uri)) found.push('resources')
    return [...new Set(found)].toSorted()
  }

  async #send(method: 'GET' | 'PUT' | 'POST', uri: string, body?: string): Promise<Buffer> {
    const response = await fetch(`${this.#url}/data${uri}`, {
      method,
      headers: { cookie: this.#cookie, ...(body !== undefined && { 'content-type': 'text/xml' }) },
      ...(body !== undefined && { body }),
    })
    if (!response.ok) throw new Error(`${method} ${uri} was answered with ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }
}

/** As a file of `.xnat`. */
export function endedByNewline(opened: Opened): Opened {
  return 'text' in opened ? { text: withNewline(opened.text) } : opened
}

/** To be compared: without a question, or `&` for one, what is pasted may lead to a file of `.xnat`. */
export function asPasted(uri: string, opened: Opened): Opened {
  return /[?&]/.test(uri) ? opened : endedByNewline(opened)
}

/** But for an index that the server makes anew each time. */
export function filesOf(zip: Buffer): Row {
  const entries = zipEntries(zip).map(({ name, content }): [string, string] => [
    name,
    name === 'DICOMDIR' ? '' : content.toString('latin1'),
  ])
  return Object.fromEntries(entries)
}

export function isDocument({ path }: MapRow): boolean {
  return !path.endsWith('/')
}

/** Whether the URI is that of an item, which is a directory. */
export function isItem({ uri, path }: MapRow): boolean {
  return (
    /\/(project|subject|experiment|scan|reconstruction|assessor|catalog)\.xml$/.test(path) &&
    uri.endsWith('}')
  )
}

/** Whether REST's list of it is had in each of its forms: of favorites XNAT has none by this path. */
export function isTable(row: MapRow): boolean {
  return !isDocument(row) && !row.uri.includes('?') && !row.uri.endsWith('/favorites/{TYPE}')
}

/** What stands behind a URI of which more is below, where its document is meant; undefined where nothing has to. */
export function markOf(row: MapRow): '?' | '&' | undefined {
  if (isItem(row)) return '?'
  return /with `([?&])`/.exec(row.note)?.[1] as '?' | '&' | undefined
}
