import type { Experiment, Project, Reconstruction, Scan, Subject } from './model.js'
import { isImageAssessor, isImageSession } from './xsi-types.js'

/** Where things lie below the archive root, as XNAT lays them out. All paths are relative, with slashes. */

/** A name that can be one component of a path; nearly every name already is. */
export function folderName(name: string): string {
  const safe = name.replaceAll('/', '_').replaceAll('\0', '_')
  return safe === '' || safe === '.' || safe === '..' ? `_${safe.replace(/\./g, '_')}` : safe
}

export function projectFolder(projectId: string): string {
  return folderName(projectId)
}

export function subjectFolder(projectId: string, label: string): string {
  return `${projectFolder(projectId)}/subjects/${folderName(label)}`
}

export function experimentFolder(project: Project, label: string): string {
  return `${projectFolder(project.id)}/${folderName(project.currentArc)}/${folderName(label)}`
}

export function assessorFolder(session: Experiment, assessorId: string): string {
  return `${session.folder}/ASSESSORS/${folderName(assessorId)}`
}

export function scanFolder(session: Experiment, scan: Pick<Scan, 'id'>): string {
  return `${session.folder}/SCANS/${folderName(scan.id)}`
}

export function reconstructionFolder(
  session: Experiment,
  reconstruction: Pick<Reconstruction, 'id'>,
): string {
  return `${session.folder}/PROCESSED/${folderName(reconstruction.id)}`
}

export type Side = 'in' | 'out'

/** What can hold resources. */
export type ResourceParent =
  | { readonly kind: 'project'; readonly project: Project }
  | { readonly kind: 'subject'; readonly subject: Subject }
  | { readonly kind: 'experiment'; readonly experiment: Experiment }
  | { readonly kind: 'assessor'; readonly assessor: Experiment; readonly side: Side }
  | { readonly kind: 'scan'; readonly session: Experiment; readonly scan: Scan }
  | {
      readonly kind: 'reconstruction'
      readonly session: Experiment
      readonly reconstruction: Reconstruction
      readonly side: Side
    }

/** The folder in which a parent's resources have theirs. */
export function resourcesFolder(parent: ResourceParent): string {
  switch (parent.kind) {
    case 'project':
      return `${projectFolder(parent.project.id)}/resources`
    case 'subject':
      return parent.subject.folder
    case 'experiment':
      return `${parent.experiment.folder}/RESOURCES`
    case 'assessor':
      return `${parent.assessor.folder}/${parent.side}`
    case 'scan':
      return scanFolder(parent.session, parent.scan)
    default:
      return reconstructionFolder(parent.session, parent.reconstruction)
  }
}

/** Catalog of a resource; one without a label gets a folder named by the time it was made. */
export function catalogUri(parent: ResourceParent, label: string | null, nowMs: number): string {
  const name = folderName(
    label ?? new Date(nowMs).toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '_'),
  )
  return `${resourcesFolder(parent)}/${name}/${name}_catalog.xml`
}

/** Whether the experiment's own folder is that of its session. */
export function hasOwnSessionFolder(experiment: Experiment): boolean {
  return isImageSession(experiment.xsiType) || !isImageAssessor(experiment.xsiType)
}
