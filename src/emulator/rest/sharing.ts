import { StatusError, type Answer } from '../http/answer.js'
import {
  canDeleteIn,
  canEditIn,
  canReadItem,
  experimentByLabel,
  findProject,
  subjectByLabel,
} from '../store/access.js'
import type { Experiment, Project, Scan, Subject } from '../store/model.js'
import { moveExperiment, moveSubject } from './entity-folders.js'
import { itemAnswer } from './item-answer.js'
import { experimentNode, scanNode, subjectNode } from './item-tree.js'
import type { RestContext } from './resource.js'

/** `<item>/projects/OTHER`: sharing, and moving with `primary=true` (xnat-wire.md §6). */

const TARGET = /^projects\/(.+?)\/?$/

/** The project a path below an item names; other paths are 400, unknown projects 404. */
export function shareTarget(context: RestContext): Project {
  const name = TARGET.exec(context.filePath)?.[1]
  if (name === undefined) throw new StatusError(400)
  const project = findProject(context.services.database, name, context.user)
  if (!project) throw new StatusError(404, `Unable to identify project: ${name}`)
  return project
}

function checkLabelFree(
  context: RestContext,
  project: Project,
  label: string,
  kind: 'subject' | 'experiment',
): void {
  const { database } = context.services
  const find = kind === 'subject' ? subjectByLabel : experimentByLabel
  if (find(database, project.id, label, undefined))
    throw new StatusError(409, `Label already in use:${label}`)
}

function checkCanCreate(context: RestContext, project: Project, what: string): void {
  if (canEditIn(project, context.user)) return
  throw new StatusError(
    403,
    `Specified user account has insufficient create privileges for ${what} in the ${project.id} project.`,
  )
}

/** Adds the share, or gives an existing one a new label. */
function addShare(
  context: RestContext,
  item: Subject | Experiment,
  project: Project,
  kind: 'subject' | 'experiment',
): void {
  const label = context.query.get('label')
  const existing = item.shares.find((share) => share.project === project.id)
  if (existing && label !== undefined && existing.label !== label) {
    checkLabelFree(context, project, label, kind)
    existing.label = label
    return
  }
  if (existing || item.project === project.id)
    throw new StatusError(409, `Already assigned to project:${project.id}`)
  if (label !== undefined) checkLabelFree(context, project, label, kind)
  checkCanCreate(context, project, `${kind}s`)
  item.shares.push({ project: project.id, label: label ?? null })
}

function isPrimary(context: RestContext): boolean {
  return context.query.get('primary') === 'true'
}

export async function shareSubject(context: RestContext, subject: Subject): Promise<Answer> {
  const { services, user } = context
  const target = shareTarget(context)
  if (!canReadItem(services.database, subject, user)) throw new StatusError(403)
  if (isPrimary(context)) {
    checkMove(context, subject.project, target)
    subject.shares = subject.shares.filter((share) => share.project !== target.id)
    await moveSubject(services, subject, target, context.query.get('label') ?? subject.label)
  } else {
    addShare(context, subject, target, 'subject')
    await services.database.commit()
  }
  return itemAnswer(context, subjectNode(context, subject), 'text/html')
}

function checkMove(context: RestContext, from: string, target: Project): void {
  const owner = context.services.database.project(from)
  if (!canDeleteIn(owner, context.user)) {
    throw new StatusError(
      403,
      'Specified user account has insufficient privileges for experiments in this project.',
    )
  }
  if (from === target.id) throw new StatusError(409, `Already assigned to project: ${target.id}`)
  checkCanCreate(context, target, 'experiments')
}

export async function shareExperiment(context: RestContext, experiment: Experiment): Promise<Answer> {
  const { services, user } = context
  const target = shareTarget(context)
  if (!canReadItem(services.database, experiment, user)) throw new StatusError(404)
  if (isPrimary(context)) {
    checkMove(context, experiment.project, target)
    const label = context.query.get('label') ?? (experiment.label || experiment.id)
    if (experimentByLabel(services.database, target.id, label, undefined)) {
      throw new StatusError(409, 'Specified label is already in use.')
    }
    experiment.shares = experiment.shares.filter((share) => share.project !== target.id)
    await moveExperiment(services, experiment, target, label)
    return { status: 200 }
  }
  addShare(context, experiment, target, 'experiment')
  // Sharing a session shares all its scans; sharing a scan does not share the others.
  for (const scan of experiment.scans) shareScanOnly(scan, target)
  await services.database.commit()
  return itemAnswer(context, experimentNode(context, experiment), 'text/html')
}

function shareScanOnly(scan: Scan, target: Project): boolean {
  if (scan.shares.some((share) => share.project === target.id)) return false
  scan.shares.push({ project: target.id, label: null })
  return true
}

/** Shares one scan, and its session (without the other scans) where that is not shared yet. */
export async function shareScan(context: RestContext, session: Experiment, scan: Scan): Promise<Answer> {
  const { services } = context
  const target = shareTarget(context)
  if (!session.shares.some((share) => share.project === target.id)) {
    checkCanCreate(context, target, 'experiments')
    if (session.project !== target.id) session.shares.push({ project: target.id, label: session.label })
  }
  checkCanCreate(context, target, 'experiments')
  if (session.project === target.id || !shareScanOnly(scan, target)) {
    throw new StatusError(409, `Already assigned to project: ${target.id}`)
  }
  await services.database.commit()
  return itemAnswer(context, scanNode(context, session, scan), 'text/html')
}

/** The project a DELETE is about: one named below the item, one whose list the item was reached by, or its own. */
export function deletedFrom(
  context: RestContext,
  item: Subject | Experiment,
  reachedBy: Project | undefined,
): Project | undefined {
  if (context.filePath !== '') return shareTarget(context)
  return reachedBy ?? context.services.database.project(item.project)
}

/** Removes the share if `project` is not the item's own; true if that was all there was to do. */
export async function unshare(
  context: RestContext,
  item: Subject | Experiment,
  project: Project | undefined,
): Promise<boolean> {
  const { database } = context.services
  if (!project || project.id === item.project) return false
  const before = item.shares.length
  if (!canDeleteIn(project, context.user)) throw new StatusError(403)
  item.shares = item.shares.filter((share) => share.project !== project.id)
  if (item.shares.length === before) throw new StatusError(404)
  if ('scans' in item) {
    for (const scan of item.scans) scan.shares = scan.shares.filter((share) => share.project !== project.id)
  }
  await database.commit()
  return true
}
