import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { EMPTY_OK, StatusError, outputAnswer, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, canEditIn, canReadProject } from '../store/access.js'
import { sqlTimestamp } from '../store/catalog.js'
import { folderName } from '../store/layout.js'
import type { PrearchiveSession } from '../store/model.js'
import { archiveAnswer } from './archive-stream.js'
import { lastOf, parametersOf } from './form-parameters.js'
import { itemXml } from './item-xml.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'

export const LIST_VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]
const UNASSIGNED = 'Unassigned'

const COLUMNS = [
  'project',
  'timestamp',
  'lastmod',
  'uploaded',
  'scan_date',
  'scan_time',
  'subject',
  'folderName',
  'name',
  'tag',
  'status',
  'url',
  'autoarchive',
  'prevent_anon',
  'prevent_auto_commit',
  'SOURCE',
  'VISIT',
  'PROTOCOL',
  'TIMEZONE',
]

function sessionRow(session: PrearchiveSession): Cell[] {
  const project = session.project ?? UNASSIGNED
  return [
    project,
    session.timestamp,
    sqlTimestamp(session.lastModifiedMs),
    sqlTimestamp(session.uploadedMs),
    session.scanDate,
    session.scanTime,
    session.subject,
    session.folderName,
    session.name,
    session.tag,
    session.status,
    `/prearchive/projects/${project}/${session.timestamp}/${session.folderName}`,
    'Manual',
    'false',
    'false',
    '',
    '',
    '',
    '',
  ]
}

export function sessionTable(
  context: RestContext,
  sessions: readonly PrearchiveSession[],
  mediaType: string,
): Answer {
  // No title and no totalRecords (§2.1).
  return tableAnswer(context, { columns: COLUMNS, rows: sessions.map(sessionRow) }, mediaType, {})
}

/** `/prearchive`, `/prearchive/projects/{P}`: PrearcSessionListResource. */
export function prearchiveList(context: RestContext): RestResource {
  const { database } = context.services
  const { user } = context
  const id = context.variable('PROJECT_ID')
  const seesAll = user.siteRole !== 'none'
  if (id !== undefined && !seesAll && !canReadProject(database.project(id), user)) {
    throw new StatusError(403, `The current user does not have access to the requested project: ${id}`)
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const wanted = id?.split(/\s*,\s*/)
      const sessions = database.prearchive.filter(({ project }) => {
        if (wanted) return wanted.includes(project ?? UNASSIGNED)
        return project === null ? seesAll : seesAll || canEditIn(database.project(project), user)
      })
      return sessionTable(context, sessions, mediaType)
    },
    put: () => {
      if (user.siteRole !== 'admin') throw new StatusError(403)
      return EMPTY_OK
    },
  }
}

const DAY_MS = 24 * 60 * 60 * 1000

/** `/prearchive/experiments?recent={days}`: what came lately, the oldest first; `true` means ten days. */
export function recentSessions(context: RestContext): RestResource {
  const recent = context.query.get('recent')
  if (recent === undefined) throw new StatusError(400, 'Please set the "recent" parameter')
  const days = recent === 'true' ? 10 : Number(/^[+-]?\d+$/.test(recent) ? recent : NaN)
  if (Number.isNaN(days)) throw new StatusError(404, '"recent" should be a number or true')
  if (days <= 0) throw new StatusError(404, '"recent" should not be 0 or less that 0')
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const { database, now } = context.services
      const sessions = database.prearchive
        .filter(({ uploadedMs }) => Math.floor((now() - uploadedMs) / DAY_MS) <= days)
        .filter(
          ({ project }) =>
            context.user.siteRole !== 'none' ||
            (project !== null && canEditIn(database.project(project), context.user)),
        )
        .toSorted((a, b) => a.uploadedMs - b.uploadedMs)
      return sessionTable(context, sessions, mediaType)
    },
  }
}

/** The session in the URL, if the user may see it; an unknown one is an exception, hence 500. */
export function findPrearchived(context: RestContext): PrearchiveSession {
  const { database } = context.services
  const id = context.variable('PROJECT_ID')!
  const project = id.toLowerCase() === UNASSIGNED.toLowerCase() ? null : id
  const allowed =
    context.user.siteRole !== 'none' ||
    (project !== null && canEditIn(database.project(project), context.user))
  if (!allowed) throw new StatusError(403, `user ${context.user.login} does not have access to project ${id}`)
  const session = database.prearchive.find(
    (candidate) =>
      candidate.project === project &&
      candidate.timestamp === context.variable('SESSION_TIMESTAMP') &&
      candidate.folderName === context.variable('SESSION_LABEL'),
  )
  if (!session) {
    throw new StatusError(500, `No such session: ${context.exchange.path.replace(/^\/\w+/, '')}`)
  }
  return session
}

