import type { UserAccount } from '../users.js'
import type { Database } from './database.js'
import type { Experiment, Project, ProjectRole, Scan, Share, Subject } from './model.js'

/** Who may do what (xnat-wire.md §7): unreadable looks like absent, readable but not writable is 403. */

export function roleIn(project: Project, user: UserAccount): ProjectRole | undefined {
  if (project.members.Owners.includes(user.login)) return 'Owners'
  if (project.members.Members.includes(user.login)) return 'Members'
  return project.members.Collaborators.includes(user.login) ? 'Collaborators' : undefined
}

/** Reading the data of a project: members, the site's readers, and everybody where it is public. */
export function canReadData(project: Project | undefined, user: UserAccount): boolean {
  if (!project) return false
  if (user.siteRole !== 'none' || project.accessibility === 'public') return true
  return roleIn(project, user) !== undefined
}

/** Seeing the project itself: also whoever meets a protected one, except guests. */
export function canReadProject(project: Project | undefined, user: UserAccount): boolean {
  return canReadData(project, user) || (project?.accessibility === 'protected' && user.login !== 'guest')
}

export function canEditIn(project: Project | undefined, user: UserAccount): boolean {
  if (!project) return false
  if (user.siteRole === 'admin') return true
  const role = roleIn(project, user)
  return role === 'Owners' || role === 'Members'
}

/** Deleting, and changing the project itself, is for owners. */
export function canDeleteIn(project: Project | undefined, user: UserAccount): boolean {
  if (!project) return false
  return user.siteRole === 'admin' || roleIn(project, user) === 'Owners'
}

/** Of what is locked or obsolete nothing is deleted, whoever asks (xnat-wire.md §6). */
export function isFrozen(item: Experiment | Subject): boolean {
  return 'status' in item && (item.status === 'locked' || item.status === 'obsolete')
}

interface Shareable {
  readonly project: string
  readonly shares: readonly Share[]
}

/** Whether an item belongs to a project or is shared into it. */
export function isInProject(item: Shareable, projectId: string): boolean {
  return item.project === projectId || item.shares.some((share) => share.project === projectId)
}

export function canReadItem(database: Database, item: Shareable, user: UserAccount): boolean {
  if (canReadData(database.project(item.project), user)) return true
  return item.shares.some((share) => canReadData(database.project(share.project), user))
}

/** A scan is readable with its session's own project, or where the scan itself is shared (≥ 1.8). */
export function canReadScan(database: Database, session: Experiment, scan: Scan, user: UserAccount): boolean {
  if (canReadData(database.project(session.project), user)) return true
  return scan.shares.some((share) => canReadData(database.project(share.project), user))
}

/** The label an item goes by in a project. */
export function labelIn(item: Shareable & { readonly label: string }, projectId: string): string {
  return item.shares.find((share) => share.project === projectId)?.label || item.label
}

/** The project of that ID or alias, if the user may see it. */
export function findProject(database: Database, idOrAlias: string, user: UserAccount): Project | undefined {
  const project =
    database.project(idOrAlias) ??
    [...database.projects()].find((candidate) => candidate.aliases.includes(idOrAlias))
  return canReadProject(project, user) ? project : undefined
}

function hasLabelIn(item: Shareable & { readonly label: string }, projectId: string, label: string): boolean {
  if (item.project === projectId && item.label === label) return true
  return item.shares.some((share) => share.project === projectId && share.label === label)
}

/** GetSubjectByProjectIdentifier: by label only. */
export function subjectByLabel(
  database: Database,
  projectId: string,
  label: string,
  user: UserAccount | undefined,
): Subject | undefined {
  for (const subject of database.subjects()) {
    if (hasLabelIn(subject, projectId, label) && (!user || canReadItem(database, subject, user)))
      return subject
  }
  return undefined
}

export function subjectById(database: Database, id: string, user: UserAccount): Subject | undefined {
  const subject = database.subject(id)
  return subject && canReadItem(database, subject, user) ? subject : undefined
}

/** GetExptByProjectIdentifier: by label only; any kind of experiment. */
export function experimentByLabel(
  database: Database,
  projectId: string,
  label: string,
  user: UserAccount | undefined,
): Experiment | undefined {
  for (const experiment of database.experiments()) {
    if (!hasLabelIn(experiment, projectId, label)) continue
    if (!user || canReadItem(database, experiment, user)) return experiment
  }
  return undefined
}

export function experimentById(database: Database, id: string, user: UserAccount): Experiment | undefined {
  const experiment = database.experiment(id)
  return experiment && canReadItem(database, experiment, user) ? experiment : undefined
}

/** In a project: label first, then ID (the order of the lists and item classes). */
export function subjectInProject(
  database: Database,
  projectId: string,
  name: string,
  user: UserAccount,
): Subject | undefined {
  const byLabel = subjectByLabel(database, projectId, name, user)
  if (byLabel) return byLabel
  const byId = subjectById(database, name, user)
  return byId && isInProject(byId, projectId) ? byId : undefined
}
