import { StatusError, stringBody, type Answer } from '../http/answer.js'
import { canEditIn, experimentByLabel, findProject, subjectById, subjectByLabel } from '../store/access.js'
import type { Experiment, Fields, Project, Subject } from '../store/model.js'
import { isImageAssessor, isScan, isSubjectAssessor } from '../store/xsi-types.js'
import { createAssessor } from './assessor-item.js'
import { isValidId, newExperiment, newSubject, plainFields } from './entity-factory.js'
import { itemFromRequest } from './item-input.js'
import { saveProject } from './project-item.js'
import { saveReconstruction } from './reconstruction-item.js'
import type { RestContext } from './resource.js'
import { saveScan } from './scan-item.js'

/** POST to the lists: 200, the new item's URL in Location and body; 409 if there is one already (§6). */

function created(context: RestContext, id: string): Answer {
  const url = `${context.exchange.baseUrl}${context.exchange.path.replace(/\/$/, '')}/${id}`
  return { status: 200, headers: { Location: url }, body: stringBody(url) }
}

export async function postProject(context: RestContext): Promise<Answer> {
  const input = await itemFromRequest(context, 'xnat:projectData', 'project')
  const id = input?.fields['ID']
  if (!input || id === undefined) throw new StatusError(417, 'Requires XNAT ProjectData ID')
  if (!isValidId(String(id))) throw new StatusError(417, 'Invalid character in project ID.')
  if (context.services.database.project(String(id))) throw new StatusError(409, 'Project already exists.')
  await saveProject(context, undefined, String(id), input)
  return created(context, String(id))
}

export async function postSubject(context: RestContext, project: Project): Promise<Answer> {
  const { database } = context.services
  const input = await itemFromRequest(context, 'xnat:subjectData', 'subject')
  if (input?.xsiType !== 'xnat:subjectData') {
    throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  }
  const { ID: id, label } = input.fields
  if (id !== undefined && subjectById(database, String(id), context.user)) {
    throw new StatusError(409, 'Subject already exists.')
  }
  if (label !== undefined && subjectByLabel(database, project.id, String(label), undefined)) {
    throw new StatusError(409, 'Subject already exists.')
  }
  checkCanCreate(context, project, 'subjects')
  const fields = plainFields(input.fields)
  const subject = newSubject(database, project, label?.toString(), context.user.login)
  subject.fields = fields
  await database.commit()
  return created(context, subject.id)
}

function checkCanCreate(context: RestContext, project: Project, what: string): void {
  if (canEditIn(project, context.user)) return
  throw new StatusError(
    403,
    `Specified user account has insufficient create privileges for ${what} in this project.`,
  )
}

export async function postExperiment(
  context: RestContext,
  project: Project,
  subjectInUrl: Subject | undefined,
): Promise<Answer> {
  const { database } = context.services
  const input = await itemFromRequest(context, undefined, 'experiment')
  if (!input) throw new StatusError(417, 'Need POST Contents')
  if (!isSubjectAssessor(input.xsiType)) {
    throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  }
  const { label, subject_ID: subjectName } = input.fields
  const subject = subjectInUrl ?? postedSubject(context, project, subjectName)
  if (!subject) throw new StatusError(422, 'Submitted experiment record must include the subject.')
  if (label !== undefined && experimentByLabel(database, project.id, String(label), undefined)) {
    throw new StatusError(409, 'Specified experiment already exists.')
  }
  checkCanCreate(context, project, 'experiments')
  const fields = plainFields(input.fields)
  const owner = { project, subjectId: subject.id, session: undefined }
  const experiment = newExperiment(database, owner, label?.toString(), input.xsiType, context.user.login)
  experiment.fields = fields
  await database.commit()
  return created(context, experiment.id)
}

/** A subject named by the document; one that does not exist is made, as by PUT. */
function postedSubject(
  context: RestContext,
  project: Project,
  name: Fields[string] | undefined,
): Subject | undefined {
  const { database } = context.services
  if (name === undefined) return undefined
  const text = String(name)
  const known =
    subjectById(database, text, context.user) ?? subjectByLabel(database, project.id, text, context.user)
  return known ?? newSubject(database, project, text, context.user.login)
}

export async function postAssessor(
  context: RestContext,
  projectInUrl: Project | undefined,
  session: Experiment,
): Promise<Answer> {
  const { database } = context.services
  const input = await itemFromRequest(context, undefined, 'derived')
  if (!input) throw new StatusError(417, 'Need POST Contents')
  if (!isImageAssessor(input.xsiType)) {
    throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  }
  const { label, project: named } = input.fields
  const project =
    projectInUrl ?? (named === undefined ? undefined : findProject(database, String(named), context.user))
  if (project && label !== undefined && experimentByLabel(database, project.id, String(label), undefined)) {
    throw new StatusError(409, 'Specified experiment already exists.')
  }
  const assessor = await createAssessor(context, project, session, undefined, input)
  return created(context, assessor.id)
}

/** Sessions of three kinds know what their scans are. */
const SCAN_OF_SESSION: Readonly<Record<string, string>> = {
  'xnat:mrSessionData': 'xnat:mrScanData',
  'xnat:petSessionData': 'xnat:petScanData',
  'xnat:ctSessionData': 'xnat:ctScanData',
}

export async function postScan(context: RestContext, session: Experiment): Promise<Answer> {
  const input = await itemFromRequest(context, SCAN_OF_SESSION[session.xsiType], 'scan')
  if (!input) throw new StatusError(417, 'Need POST Contents')
  if (!isScan(input.xsiType)) {
    throw new StatusError(422, 'Only Scan documents can be PUT to this address.')
  }
  const ids = new Set(session.scans.map((scan) => scan.id))
  const id = input.fields['ID'] === undefined ? nextFreeId(ids) : String(input.fields['ID'])
  if (ids.has(id)) throw new StatusError(409, 'Specified scan already exists.')
  const scan = await saveScan(context, session, undefined, id, input)
  return created(context, scan.id)
}

function nextFreeId(taken: ReadonlySet<string>): string {
  let number = 1
  while (taken.has(String(number))) number++
  return String(number)
}

export async function postReconstruction(context: RestContext, session: Experiment): Promise<Answer> {
  const input = await itemFromRequest(context, 'xnat:reconstructedImageData', 'reconstruction')
  if (input?.xsiType !== 'xnat:reconstructedImageData') {
    throw new StatusError(422, 'Only reconstruction documents can be PUT to this address.')
  }
  const ids = new Set(session.reconstructions.map((item) => item.id))
  const id = input.fields['ID'] === undefined ? nextFreeId(ids) : String(input.fields['ID'])
  if (ids.has(id)) throw new StatusError(409, 'Specified reconstruction already exists.')
  const item = await saveReconstruction(context, session, undefined, id, input)
  return created(context, item.id)
}
