import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import {
  canDeleteIn,
  canEditIn,
  experimentById,
  experimentByLabel,
  findProject,
  isFrozen,
  isInProject,
  subjectById,
  subjectByLabel,
  subjectInProject,
} from '../store/access.js'
import type { Experiment, Project, Subject } from '../store/model.js'
import { isExperiment, isImageAssessor, isSubjectAssessor } from '../store/xsi-types.js'
import { newExperiment, newScan, newSubject, plainFields } from './entity-factory.js'
import { deleteExperiment, moveExperiment } from './entity-folders.js'
import { ITEM_VARIANTS, itemAnswer, itemProjects, statusAnswer } from './item-answer.js'
import { itemFromRequest, type ItemInput } from './item-input.js'
import { experimentNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'
import { deletedFrom, shareExperiment, unshare } from './sharing.js'
import { historyAnswer } from './workflows.js'

/** What the URL of an experiment says. */
interface Place {
  readonly context: RestContext
  readonly project: Project | undefined
  /** As in the URL, below a subject. */
  readonly subjectName: string | undefined
  readonly name: string
}

/** `…/experiments/{E}`, with a subject (SubjAssessmentResource) or without (ExperimentResource). */
export function experimentItem(context: RestContext): RestResource {
  const { services, user } = context
  const projectId = context.variable('PROJECT_ID')
  const project = projectId === undefined ? undefined : findProject(services.database, projectId, user)
  const subjectName = context.variable('SUBJECT_ID')
  const place: Place = { context, project, subjectName, name: context.variable('EXPT_ID')! }
  if (projectId !== undefined && !project && (subjectName !== undefined || context.method === 'PUT')) {
    throw new StatusError(404)
  }
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => represent(context, readable(place), mediaType),
    put: () => put(place),
    delete: () => remove(place, readable(place)),
  }
}

/** For GET and DELETE: ID first, then label in the project (§2.7). */
function readable({ context, project, name }: Place): Experiment {
  const { database } = context.services
  const experiment =
    experimentById(database, name, context.user) ??
    (project ? experimentByLabel(database, project.id, name, context.user) : undefined)
  if (!experiment) throw new StatusError(404, 'Unable to find the specified experiment.')
  return experiment
}

function represent(context: RestContext, experiment: Experiment, mediaType: string): Answer {
  const path = context.filePath
  if (path === 'status') return statusAnswer(experiment.status, mediaType)
  if (path === 'history') return historyAnswer(context, experiment)
  if (path.startsWith('projects')) return itemProjects(context, experiment, mediaType)
  return itemAnswer(context, experimentNode(context, experiment), mediaType)
}

/** For PUT: label in the project first, then ID. */
function existingFor({ context, project, name }: Place): Experiment | undefined {
  const { database } = context.services
  const byLabel = project ? experimentByLabel(database, project.id, name, context.user) : undefined
  const byId = byLabel ?? experimentById(database, name, context.user)
  return byId && project && !isInProject(byId, project.id) ? undefined : byId
}

async function put(place: Place): Promise<Answer> {
  const { context } = place
  const existing = existingFor(place)
  if (context.filePath !== '') {
    if (!existing) throw new StatusError(417, 'Need PUT Contents')
    return shareExperiment(context, existing)
  }
  const input = await itemFromRequest(context, existing?.xsiType, 'experiment')
  if (!input) throw new StatusError(417, 'Need PUT Contents')
  const fits =
    place.subjectName === undefined ? isExperiment(input.xsiType) : isSubjectAssessor(input.xsiType)
  if (!fits) throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  return existing ? update(place, existing, input) : create(place, input)
}

async function create(place: Place, input: ItemInput): Promise<Answer> {
  const { context } = place
  const { database } = context.services
  const project = place.project ?? projectOf(context, input)
  if (!project) throw new StatusError(422, 'Submitted experiment record must include the project attribute.')
  if (!canEditIn(project, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient create privileges for experiments in this project.',
    )
  }
  const label = String(input.fields['label'] ?? place.name)
  const fields = plainFields(input.fields)
  const subject = subjectFor(place, project, input)
  if (!subject && isSubjectAssessor(input.xsiType)) {
    throw new StatusError(422, 'Submitted experiment record must include the subject.')
  }
  const owner = { project, subjectId: subject?.id ?? null, session: sessionOf(context, input) }
  const experiment = newExperiment(database, owner, label, input.xsiType, context.user.login)
  experiment.fields = fields
  addScans(context, experiment, input)
  await database.commit()
  return stringAnswer(experiment.id, 'text/plain', 201)
}

function projectOf(context: RestContext, input: ItemInput): Project | undefined {
  const id = input.fields['project']
  return id === undefined ? undefined : findProject(context.services.database, String(id), context.user)
}

