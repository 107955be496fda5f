import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { ArchiveBuilder, type SourceFile } from '../data/archive-builder.js'
import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { Query } from '../http/query.js'
import { canEditIn, experimentByLabel, subjectByLabel } from '../store/access.js'
import type { Experiment, PrearchiveSession, Project } from '../store/model.js'
import { lastOf, parametersOf } from './form-parameters.js'
import { prearchivedFolder, sessionTable } from './prearchive.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import { add, conflictsOf, type Addition } from './session-merge.js'
import { statusLog } from './transaction-status.js'

/** What is done with sessions of the prearchive by a POST that names them (xnat-wire.md §11.4). */

const SOURCE = /^\/(?:data\/)?prearchive\/projects\/([^/]+)\/([^/]+)\/([^/]+)$/

/** In all other states the server is at work on a session. */
const RESTING: ReadonlySet<string> = new Set(['READY', 'ERROR', 'CONFLICT'])

function sourcesOf(queries: readonly Query[]): string[] {
  return queries.flatMap((query) => query.all('src'))
}

/** `folder`, once or several times, of a project and a time; `src` comes first. */
function sourcesToArchive(queries: readonly Query[]): string[] {
  const sources = sourcesOf(queries)
  const [project, timestamp] = [lastOf(queries, 'project'), lastOf(queries, 'timestamp')]
  if (sources.length > 0 || project === undefined || timestamp === undefined) return sources
  const folders = queries.flatMap((query) => query.all('folder'))
  return folders.map((folder) => `/prearchive/projects/${project}/${timestamp}/${folder}`)
}

function sessionsNamed(context: RestContext, sources: readonly string[]): PrearchiveSession[] {
  if (sources.length === 0) throw new StatusError(404, 'Unknown prearchive session.')
  return sources.map((source) => {
    const [, id, timestamp, name] = SOURCE.exec(source) ?? []
    if (id === undefined) throw new StatusError(400, `Invalid src URI (${source})`)
    const { database } = context.services
    const session = database.prearchive.find(
      (other) =>
        (other.project ?? 'Unassigned') === id && other.timestamp === timestamp && other.folderName === name,
    )
    if (!session) throw new StatusError(404, `${source} not found.`)
    const isAllowed =
      context.user.siteRole === 'admin' ||
      (session.project !== null && canEditIn(database.project(session.project), context.user))
    if (!isAllowed) throw new StatusError(403, source)
    return session
  })
}

/** `/services/archive`: Archiver. Of one session the answer is its place in the archive, of several their table. */
export function archiveService(context: RestContext): RestResource {
  return {
    variants: [],
    post: async () => {
      const queries = await parametersOf(context)
      const sessions = sessionsNamed(context, sourcesToArchive(queries))
      if (sessions.some(({ project }) => project === null))
        throw new StatusError(400, 'Cannot archive sessions from the Unassigned folder.')
      const busy = sessions.find(({ status }) => !RESTING.has(status))
      if (busy) throw new StatusError(403, `Session ${busy.folderName} is locked: ${busy.status}`)
      const overwrite = lastOf(queries, 'overwrite')
      const uris: string[] = []
      for (const session of sessions) uris.push(await archiveSession(context, session, overwrite))
      const transaction = lastOf(queries, 'http-session-listener')
      if (transaction !== undefined)
        statusLog(context.services, transaction).push({
          status: 'COMPLETED',
          message: `archiving operation complete:${uris.join()}`,
          isTerminal: true,
        })
      if (sessions.length === 1) return stringAnswer(`${uris[0]!}\r\n`, 'text/uri-list')
      return sessionTable(context, sessions, context.overrideVariant(MEDIA.json))
    },
  }
}

/** @returns where it lies now */
export async function archiveSession(
  context: RestContext,
  session: PrearchiveSession,
  overwrite: string | undefined,
): Promise<string> {
  const { services } = context
  const { database, archiveRoot, prearchiveRoot } = services
  const project = database.project(session.project!)!
  const existing = experimentByLabel(database, project.id, session.name, undefined)
  if (existing && overwrite !== 'append' && overwrite !== 'delete')
    throw new StatusError(409, 'Session already exists, retry with overwrite enabled')
  const folder = prearchivedFolder(prearchiveRoot, session)
  if (existing && overwrite === 'append') await requireNoConflict(context, existing, session, folder)
  const builder = new ArchiveBuilder({ database, archiveRoot, prearchiveRoot })
  const subject =
    subjectByLabel(database, project.id, session.subject, undefined) ??
    builder.subject(project, session.subject)
  const experiment = existing ?? builder.experiment(subject, session.name, session.xsiType)
  addScans(builder, experiment, session)
  for (const addition of additionsTo(experiment, session, folder))
    await add(context, builder, project.id, addition)
  await forgetSession(context, session)
  return `/data/archive/projects/${project.id}/subjects/${subject.label}/experiments/${experiment.label}`
}

/** What is added must not be in the way of what is there: nothing of it is stored then. */
async function requireNoConflict(
  context: RestContext,
  experiment: Experiment,
  session: PrearchiveSession,
  folder: string,
): Promise<void> {
  const conflicts: string[] = []
  for (const addition of additionsTo(experiment, session, folder))
    conflicts.push(...(await conflictsOf(context, session.project!, addition)))
  if (conflicts.length === 0) return
  throw new StatusError(409, `Session already contains other files of these names: ${conflicts.join(', ')}`)
}

function addScans(builder: ArchiveBuilder, experiment: Experiment, session: PrearchiveSession): void {
  for (const { id, xsiType, seriesDescription } of session.scans) {
    if (experiment.scans.some((scan) => scan.id === id)) continue
    const scan = builder.scan(experiment, id, xsiType)
    scan.type = seriesDescription
    scan.fields = { series_description: seriesDescription, quality: 'usable' }
  }
}

