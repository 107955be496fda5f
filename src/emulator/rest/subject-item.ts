import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import {
  canDeleteIn,
  canEditIn,
  findProject,
  isInProject,
  subjectById,
  subjectByLabel,
  subjectInProject,
} from '../store/access.js'
import type { Project, Subject } from '../store/model.js'
import { newSubject, plainFields } from './entity-factory.js'
import { deleteSubject, moveSubject } from './entity-folders.js'
import { ITEM_VARIANTS, itemAnswer, itemProjects, statusAnswer } from './item-answer.js'
import { itemFromRequest } from './item-input.js'
import { subjectNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'
import { deletedFrom, shareSubject, unshare } from './sharing.js'

/** `…/subjects/{S}`: SubjectResource. */
export function subjectItem(context: RestContext): RestResource {
  const { services, user } = context
  const projectId = context.variable('PROJECT_ID')
  const project = projectId === undefined ? undefined : findProject(services.database, projectId, user)
  const name = context.variable('SUBJECT_ID')!
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => represent(context, readable(context, project, name), mediaType),
    put: () => put(context, projectId, project, name),
    delete: () => remove(context, project, readable(context, project, name)),
  }
}

/** For GET and DELETE: ID first, whatever the project; then label in the project. */
function readable(context: RestContext, project: Project | undefined, name: string): Subject {
  const { database } = context.services
  const subject =
    subjectById(database, name, context.user) ??
    (project ? subjectByLabel(database, project.id, name, context.user) : undefined)
  if (subject) return subject
  const hint = project
    ? `The project ${project.id} does not contain a subject identifiable by the ID or label ${name}.`
    : `When searching by subject ID only, you must specify the accession number and not the subject label, which is not unique across the XNAT system. ${name} is not a known subject accession ID.`
  throw new StatusError(404, `Unable to find the specified subject. ${hint}`)
}

function represent(context: RestContext, subject: Subject, mediaType: string): Answer {
  if (context.filePath === 'status') return statusAnswer('active', mediaType)
  if (context.filePath.startsWith('projects')) return itemProjects(context, subject, mediaType)
  return itemAnswer(context, subjectNode(context, subject), mediaType)
}

async function put(
  context: RestContext,
  projectId: string | undefined,
  project: Project | undefined,
  name: string,
): Promise<Answer> {
  const { database } = context.services
  if (projectId !== undefined && !project) throw new StatusError(404, 'Unable to identify project')
  const existing = project
    ? subjectInProject(database, project.id, name, context.user)
    : subjectById(database, name, context.user)
  if (context.filePath !== '') {
    if (!existing) throw new StatusError(404)
    return shareSubject(context, existing)
  }
  const input = await itemFromRequest(context, 'xnat:subjectData', 'subject')
  if (input?.xsiType !== 'xnat:subjectData') {
    throw new StatusError(422, 'Only xnat:Subject documents can be PUT to this address.')
  }
  const home = project ?? (existing ? database.project(existing.project) : undefined)
  if (!home) throw new StatusError(422, 'Submitted subject record must include the project attribute.')
  if (existing) return update(context, home, existing, plainFields(input.fields))
  return create(context, home, String(input.fields['label'] ?? name), plainFields(input.fields))
}

async function create(
  context: RestContext,
  project: Project,
  label: string,
  fields: Subject['fields'],
): Promise<Answer> {
  const { database } = context.services
  const twin = subjectByLabel(database, project.id, label, undefined)
  if (twin) return update(context, project, twin, fields)
  if (!canEditIn(project, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient create privileges for subjects in this project.',
    )
  }
  const subject = newSubject(database, project, label, context.user.login)
  subject.fields = fields
  await database.commit()
  return stringAnswer(subject.id, 'text/plain', 201)
}

async function update(
  context: RestContext,
  project: Project,
  subject: Subject,
  fields: Subject['fields'],
): Promise<Answer> {
  const { database, now } = context.services
  if (project.id !== subject.project && !isInProject(subject, project.id)) {
    throw new StatusError(409, 'Project must be modified through separate URI.')
  }
  if (!canEditIn(database.project(subject.project), context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient edit privileges for subjects in this project.',
    )
  }
  const label = context.query.get('label')
  if (label !== undefined) {
    await renameSubject(context, subject, label)
    return EMPTY_OK
  }
  Object.assign(subject.fields, fields)
  subject.meta.lastModifiedMs = now()
  await database.commit()
  return stringAnswer(subject.id)
}

async function renameSubject(context: RestContext, subject: Subject, label: string): Promise<void> {
  const { database } = context.services
  // The subject's own label counts as in use as well (§6).
  if (subjectByLabel(database, subject.project, label, undefined)) {
    throw new StatusError(409, 'Specified label is already in use.')
  }
  await moveSubject(context.services, subject, database.project(subject.project)!, label)
}

async function remove(context: RestContext, project: Project | undefined, subject: Subject): Promise<Answer> {
  const { services, user } = context
  if (await unshare(context, subject, deletedFrom(context, subject, project))) return EMPTY_OK
  if (!canDeleteIn(services.database.project(subject.project), user)) {
    throw new StatusError(403, 'User account cannot delete the specified subject.')
  }
  await deleteSubject(services, subject, context.query.isTrue('removeFiles'))
  return EMPTY_OK
}
