import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import {
  canDeleteIn,
  canEditIn,
  experimentById,
  experimentByLabel,
  findProject,
  isFrozen,
  isInProject,
} from '../store/access.js'
import type { Experiment, Project } from '../store/model.js'
import { isImageAssessor } from '../store/xsi-types.js'
import { newExperiment, plainFields } from './entity-factory.js'
import { deleteExperiment } from './entity-folders.js'
import { ITEM_VARIANTS, itemAnswer, itemProjects, statusAnswer } from './item-answer.js'
import { itemFromRequest, type ItemInput } from './item-input.js'
import { experimentNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'
import { findSession } from './session-lookup.js'
import { deletedFrom, shareExperiment, unshare } from './sharing.js'

/** `…/assessors/{A}`: ExptAssessmentResource. */
export function assessorItem(context: RestContext): RestResource {
  const { project, session } = findSession(context)
  if (context.variable('PROJECT_ID') !== undefined && !project) throw new StatusError(404)
  const name = context.variable('EXPT_ID')!
  const known = (): Experiment => {
    const assessor = existing(context, project, name)
    if (!assessor) throw new StatusError(404, 'Unable to find the specified experiment.')
    return assessor
  }
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => represent(context, known(), mediaType),
    put: () => put(context, project, session, name),
    delete: () => remove(context, project, known()),
  }
}

function existing(context: RestContext, project: Project | undefined, name: string): Experiment | undefined {
  const { database } = context.services
  const byId = experimentById(database, name, context.user)
  const inside = byId && (!project || isInProject(byId, project.id)) ? byId : undefined
  const found = inside ?? (project ? experimentByLabel(database, project.id, name, context.user) : undefined)
  return found && isImageAssessor(found.xsiType) ? found : undefined
}

function represent(context: RestContext, assessor: Experiment, mediaType: string): Answer {
  if (context.filePath === 'status') return statusAnswer(assessor.status, mediaType)
  if (context.filePath.startsWith('projects')) return itemProjects(context, assessor, mediaType)
  return itemAnswer(context, experimentNode(context, assessor), mediaType)
}

async function put(
  context: RestContext,
  project: Project | undefined,
  session: Experiment | undefined,
  name: string,
): Promise<Answer> {
  const { database, now } = context.services
  const assessor = existing(context, project, name)
  if (context.filePath !== '') {
    if (!assessor) throw new StatusError(417, 'Need POST Contents')
    return shareExperiment(context, assessor)
  }
  const input = await itemFromRequest(context, assessor?.xsiType, 'derived')
  if (!input) throw new StatusError(417, 'Need POST Contents')
  if (!isImageAssessor(input.xsiType)) {
    throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  }
  if (!assessor) {
    const created = await createAssessor(context, project, session, name, input)
    return stringAnswer(created.id, 'text/plain', 201)
  }
  if (!canEditIn(database.project(assessor.project), context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient edit privileges for subjects in this project.',
    )
  }
  if (input.fields['label'] !== undefined && input.fields['label'] !== assessor.label) {
    throw new StatusError(400, 'Label must be modified through separate URI.')
  }
  Object.assign(assessor.fields, plainFields(input.fields))
  assessor.meta.lastModifiedMs = now()
  await database.commit()
  return stringAnswer(assessor.id)
}

/** Also what POST to the list does. Without a project in URL or parameters there is none: 422. */
export async function createAssessor(
  context: RestContext,
  projectInUrl: Project | undefined,
  session: Experiment | undefined,
  name: string | undefined,
  input: ItemInput,
): Promise<Experiment> {
  const { database } = context.services
  const named = input.fields['project']
  const project =
    projectInUrl ?? (named === undefined ? undefined : findProject(database, String(named), context.user))
  if (!project) throw new StatusError(422, 'Submitted subject record must include the project attribute.')
  if (!session) throw new StatusError(404)
  if (!canEditIn(project, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient create privileges for subjects in this project.',
    )
  }
  const label = input.fields['label'] ?? name
  const fields = plainFields(input.fields)
  const owner = { project, subjectId: null, session }
  const assessor = newExperiment(database, owner, label?.toString(), input.xsiType, context.user.login)
  assessor.fields = fields
  await database.commit()
  return assessor
}

async function remove(
  context: RestContext,
  project: Project | undefined,
  assessor: Experiment,
): Promise<Answer> {
  const { services, user } = context
  if (await unshare(context, assessor, deletedFrom(context, assessor, project))) return EMPTY_OK
  if (!canDeleteIn(services.database.project(assessor.project), user)) {
    throw new StatusError(403, 'User cannot delete the specified assessment.')
  }
  if (isFrozen(assessor)) throw new StatusError(403)
  await deleteExperiment(services, assessor, context.query.isTrue('removeFiles'))
  return EMPTY_OK
}
