import { StatusError } from '../http/answer.js'
import type { Database } from '../store/database.js'
import { assessorFolder, experimentFolder, subjectFolder } from '../store/layout.js'
import type {
  Accessibility,
  Experiment,
  Fields,
  Project,
  Reconstruction,
  Scan,
  Subject,
} from '../store/model.js'

/** New entities with everything XNAT fills in by itself. Nothing is committed here. */

export function newProject(database: Database, id: string, login: string): Project {
  return {
    id,
    secondaryId: id,
    name: id,
    description: '',
    aliases: [],
    fields: {},
    accessibility: 'private',
    prearchiveCode: 4,
    quarantineCode: 0,
    currentArc: 'arc001',
    scanTypeMapping: true,
    members: { Owners: [login], Members: [], Collaborators: [] },
    resources: [],
    meta: database.newMeta(login),
  }
}

/** Without a label the accession number is the label. */
export function newSubject(
  database: Database,
  project: Project,
  givenLabel: string | undefined,
  login: string,
): Subject {
  const id = database.nextSubjectId()
  const label = givenLabel ?? id
  const subject: Subject = {
    id,
    project: project.id,
    label,
    fields: {},
    shares: [],
    resources: [],
    folder: subjectFolder(project.id, label),
    meta: database.newMeta(login),
  }
  database.addSubject(subject)
  return subject
}

export interface ExperimentOwner {
  readonly project: Project
  readonly subjectId: string | null
  /** Of an image assessor. */
  readonly session: Experiment | undefined
}

export function newExperiment(
  database: Database,
  owner: ExperimentOwner,
  givenLabel: string | undefined,
  xsiType: string,
  login: string,
): Experiment {
  const id = database.nextExperimentId()
  const label = givenLabel ?? id
  const { project, session, subjectId } = owner
  const experiment: Experiment = {
    id,
    project: project.id,
    label,
    xsiType,
    subjectId: session ? null : subjectId,
    sessionId: session?.id ?? null,
    fields: {},
    shares: [],
    status: project.quarantineCode === 1 ? 'quarantine' : 'active',
    resources: [],
    inResources: [],
    outResources: [],
    scans: [],
    reconstructions: [],
    folder: session ? assessorFolder(session, id) : experimentFolder(project, label),
    meta: database.newMeta(login),
  }
  database.addExperiment(experiment)
  return experiment
}

export function newScan(database: Database, id: string, xsiType: string, login: string): Scan {
  return {
    pk: database.nextNumber('scan'),
    id,
    xsiType,
    type: null,
    fields: {},
    shares: [],
    resources: [],
    meta: database.newMeta(login),
  }
}

export function newReconstruction(database: Database, id: string, login: string): Reconstruction {
  return {
    pk: database.nextNumber('reconstruction'),
    id,
    type: null,
    fields: {},
    inResources: [],
    outResources: [],
    meta: database.newMeta(login),
  }
}

/** Fields that are kept elsewhere than among an item's other fields. */
const STRUCTURAL = new Set([
  'ID',
  'id',
  'project',
  'label',
  'subject_ID',
  'imageSession_ID',
  'imagesession_id',
  'image_session_ID',
  'xnat_imagescandata_id',
  'xnat_reconstructedimagedata_id',
])

/** Fields of an input that are values of the item. Dates are checked: a wrong one is 400 (InvalidValueException). */
export function plainFields(fields: Fields): Fields {
  const kept: Fields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (STRUCTURAL.has(name) || /[^\w/]/.test(name)) continue
    kept[name] = name === 'date' || name === 'dob' ? isoDate(String(value)) : value
  }
  return kept
}

/** `2020-01-31`, `01/31/2020` and `20200131` are understood. */
function isoDate(text: string): string {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})/.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text)
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text)
  const parts = iso
    ? [iso[1], iso[2], iso[3]]
    : american
      ? [american[3], american[1], american[2]]
      : undefined
  const date = parts?.map((part) => part!.padStart(2, '0')).join('-')
  if (date === undefined || Number.isNaN(Date.parse(date))) throw new StatusError(400)
  return date
}

export function isAccessibility(value: string): value is Accessibility {
  return value === 'public' || value === 'protected' || value === 'private'
}

/** XftStringUtils.isValidId: what IDs of projects must be made of. */
export function isValidId(id: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(id)
}