export function prearchivedFolder(root: string, session: PrearchiveSession): string {
  const { project, timestamp, folderName: name } = session
  return join(root, folderName(project ?? UNASSIGNED), folderName(timestamp), folderName(name))
}

/** `/prearchive/projects/{P}/{TIMESTAMP}/{LABEL}`: PrearcSessionResource. */
export function prearchivedSession(context: RestContext): RestResource {
  const root = context.services.prearchiveRoot
  return {
    variants: [MEDIA.xml, MEDIA.zip, 'application/x-gzip', MEDIA.html],
    get: (mediaType) => {
      const session = findPrearchived(context)
      if (/^logs(?:\/|$)/.test(context.filePath)) {
        const rows = logRows(join(prearchivedFolder(root, session), 'logs'))
        return tableAnswer(context, { columns: ['id', 'date', 'entry'], rows }, mediaType, {})
      }
      if (mediaType === MEDIA.json) return sessionTable(context, [session], mediaType)
      const folder = prearchivedFolder(root, session)
      if (mediaType === MEDIA.zip || mediaType === 'application/x-gzip') {
        return archiveAnswer(context, MEDIA.zip, session.folderName, membersBelow(folder, session.folderName))
      }
      if (mediaType === MEDIA.html)
        return outputAnswer(`<html><body>${session.name}</body></html>`, MEDIA.html)
      if (mediaType !== MEDIA.xml) throw new StatusError(400, `Requested type ${mediaType} is not supported`)
      return outputAnswer(sessionXml(context, session), MEDIA.xml)
    },
    post: () => actOnSession(context),
    delete: async () => {
      if (context.filePath !== '') throw new StatusError(400)
      const session = findPrearchived(context)
      const { database } = context.services
      const owner = session.project === null ? undefined : database.project(session.project)
      if (context.user.siteRole !== 'admin' && !canDeleteIn(owner, context.user)) {
        throw new StatusError(403, 'Unable to modify session data for destination project.')
      }
      database.prearchive.splice(database.prearchive.indexOf(session), 1)
      await database.commit()
      await rm(prearchivedFolder(root, session), { recursive: true, force: true })
      return EMPTY_OK
    },
  }
}

/** `?action=commit` and the like build the session's document, which is always built here: its place is the answer. */
async function actOnSession(context: RestContext): Promise<Answer> {
  const action = lastOf(await parametersOf(context), 'action')
  const { project, timestamp, folderName: name } = findPrearchived(context)
  if (action === undefined)
    throw new StatusError(
      400,
      `No action parameter was specified for the request by user ${context.user.login}`,
    )
  if (!['build', 'commit', 'reset'].includes(action))
    throw new StatusError(
      400,
      `User ${context.user.login} requested an unsupported action on prearchive session: ${action}`,
    )
  const url = `/data/prearchive/projects/${project ?? UNASSIGNED}/${timestamp}/${name}`
  return stringAnswer(url, 'text/uri-list')
}

/** What archiving has complained of: a file each, the oldest first. */
function logRows(folder: string): Cell[][] {
  if (!existsSync(folder)) return []
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
  return logs
    .map((name) => ({ name, path: join(folder, name), modifiedMs: statSync(join(folder, name)).mtimeMs }))
    .toSorted((a, b) => a.modifiedMs - b.modifiedMs)
    .map(({ name, path, modifiedMs }) => [
      name.slice(0, name.indexOf('.log')),
      sqlTimestamp(modifiedMs),
      readFileSync(path, 'utf8'),
    ])
}

export function membersBelow(folder: string, label: string) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => {
      const { size, mtimeMs } = statSync(path)
      return { name: `${label}/${relative(folder, path)}`, path, size, modifiedMs: mtimeMs }
    })
}

function sessionXml(context: RestContext, session: PrearchiveSession): string {
  const scans = session.scans.map(({ id, xsiType, seriesDescription }) => ({
    xsiType,
    fields: { ID: id, series_description: seriesDescription },
    meta: undefined,
    children: [],
  }))
  const fields = {
    label: session.name,
    project: session.project ?? '',
    UID: session.tag,
    dcmPatientId: session.subject,
  }
  const children = [{ field: 'scans/scan', items: scans }]
  return itemXml({ xsiType: session.xsiType, fields, meta: undefined, children }, context.exchange.baseUrl)
}
