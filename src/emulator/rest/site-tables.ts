import { readFileSync } from 'node:fs'
import dicomParser from 'dicom-parser'
import { StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { escapeXml } from '../http/text.js'
import { experimentById, experimentByLabel, findProject, isInProject } from '../store/access.js'
import type { Experiment, Project, Scan } from '../store/model.js'
import { allUsers, findUser } from '../users.js'
import { storedFile } from './resource-stats.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import { eventsAnswer } from './workflows.js'
import { canonicalType } from '../store/xsi-types.js'

const LISTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

/** `/scanners`: those of MR sessions, or of the table that is named. */
export function scanners(context: RestContext): RestResource {
  return {
    variants: LISTS,
    get: (mediaType) => {
      const wanted = (context.query.get('table') ?? 'xnat_mrSessionData').toLowerCase()
      if (!/^xnat_(?:mr|pet|ct)sessiondata$/.test(wanted)) throw new StatusError(403)
      const type = canonicalType(wanted.replace('_', ':'))
      const names = new Set<string>()
      for (const { xsiType, fields } of context.services.database.experiments())
        if (xsiType === type && fields['scanner'] !== undefined) names.add(String(fields['scanner']))
      const rows = [...names].map((name): Cell[] => [name])
      const properties = { title: 'Scanners', totalRecords: rows.length }
      return tableAnswer(context, { columns: ['scanner'], rows }, mediaType, properties)
    },
  }
}

/** `/investigators`: the people that projects name. */
export function investigators(context: RestContext): RestResource {
  const columns = [
    'firstname',
    'lastname',
    'institution',
    'department',
    'email',
    'xnat_investigatordata_id',
    'login',
  ]
  return {
    variants: LISTS,
    get: (mediaType) => {
      const people = new Map<string, Cell[]>()
      for (const { fields } of context.services.database.projects()) {
        const [first, last] = [fields['PI/firstname'], fields['PI/lastname']]
        if (last === undefined) continue
        const login = loginOf(String(first), String(last))
        const key = `${String(last)} ${String(first)}`
        if (!people.has(key))
          people.set(key, [String(first), String(last), null, null, null, people.size + 1, login])
      }
      const rows = [...people].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
      const properties = { title: 'Investigators', totalRecords: rows.length }
      return tableAnswer(context, { columns, rows }, mediaType, properties)
    },
  }
}

function loginOf(first: string, last: string): string | null {
  const user = allUsers().find(({ firstname, lastname }) => firstname === first && lastname === last)
  return user?.login ?? null
}

/** `/services/features`: five columns and four cells in each row, as the original has it. */
export function features(context: RestContext): RestResource {
  const rows: Cell[][] = [
    ['project_sharing', 'Project Sharing', true, false],
    ['data_sharing', 'Data Sharing', true, false],
  ]
  const columns = ['key', 'name', 'description', 'enabled', 'banned']
  return {
    variants: [MEDIA.all],
    get: (mediaType) => tableAnswer(context, { columns, rows }, mediaType, {}),
  }
}

/** `/services/audit/{TYPE}/{ID}`: the events of any item. */
export function audit(context: RestContext): RestResource {
  const path = context.remaining
  const slash = path.indexOf('/')
  if (slash < 0) throw new StatusError(500)
  const [type, id] = [path.slice(0, slash), path.slice(slash + 1)]
  if (!/^[a-zA-Z0-9:.]*$/.test(type) || !/^[\w.-]*$/.test(id)) throw new StatusError(400, 'Invalid value')
  return {
    variants: isReadable(context, id) ? [MEDIA.json, MEDIA.html] : [],
    get: () => eventsAnswer(context, (fields) => fields['id'] === id),
  }
}

function isReadable({ services, user }: RestContext, id: string): boolean {
  const { database } = services
  return (
    experimentById(database, id, user) !== undefined ||
    findProject(database, id, user) !== undefined ||
    database.subject(id) !== undefined
  )
}

/** `/services/dicomdump?src={URI}`: what the header of the first DICOM file there says. */
export function dicomDump(context: RestContext): RestResource {
  const source = context.query.get('src')
  if (source === undefined) throw new StatusError(400, 'Please set the src parameter')
  return {
    variants: LISTS,
    get: async (mediaType) => {
      const path = await firstFile(context, source)
      const rows = path === undefined ? [] : headerRows(readFileSync(path))
      return dumpAnswer(context, rows, mediaType)
    },
  }
}

function dumpAnswer(context: RestContext, rows: Cell[][], mediaType: string): Answer {
  return tableAnswer(context, { columns: ['tag1', 'tag2', 'vr', 'value', 'desc'], rows }, mediaType, {})
}

const SOURCE =
  /^\/archive\/projects\/([^/]+)(?:\/subjects\/[^/]+)?\/experiments\/([^/]+)(?:\/scans\/([^/]+)(?:\/resources\/DICOM\/files\/(.+))?)?$/

/** Of what is no URI of a session or a scan there is nothing, and no error. */
async function firstFile(context: RestContext, source: string): Promise<string | undefined> {
  const [, projectId, name, scanId, file] = SOURCE.exec(source) ?? []
  if (projectId === undefined || name === undefined) return undefined
  const { database } = context.services
  const project = findProject(database, projectId, context.user)
  const session = project && sessionOf(context, project, name)
  if (!session) throw new StatusError(404, 'There was an error rendering Dicom Header')
  const scans = session.scans.filter(({ id }) => scanId === undefined || id === scanId)
  for (const scan of scans) {
    const path = await fileOf(context, session, scan, file)
    if (path !== undefined) return path
  }
  return undefined
}

function sessionOf(context: RestContext, project: Project, name: string): Experiment | undefined {
  const { database } = context.services
  const byLabel = experimentByLabel(database, project.id, name, context.user)
  if (byLabel) return byLabel
  const byId = experimentById(database, name, context.user)
  return byId && isInProject(byId, project.id) ? byId : undefined
}

async function fileOf(
  { services }: RestContext,
  session: Experiment,
  scan: Scan,
  name: string | undefined,
): Promise<string | undefined> {
  for (const resource of scan.resources.filter(({ label }) => label === 'DICOM' || label === 'secondary')) {
    const opened = await services.catalogs.open(resource, session.project)
    for (const entry of opened.entries) {
      const file = storedFile(opened, entry)
      if (file && (name === undefined || file.path.endsWith(`/${name}`))) return file.path
    }
  }
  return undefined
}

const PIXELS = 'x7fe00010'

function headerRows(bytes: Buffer): Cell[][] {
  const data = dicomParser.parseDicom(bytes, { untilTag: PIXELS })
  return Object.entries(data.elements)
    .filter(([tag, { items }]) => tag !== PIXELS && !items)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([tag, { vr }]): Cell[] => {
      const shown = `(${tag.slice(1, 5)},${tag.slice(5)})`.toUpperCase()
      const value =
        vr === 'US' ? String(data.uint16(tag)) : vr === 'UL' ? String(data.uint32(tag)) : data.string(tag)
      return [shown, '', vr ?? 'UN', escapeXml(value ?? '').slice(0, 255), NAMES[tag] ?? '?']
    })
}

