import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StatusError } from '../http/answer.js'
import type { Services } from '../services.js'
import { assessorFolder, experimentFolder, scanFolder, subjectFolder } from '../store/layout.js'
import type { Experiment, Project, Resource, Subject } from '../store/model.js'
import { isImageAssessor } from '../store/xsi-types.js'

/** Moving and removing the folders of entities; the database is changed by the caller's own steps. */

function experimentResources(experiment: Experiment): Resource[] {
  return [
    ...experiment.resources,
    ...experiment.inResources,
    ...experiment.outResources,
    ...experiment.scans.flatMap((scan) => scan.resources),
    ...experiment.reconstructions.flatMap((item) => [...item.inResources, ...item.outResources]),
  ]
}

export function assessorsOf(services: Services, session: Experiment): Experiment[] {
  return [...services.database.experiments()].filter(
    (item) => item.sessionId === session.id && isImageAssessor(item.xsiType),
  )
}

export function experimentsOf(services: Services, subject: Subject): Experiment[] {
  return [...services.database.experiments()].filter((item) => item.subjectId === subject.id)
}

async function isOccupied(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length > 0
}

/** XNAT copies the folder and then deletes the old one: slow, and O(bytes) (xnat-wire.md §6). */
async function moveFolder(
  services: Services,
  from: string,
  to: string,
  resources: readonly Resource[],
): Promise<void> {
  if (from === to) return
  const source = join(services.archiveRoot, from)
  const target = join(services.archiveRoot, to)
  if (await isOccupied(target))
    throw new StatusError(409, 'File system destination contains pre-existing files')
  if (await isOccupied(source)) await cp(source, target, { recursive: true, preserveTimestamps: true })
  for (const resource of resources) {
    if (resource.uri.startsWith(`${from}/`)) resource.uri = to + resource.uri.slice(from.length)
  }
  await services.database.commit()
  await rm(source, { recursive: true, force: true })
}

/** Moves an experiment into a project's archive under a label, with everything in it. */
export async function moveExperiment(
  services: Services,
  experiment: Experiment,
  project: Project,
  label: string,
): Promise<void> {
  const from = experiment.folder
  const session =
    experiment.sessionId === null ? undefined : services.database.experiment(experiment.sessionId)
  // The folder of an assessor bears its ID and stays where its session is.
  const to = session ? assessorFolder(session, experiment.id) : experimentFolder(project, label)
  const assessors = assessorsOf(services, experiment)
  const resources = [experiment, ...assessors].flatMap(experimentResources)
  const before = { folder: from, label: experiment.label, project: experiment.project }
  experiment.folder = to
  experiment.label = label
  experiment.project = project.id
  try {
    await moveFolder(services, from, to, resources)
  } catch (error) {
    Object.assign(experiment, before)
    throw error
  }
  for (const assessor of assessors) assessor.folder = assessorFolder(experiment, assessor.id)
  await services.database.commit()
}

export async function moveSubject(
  services: Services,
  subject: Subject,
  project: Project,
  label: string,
): Promise<void> {
  const from = subject.folder
  const before = { folder: from, label: subject.label, project: subject.project }
  Object.assign(subject, { folder: subjectFolder(project.id, label), label, project: project.id })
  try {
    await moveFolder(services, from, subject.folder, subject.resources)
  } catch (error) {
    Object.assign(subject, before)
    throw error
  }
  await services.database.commit()
}

async function removeFolder(services: Services, folder: string): Promise<void> {
  await rm(join(services.archiveRoot, folder), { recursive: true, force: true })
}

/** Deletes an experiment and its assessors; without `removeFiles` only the rows go. */
export async function deleteExperiment(
  services: Services,
  experiment: Experiment,
  removeFiles: boolean,
): Promise<void> {
  for (const assessor of assessorsOf(services, experiment)) services.database.removeExperiment(assessor.id)
  services.database.removeExperiment(experiment.id)
  await services.database.commit()
  if (removeFiles) await removeFolder(services, experiment.folder)
}

export async function deleteSubject(
  services: Services,
  subject: Subject,
  removeFiles: boolean,
): Promise<void> {
  for (const experiment of experimentsOf(services, subject)) {
    await deleteExperiment(services, experiment, removeFiles)
  }
  services.database.removeSubject(subject.id)
  await services.database.commit()
  if (removeFiles) await removeFolder(services, subject.folder)
}

export async function deleteProject(
  services: Services,
  project: Project,
  removeFiles: boolean,
): Promise<void> {
  const { database } = services
  for (const experiment of database.experiments()) {
    if (experiment.project === project.id) await deleteExperiment(services, experiment, removeFiles)
    else experiment.shares = experiment.shares.filter((share) => share.project !== project.id)
  }
  for (const subject of database.subjects()) {
    if (subject.project === project.id) await deleteSubject(services, subject, removeFiles)
    else subject.shares = subject.shares.filter((share) => share.project !== project.id)
  }
  database.removeProject(project.id)
  await database.commit()
  if (removeFiles) await removeFolder(services, project.id)
}

/** The folder of a scan goes with the scan, whatever `removeFiles` says (§6). */
export async function removeScanFolder(
  services: Services,
  session: Experiment,
  scanId: string,
): Promise<void> {
  await removeFolder(services, scanFolder(session, { id: scanId }))
}
