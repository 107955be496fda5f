import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { ArchiveBuilder } from '../data/archive-builder.js'
import { groupBy, readHeader, scanId, sourceFiles, type Header } from '../data/import-dicom.js'
import { StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { Query } from '../http/query.js'
import { canEditIn } from '../store/access.js'
import type { PrearchiveSession } from '../store/model.js'
import { scanTypeOf, sessionTypeOf } from '../store/xsi-types.js'
import { archiveSession } from './prearchive-services.js'
import { prearchivedFolder } from './prearchive.js'
import type { RestContext, RestResource } from './resource.js'
import { statusLog } from './transaction-status.js'
import { uploadedFiles, writeStream } from './upload-body.js'
import { eachMember } from './zip-reader.js'

const DESTINATION =
  /^\/(?:data\/)?(prearchive|archive)(?:\/projects\/([^/]+)(?:\/subjects\/([^/]+)(?:\/experiments\/([^/]+))?)?)?\/?$/

/** Where the sessions go, and what they are called there; undefined is what their headers say. */
interface Destination {
  readonly isArchive: boolean
  readonly project: string | undefined
  readonly subject: string | undefined
  readonly session: string | undefined
}

const SOURCE = /^\/(?:data\/)?user\/cache\/resources\/([^/]+)\/files\/(.+)$/

/**
 * `/services/import`: a zip of DICOM files, in the body or one that a user has at the server (`src=`), becomes sessions of the
 * prearchive, or of the archive where that is their destination (`dest=`); the answer names them (Importer).
 */
export function importService(context: RestContext): RestResource {
  return { variants: [MEDIA.json, MEDIA.html, MEDIA.xml, MEDIA.plain], post: () => importZip(context) }
}

async function importZip(context: RestContext): Promise<Answer> {
  const { services, query } = context
  const folder = join(services.temporary, randomUUID())
  const destination = destinationOf(query)
  const { project = null } = destination
  if (project !== null && !canEditIn(services.database.project(project), context.user))
    throw new StatusError(403, `Unable to import into ${project}`)
  const zip = await zipOf(context)
  try {
    await mkdir(folder)
    await unpack(zip.path, folder)
    const headers: Header[] = []
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const header = entry.isFile() ? await readHeader(join(entry.parentPath, entry.name)) : undefined
      if (header) headers.push(header)
    }
    if (headers.length === 0) throw new StatusError(400, 'No DICOM files were found.')
    const uris: string[] = []
    for (const study of groupBy(headers, ({ studyUid }) => studyUid).values())
      uris.push(await addStudy(context, destination, study))
    await services.database.commit()
    const transaction = query.get('http-session-listener')
    if (transaction !== undefined)
      statusLog(services, transaction).push({
        status: 'COMPLETED',
        message: uris.join(),
        isTerminal: true,
      })
    return stringAnswer(uris.map((uri) => `${uri}\r\n`).join(''), 'text/uri-list')
  } finally {
    await rm(folder, { recursive: true, force: true })
    await zip.discard()
  }
}

function destinationOf(query: Query): Destination {
  const dest = query.get('dest')
  const [, where, project, subject, session] = dest === undefined ? [] : (DESTINATION.exec(dest) ?? [])
  if (dest !== undefined && where === undefined) throw new StatusError(400, `Unknown destination ${dest}`)
  const named = {
    isArchive: where === 'archive',
    project: query.get('PROJECT_ID') ?? query.get('project') ?? project,
    subject: query.get('SUBJECT_ID') ?? query.get('subject') ?? subject,
    session: query.get('EXPT_LABEL') ?? query.get('session') ?? session,
  }
  if (named.isArchive && named.project === undefined)
    throw new StatusError(400, 'Cannot archive sessions without a project.')
  return named
}

/** @returns the place of the session that comes of it */
async function addStudy(
  context: RestContext,
  destination: Destination,
  headers: readonly Header[],
): Promise<string> {
  const session = await addSession(context, destination, headers)
  if (destination.isArchive) return archiveSession(context, session, context.query.get('overwrite'))
  return `/data/prearchive/projects/${session.project ?? 'Unassigned'}/${session.timestamp}/${session.name}`
}

async function zipOf(context: RestContext): Promise<{ path: string; discard: () => Promise<void> }> {
  const source = context.query.get('src')
  if (source !== undefined) {
    const [, resource, file] = SOURCE.exec(source) ?? []
    const { cacheRoot } = context.services
    const own = join(cacheRoot, 'USERS', String(context.user.id))
    const path = join(own, resource ?? '', file ?? '')
    if (file === undefined || !path.startsWith(`${own}/`) || !existsSync(path))
      throw new StatusError(400, 'Unable to identify upload format.')
    return { path, discard: () => Promise.resolve() }
  }
  const [upload, ...others] = (await uploadedFiles(context)) ?? []
  if (!upload) throw new StatusError(400, 'Unable to identify upload format.')
  if (others.length > 0) throw new StatusError(400, 'Importer is limited to one uploaded resource at a time.')
  return { path: await upload.spooled(), discard: () => upload.discard() }
}

async function unpack(zip: string, folder: string): Promise<void> {
  try {
    await eachMember(zip, async (member, bytes) => {
      const path = join(folder, member.name)
      if (member.name.endsWith('/') || !path.startsWith(`${folder}/`)) return
      await mkdir(dirname(path), { recursive: true })
      await writeStream(path, bytes)
    })
  } catch (error) {
    throw new StatusError(400, `The file is no zip: ${String(error)}`)
  }
}

async function addSession(
  context: RestContext,
  destination: Destination,
  headers: readonly Header[],
): Promise<PrearchiveSession> {
  const { database, archiveRoot, prearchiveRoot, now } = context.services
  const first = headers[0]!
  const modality = first.text('x00080060') ?? 'OT'
  const { project = null, subject = label(first.patientId) } = destination
  const { session: name = label(`${subject}_${modality}1`) } = destination
  const session: PrearchiveSession = {
    project,
    timestamp: timestampOf(now()),
    folderName: name,
    name,
    subject,
    tag: first.studyUid,
    status: 'READY',
    uploadedMs: now(),
    lastModifiedMs: now(),
    scanDate: '',
    scanTime: '',
    xsiType: sessionTypeOf(modality),
    scans: [],
  }
  const builder = new ArchiveBuilder({ database, archiveRoot, prearchiveRoot })
  const folder = join(prearchivedFolder(prearchiveRoot, session), 'SCANS')
  const taken = new Set<string>()
  for (const series of groupBy(headers, ({ seriesUid }) => seriesUid).values()) {
    const own = series[0]!
    const id = scanId(own.text('x00200011'), modality, taken)
    const spec = { label: 'DICOM', format: 'DICOM', content: 'RAW', seriesUid: own.seriesUid }
    const catalog = join(folder, id, 'DICOM', `scan_${id}_catalog.xml`)
    await builder.storeFiles(catalog, spec, sourceFiles(series), project ?? '', 0)
    session.scans.push({
      id,
      xsiType: scanTypeOf(own.text('x00080060') ?? modality),
      seriesDescription: own.text('x0008103e') ?? '',
      resources: ['DICOM'],
    })
  }
  database.prearchive.push(session)
  return session
}

function label(text: string): string {
  return text.replace(/[^\w-]+/g, '_')
}

/** `20260101_120000123` */
function timestampOf(ms: number): string {
  const digits = new Date(ms).toISOString().replace(/\D/g, '')
  return `${digits.slice(0, 8)}_${digits.slice(8)}`
}