const NAMES: Readonly<Record<string, string>> = {
  x00080005: 'Specific Character Set',
  x00080008: 'Image Type',
  x00080016: 'SOP Class UID',
  x00080018: 'SOP Instance UID',
  x00080020: 'Study Date',
  x00080030: 'Study Time',
  x00080060: 'Modality',
  x00080070: 'Manufacturer',
  x00081030: 'Study Description',
  x0008103e: 'Series Description',
  x00100010: 'Patient&rsquo;s Name',
  x00100020: 'Patient ID',
  x0020000d: 'Study Instance UID',
  x0020000e: 'Series Instance UID',
  x00200010: 'Study ID',
  x00200011: 'Series Number',
  x00200013: 'Instance Number',
  x00280010: 'Rows',
  x00280011: 'Columns',
}

/** `/services/sessions[/{U}]`: how many sessions a user has, oneself or, for site administrators, another. */
export function sessionCount(context: RestContext): RestResource {
  const name = context.variable('USERNAME') ?? context.user.login
  if (name !== context.user.login) {
    if (context.user.siteRole !== 'admin')
      throw new StatusError(403, 'Only site admins can request the session count for another user.')
    if (!findUser(name))
      throw new StatusError(400, `The user identified by ${name} can not be found in the system.`)
  }
  return {
    variants: [MEDIA.all],
    get: () => stringAnswer(String(context.services.sessions.count(name))),
  }
}