function sessionOf(context: RestContext, input: ItemInput): Experiment | undefined {
  if (!isImageAssessor(input.xsiType)) return undefined
  const id = input.fields['imageSession_ID'] ?? input.fields['imagesession_id']
  return id === undefined ? undefined : experimentById(context.services.database, String(id), context.user)
}

/** The subject in the URL or in the parameters; one that does not exist is made (§6). */
function subjectFor(place: Place, project: Project, input: ItemInput): Subject | undefined {
  const { context } = place
  const { database } = context.services
  const name = place.subjectName ?? input.fields['subject_ID']?.toString()
  if (name === undefined) return undefined
  const known =
    place.subjectName === undefined
      ? (subjectById(database, name, context.user) ??
        subjectByLabel(database, project.id, name, context.user))
      : subjectInProject(database, project.id, name, context.user)
  return known ?? newSubject(database, project, name, context.user.login)
}

async function update(place: Place, experiment: Experiment, input: ItemInput): Promise<Answer> {
  const { context } = place
  const { database, now } = context.services
  const home = database.project(experiment.project)!
  if (!canEditIn(home, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient edit privileges for experiments in this project.',
    )
  }
  const label = context.query.get('label')
  if (label !== undefined) {
    // The experiment's own label counts as in use as well (§6).
    if (experimentByLabel(database, experiment.project, label, undefined)) {
      throw new StatusError(409, 'Specified label is already in use.')
    }
    await moveExperiment(context.services, experiment, home, label)
    return EMPTY_OK
  }
  checkUnchanged(experiment, input)
  const fields = plainFields(input.fields)
  const subject = input.fields['subject_ID'] === undefined ? undefined : subjectFor(place, home, input)
  if (subject) experiment.subjectId = subject.id
  Object.assign(experiment.fields, fields)
  addScans(context, experiment, input)
  experiment.meta.lastModifiedMs = now()
  await database.commit()
  await setStatus(context, experiment, home)
  return stringAnswer(experiment.id)
}

/** What a save does besides, by the parameter that asks for it; of the last three the first counts (§6). */
const STATUS_BY_PARAMETER = [
  ['activate', 'active'],
  ['quarantine', 'quarantine'],
] as const
const LOCK_BY_PARAMETER = [
  ['_lock', 'locked'],
  ['_unlock', 'active'],
  ['_obsolete', 'obsolete'],
] as const

/** After the save, so that what is refused is saved all the same. */
async function setStatus(context: RestContext, experiment: Experiment, home: Project): Promise<void> {
  const isAsked = ([name]: readonly [string, string]): boolean => {
    const value = context.query.get(name)?.toLowerCase()
    return value !== undefined && value !== 'false' && value !== '0'
  }
  const asked = [...STATUS_BY_PARAMETER.filter(isAsked), ...LOCK_BY_PARAMETER.filter(isAsked).slice(0, 1)]
  if (asked.length === 0) return
  if (!canDeleteIn(home, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient activation privileges for experiments in this project.',
    )
  }
  experiment.status = asked.at(-1)![1]
  await context.services.database.commit()
}

/** A document must not smuggle in another identity. */
function checkUnchanged(experiment: Experiment, input: ItemInput): void {
  const { fields } = input
  if (fields['ID'] !== undefined && fields['ID'] !== experiment.id) {
    throw new StatusError(400, 'ID cannot be modified')
  }
  if (fields['project'] !== undefined && fields['project'] !== experiment.project) {
    throw new StatusError(409, 'Project must be modified through separate URI.')
  }
  if (fields['label'] !== undefined && fields['label'] !== experiment.label) {
    throw new StatusError(400, 'Label must be modified through separate URI.')
  }
}

function addScans(context: RestContext, session: Experiment, input: ItemInput): void {
  for (const described of input.scans) {
    const id = described.fields['ID']
    if (id === undefined) continue
    let scan = session.scans.find((candidate) => candidate.id === String(id))
    if (!scan) {
      scan = newScan(context.services.database, String(id), described.xsiType, context.user.login)
      session.scans.push(scan)
    }
    const { type, ...fields } = plainFields(described.fields)
    if (type !== undefined) scan.type = String(type)
    Object.assign(scan.fields, fields)
  }
}

async function remove({ context, project }: Place, experiment: Experiment): Promise<Answer> {
  const { services, user } = context
  if (await unshare(context, experiment, deletedFrom(context, experiment, project))) return EMPTY_OK
  if (!canDeleteIn(services.database.project(experiment.project), user)) {
    throw new StatusError(403, 'User account cannot delete the specified experiment.')
  }
  if (isFrozen(experiment)) throw new StatusError(403)
  await deleteExperiment(services, experiment, context.query.isTrue('removeFiles'))
  return EMPTY_OK
}
