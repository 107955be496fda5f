import { StatusError } from '../http/answer.js'
import {
  experimentById,
  experimentByLabel,
  findProject,
  isInProject,
  subjectInProject,
} from '../store/access.js'
import type { Experiment, Project } from '../store/model.js'
import { isImageSession } from '../store/xsi-types.js'
import type { RestContext } from './resource.js'

export interface FoundSession {
  readonly project: Project | undefined
  readonly session: Experiment | undefined
}

/** ASSESSED_ID the way the item classes look it up: ID first, then label in the project. */
export function findSession(context: RestContext): FoundSession {
  const { services, user } = context
  const { database } = services
  const projectId = context.variable('PROJECT_ID')
  const project = projectId === undefined ? undefined : findProject(database, projectId, user)
  const name = context.variable('ASSESSED_ID') ?? ''
  let session = experimentById(database, name, user)
  if (session && project && !isInProject(session, project.id)) session = undefined
  if (!session && project) session = experimentByLabel(database, project.id, name, user)
  // A cast to image session fails in the constructor, and that is a 404.
  if (session && !isImageSession(session.xsiType)) throw new StatusError(404)
  return { project, session }
}

/** For the lists below a session, which need project, subject and session to be there (§2.2). */
export function requireSession(context: RestContext): Experiment {
  const { project, session } = findSession(context)
  const inProject = context.variable('PROJECT_ID') !== undefined
  if (!session || (inProject && !project)) throw new StatusError(404)
  const subject = context.variable('SUBJECT_ID')
  if (project && subject !== undefined) {
    if (!subjectInProject(context.services.database, project.id, subject, context.user))
      throw new StatusError(404)
  }
  return session
}
