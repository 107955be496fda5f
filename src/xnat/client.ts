import { entityPath, experimentsPath, itemPath, ownedPath, resourcePath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'
import { parseCatalog } from './catalog-xml.js'
import type { StoredFile } from './catalog-xml.js'
import { ControlClient } from './control-client.js'
import { PrearchiveClient } from './prearchive-client.js'
import { RestCalls, understood } from './rest-calls.js'
import { cell, cellsOf, numberCell, parseItemFields, parseTimeMs, parseVersion } from './rows.js'
import type { Row } from './rows.js'
import type { Session } from './session.js'
import { SettingsClient } from './settings-client.js'
import { UserCacheClient } from './user-cache-client.js'
import { XnatError } from './xnat-error.js'

export interface Project {
  readonly id: string
}

/** A subject or an experiment as a listing tells it. Times are undefined where the server has none. */
export interface Labelled {
  /** Accession ID. */
  readonly id: string
  /** In the project of the listing: a shared item has another one elsewhere. May be ''. */
  readonly label: string
  readonly modifiedMs: number | undefined
}

export interface FoundSubject extends Labelled {
  /** The one that owns it. */
  readonly project: string
}

export interface Experiment extends Labelled {
  readonly xsiType: string
  /** Other cells of the listing, by the names of their columns. */
  readonly details?: Row
}

export interface ProjectExperiment extends Experiment {
  readonly subjectId: string
  readonly subjectLabel: string
}

export interface Scan {
  readonly id: string
  /** Free text, may be ''. */
  readonly type: string
  readonly modifiedMs: number | undefined
  /** Other cells of the listing, by the names of their columns. */
  readonly details?: Row
}

export interface Reconstruction {
  readonly id: string
  readonly type: string
}

export interface Resource {
  /** Numeric. */
  readonly id: string
  /** May be '', and two resources of one item may share it. */
  readonly label: string
  readonly format: string
  readonly content: string
  /** Which item of a session it belongs to: '' or 'resources', 'scans', 'reconstructions', 'assessors'. */
  readonly category: string
  /** The ID of that item. */
  readonly ownerId: string
  /** As the database has it: may be out of date, and undefined when it was never counted. */
  readonly fileCount: number | undefined
}

const scanDetails = ['xsiType', 'quality', 'series_description', 'note']
const experimentDetails = ['date']

/** A session of some GiB is copied meanwhile. */
const relabelTimeoutMs = 1_800_000

/** The REST calls of XNAT that answer tables, documents and statuses, typed. @throws XnatError from every method */
export class XnatClient {
  readonly control: ControlClient
  readonly prearchive: PrearchiveClient
  readonly settings: SettingsClient
  readonly userCache: UserCacheClient
  readonly #rest: RestCalls

  constructor(session: Session) {
    this.#rest = new RestCalls(session)
    this.control = new ControlClient(this.#rest)
    this.prearchive = new PrearchiveClient(this.#rest)
    this.settings = new SettingsClient(this.#rest)
    this.userCache = new UserCacheClient(this.#rest)
  }

  /** The user the server takes us for. */
  async whoAmI(signal?: AbortSignal): Promise<string> {
    const response = await this.#rest.get('/xapi/users/username', signal)
    if (response.status === 200) return (await response.text()).trim().replace(/^"|"$/g, '')
    response.discard() // no XAPI before 1.7: /data/auth says "User 'x' is logged in"
    return this.#rest.read('/data/auth', (text) => /'([^']*)'/.exec(text)?.[1] ?? 'guest', signal)
  }

  /** Of the server, such as '1.8.11'; undefined where it does not tell. */
  async version(signal?: AbortSignal): Promise<string | undefined> {
    const response = await this.#rest.get('/xapi/siteConfig/buildInfo', signal)
    if (response.status === 200) {
      const text = await response.text()
      return understood(response, () => parseVersion(text))
    }
    response.discard()
    return undefined
  }

  async projects(signal?: AbortSignal): Promise<Project[]> {
    const rows = await this.#rest.rows('/data/projects', {}, signal)
    return withId(rows).map((row) => ({ id: row['ID']! }))
  }

  async subjects(project: string, signal?: AbortSignal): Promise<Labelled[]> {
    const columns = 'ID,label,insert_date,last_modified'
    const rows = await this.#rest.rows(`${itemPath({ project })}/subjects`, { columns }, signal)
    return withId(rows).map(toLabelled)
  }

  /** The experiments of a subject in a project. */
  async experiments(project: string, subject: string, signal?: AbortSignal): Promise<Experiment[]> {
    const columns = 'ID,label,xsiType,date,insert_date,last_modified'
    return withId(await this.#rest.rows(experimentsPath({ project, subject }), { columns }, signal)).map(
      toExperiment,
    )
  }

  async projectExperiments(project: string, signal?: AbortSignal): Promise<ProjectExperiment[]> {
    const columns = 'ID,label,xsiType,subject_ID,subject_label,insert_date,last_modified'
    const rows = await this.#rest.rows(`${itemPath({ project })}/experiments`, { columns }, signal)
    return withId(rows).map((row) => ({
      ...toExperiment(row),
      subjectId: row['subject_ID'] ?? '',
      subjectLabel: row['subject_label'] ?? '',
    }))
  }

  /** IDs of all readable experiments or subjects of the site. */
  async siteIds(kind: 'experiments' | 'subjects', signal?: AbortSignal): Promise<string[]> {
    return withId(await this.#rest.rows(`/data/${kind}`, { columns: 'ID' }, signal)).map((row) => row['ID']!)
  }

  /** Subjects of a project, or of the site, that REST's own filters select. */
  async findSubjects(
    project: string | undefined,
    filters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<FoundSubject[]> {
    const path = project === undefined ? '/data' : itemPath({ project })
    const columns = 'ID,label,project,insert_date,last_modified'
    const rows = await this.#rest.rows(`${path}/subjects`, { ...filters, columns }, signal)
    return withId(rows).map((row) => ({ ...toLabelled(row), project: row['project'] ?? '' }))
  }

  /** Experiments of a subject in a project, of a project, or of the site, that REST's own filters select. */
  async findExperiments(
    scope: ItemAddress,
    filters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Experiment[]> {
    // Of what every experiment has: a column of another type would leave out all that are not of it.
    const columns = 'ID,label,xsiType,insert_date,last_modified'
    const rows = await this.#rest.rows(experimentsPath(scope), { ...filters, columns }, signal)
    return withId(rows)
      .map(toExperiment)
      .map((found) => (found.xsiType === '' ? { ...found, xsiType: filters['xsiType'] ?? '' } : found))
  }

  /** `ID` and `session_ID` of image assessors that these filters select. */
  async sessionsOf(
    scope: ItemAddress,
    filters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Row[]> {
    return this.#rest.rows(experimentsPath(scope), { ...filters, columns: 'ID,session_ID' }, signal)
  }

  /** The fields of one subject or experiment, such as `project`, `label` and `subject_ID`. */
  async item(item: ItemAddress, signal?: AbortSignal): Promise<Row> {
    return this.#rest.read(`${itemPath(item)}?format=json`, parseItemFields, signal)
  }

  async scans(experiment: string, signal?: AbortSignal): Promise<Scan[]> {
    const columns = `ID,type,insert_date,last_modified,${scanDetails.join(',')}`
    const rows = await this.#rest.rows(`${itemPath({ experiment })}/scans`, { columns }, signal)
    return withId(rows).map((row) => ({
      id: row['ID']!,
      type: row['type'] ?? '',
      modifiedMs: rowTimeMs(row),
      details: cellsOf(row, scanDetails),
    }))
  }

  async reconstructions(experiment: string, signal?: AbortSignal): Promise<Reconstruction[]> {
    const rows = await this.#rest.rows(`${itemPath({ experiment })}/reconstructions`, {}, signal)
    return withId(rows).map((row) => ({ id: row['ID']!, type: row['type'] ?? '' }))
  }

  /** @param xsiType those of this data type only, and of those that extend it */
  async assessors(experiment: string, signal?: AbortSignal, xsiType?: string): Promise<Experiment[]> {
    const query = xsiType === undefined ? {} : { xsiType }
    return withId(await this.#rest.rows(`${itemPath({ experiment })}/assessors`, query, signal)).map(
      toExperiment,
    )
  }

  async resources(item: ItemAddress, signal?: AbortSignal): Promise<Resource[]> {
    const rows = await this.#rest.rows(`${itemPath(item)}/resources`, {}, signal)
    return distinct(rows, resourceKey).map(toResource)
  }

  /** All resources of an experiment, its scans, reconstructions (out) and assessors (out and plain) in one request. */
  async allResources(experiment: string, signal?: AbortSignal): Promise<Resource[]> {
    const rows = await this.#rest.rows(`${itemPath({ experiment })}/resources`, { all: 'true' }, signal)
    return distinct(rows, resourceKey).map(toResource)
  }

  /** Path, size, digest and time of every file of a resource. 404 for legacy resources that have no catalog. */
  async catalog(resource: ResourceAddress, signal?: AbortSignal): Promise<StoredFile[]> {
    return this.#rest.read(resourcePath(resource, 'get'), parseCatalog, signal)
  }

  /** What `catalog` tells, without times, but also where there is no catalog, and with sizes taken from the disk. */
  async files(resource: ResourceAddress, signal?: AbortSignal): Promise<StoredFile[]> {
    const rows = await this.#rest.rows(`${resourcePath(resource, 'get')}/files`, {}, signal)
    return rows.flatMap(toStoredFile)
  }

  /** @throws XnatError 'conflict' when there is one with this label */
  async createResource(item: ItemAddress, label: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('PUT', `${itemPath(item)}/resources/${encodeURIComponent(label)}`, signal)
  }

  /**
   * Gives a subject or an experiment another label, as the project that owns it. XNAT copies its folder (xnat-wire.md §6).
   * @throws XnatError 'conflict' when the label is in use, or the item is
   */
  async relabel(item: ItemAddress, label: string, signal?: AbortSignal): Promise<void> {
    const path = `${ownedPath(item)}?label=${encodeURIComponent(label)}`
    await this.#rest.command('PUT', path, signal, { headersTimeoutMs: relabelTimeoutMs })
  }

  /**
   * Makes a project, a subject, an experiment or what is in one: the last ID of the address is its label. What exists is not changed.
   * @returns 201 for a new subject, experiment or assessor, 200 for one that there was, and for all others always
   */
  async createEntity(
    entity: ItemAddress,
    xsiType: string | undefined,
    signal?: AbortSignal,
  ): Promise<number> {
    const query = xsiType === undefined ? '' : `?xsiType=${encodeURIComponent(xsiType)}`
    return this.#rest.command('PUT', entityPath(entity) + query, signal)
  }

  /** Removes a subject, an experiment or what is in one, with all that the server believes to be in it. Files of a scan only go too. */
  async deleteEntity(entity: ItemAddress, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', entityPath(entity), signal)
  }

  /** How many there are in an experiment; 0 where it can have none. */
  async countIn(
    experiment: string,
    list: 'scans' | 'assessors' | 'reconstructions',
    signal?: AbortSignal,
  ): Promise<number> {
    try {
      return (await this.#rest.rows(`${itemPath({ experiment })}/${list}`, {}, signal)).length
    } catch (error) {
      // An experiment that is no image session (xnat-wire.md §8).
      if (error instanceof XnatError && error.code === 'not-found') return 0
      throw error
    }
  }

  async deleteResource(resource: ResourceAddress, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', resourcePath(resource), signal)
  }
}

/** xnatctl's users met rows without an ID; nothing can be addressed by them. */
/** Rows that have an ID, each once: a server may list an item again for each group that lets its user see it. */
function withId(rows: Row[]): Row[] {
  return distinct(rows, (row) => cell(row, 'ID'))
}

/** @param keyOf undefined: what has no name is no item */
function distinct(rows: Row[], keyOf: (row: Row) => string | undefined): Row[] {
  const seen = new Set<string | undefined>([undefined])
  return rows.filter((row) => {
    const before = seen.size
    return seen.add(keyOf(row)).size > before
  })
}

/** An experiment's table of all its resources may have one twice, below different items. */
function resourceKey(row: Row): string | undefined {
  const id = cell(row, 'xnat_abstractresource_id')
  return id && JSON.stringify([id, row['category'], row['cat_id']])
}

function toLabelled(row: Row): Labelled {
  return { id: row['ID']!, label: row['label'] ?? '', modifiedMs: rowTimeMs(row) }
}

function toExperiment(row: Row): Experiment {
  return { ...toLabelled(row), xsiType: row['xsiType'] ?? '', details: cellsOf(row, experimentDetails) }
}

function rowTimeMs(row: Row): number | undefined {
  return parseTimeMs(cell(row, 'last_modified')) ?? parseTimeMs(cell(row, 'insert_date'))
}

function toResource(row: Row): Resource {
  return {
    id: row['xnat_abstractresource_id']!,
    label: row['label'] ?? '',
    format: row['format'] ?? '',
    content: row['content'] ?? '',
    category: row['category'] ?? '',
    ownerId: row['cat_id'] ?? '',
    fileCount: numberCell(row, 'file_count'),
  }
}

/** The path is what follows `/resources/<id>/files/` in URI: `Name` is the last part only (xnat-wire.md §2.4). */
function toStoredFile(row: Row): StoredFile[] {
  const storedPath = /\/resources\/[^/]*\/files\/([\s\S]+)$/.exec(row['URI'] ?? '')?.[1] ?? cell(row, 'Name')
  if (storedPath === undefined) return []
  const digest = cell(row, 'digest')?.toLowerCase()
  return [{ storedPath, sizeBytes: numberCell(row, 'Size'), digest, modifiedMs: undefined }]
}