/** The files that wait, by the resources of the session that they belong to; scans that it has not are left out. */
function additionsTo(experiment: Experiment, session: PrearchiveSession, folder: string): Addition[] {
  const additions: Addition[] = []
  for (const { id, resources } of session.scans) {
    const scan = experiment.scans.find((other) => other.id === id)
    if (!scan) continue
    for (const label of resources) {
      const spec = label === 'DICOM' ? { label, format: 'DICOM', content: 'RAW' } : { label }
      const files = filesIn(join(folder, 'SCANS', id, label))
      additions.push({ parent: { kind: 'scan', session: experiment, scan }, spec, files })
    }
  }
  for (const label of session.resources ?? []) {
    const files = filesIn(join(folder, 'RESOURCES', label))
    additions.push({ parent: { kind: 'experiment', experiment }, spec: { label }, files })
  }
  return additions
}

function filesIn(folder: string): SourceFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && !path.endsWith('_catalog.xml'))
    .map((path) => ({ path: relative(folder, path), from: path }))
}

async function forgetSession({ services }: RestContext, session: PrearchiveSession): Promise<void> {
  const { database, prearchiveRoot } = services
  database.prearchive.splice(database.prearchive.indexOf(session), 1)
  await database.commit()
  await rm(prearchivedFolder(prearchiveRoot, session), { recursive: true, force: true })
}

/** `/services/validate-archive`: what would be in the way of archiving one session. Nothing is done. */
export function validateService(context: RestContext): RestResource {
  return {
    variants: [MEDIA.json, MEDIA.html, MEDIA.xml],
    post: async () => {
      const [session, ...others] = sessionsNamed(context, sourcesOf(await parametersOf(context)))
      if (others.length > 0) throw new StatusError(400, 'Cannot validate multiple sessions in one request.')
      const { project, name } = session!
      if (project === null) throw new StatusError(400, 'Cannot archive sessions from the Unassigned folder.')
      const existing = experimentByLabel(context.services.database, project, name, undefined)
      const rows: Cell[][] = existing
        ? [['1', 'CONFLICT', 'Session already exists, retry with overwrite enabled']]
        : []
      const mediaType = context.overrideVariant(MEDIA.json)
      return tableAnswer(context, { columns: ['code', 'type', 'message'], rows }, mediaType, {})
    },
  }
}

/** `/services/prearchive/delete`: the sessions are gone when the answer comes; an XNAT queues that. */
export function prearchiveDelete(context: RestContext): RestResource {
  return {
    variants: [],
    post: async () => {
      const sessions = sessionsNamed(context, sourcesOf(await parametersOf(context)))
      for (const session of sessions) await forgetSession(context, session)
      return sessionTable(context, sessions, context.overrideVariant(MEDIA.json))
    },
  }
}

/** `/services/prearchive/move?newProject=`: into another project. */
export function prearchiveMove(context: RestContext): RestResource {
  return {
    variants: [],
    post: async () => {
      const queries = await parametersOf(context)
      const sessions = sessionsNamed(context, sourcesOf(queries))
      const { database, prearchiveRoot } = context.services
      const target = database.project(lastOf(queries, 'newProject') ?? '')
      if (!target)
        throw new StatusError(400, `No project specified to move session ${sessions[0]!.folderName}`)
      if (!canEditIn(target, context.user)) throw new StatusError(403)
      for (const session of sessions) await move(session, target, prearchiveRoot)
      await database.commit()
      return sessionTable(context, sessions, context.overrideVariant(MEDIA.json))
    },
  }
}

async function move(session: PrearchiveSession, { id }: Project, root: string): Promise<void> {
  const from = prearchivedFolder(root, session)
  session.project = id
  const to = prearchivedFolder(root, session)
  if (from === to || !existsSync(from)) return
  await mkdir(dirname(to), { recursive: true })
  await rename(from, to)
}

/** `/services/prearchive/rebuild`: the document of a session is made anew of its files. */
export function prearchiveRebuild(context: RestContext): RestResource {
  return {
    variants: [],
    post: async () => {
      const sessions = sessionsNamed(context, sourcesOf(await parametersOf(context)))
      for (const session of sessions) {
        session.status = 'READY'
        session.lastModifiedMs = context.services.now()
      }
      await context.services.database.commit()
      return sessionTable(context, sessions, context.overrideVariant(MEDIA.json))
    },
  }
}

/** POST of `/projects/{P}/pipelines/{STEP}/experiments/{E}`: nothing runs here, and that it was to is an event. */
export async function launchPipeline(
  context: RestContext,
  project: Project | undefined,
  experiment: Experiment | undefined,
): Promise<Answer> {
  const step = context.variable('STEP_ID')
  if (!project || !experiment || step === undefined) throw new StatusError(400)
  const { database, now } = context.services
  if (!canEditIn(database.project(experiment.project), context.user)) throw new StatusError(403)
  const isOwn = ['triggerPipelines', 'pullDataFromHeaders', 'fixScanTypes'].includes(step)
  database.workflows.push({
    key: database.nextNumber('event'),
    user: context.user.login,
    fields: {
      id: experiment.id,
      externalid: project.id,
      data_type: experiment.xsiType,
      pipeline_name: step,
      launch_time: new Date(now()).toISOString().slice(0, 19),
      status: isOwn ? 'Complete' : 'Queued',
      category: 'DATA',
      type: 'PROCESS',
    },
  })
  await database.commit()
  return EMPTY_OK
}
