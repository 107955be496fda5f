import type { Services } from '../services.js'
import { sqlTimestamp } from '../store/catalog.js'
import { fieldName } from '../store/field-names.js'
import type { Experiment, Fields, Meta, Project, Reconstruction, Scan, Subject } from '../store/model.js'
import { canonicalType, isImageAssessor, isImageSession, isInstanceOf, isScan } from '../store/xsi-types.js'
import type { Cell } from './table.js'

/** Cells of the lists by path; all paths come in lower case, as XNAT's aliases are. */

function metaValue(meta: Meta, tail: string): Cell | undefined {
  switch (tail) {
    case 'meta/insert_date':
      return sqlTimestamp(meta.insertDateMs)
    case 'meta/insert_user/login':
      return meta.insertUser
    case 'meta/last_modified':
      return meta.lastModifiedMs === null ? null : sqlTimestamp(meta.lastModifiedMs)
    default:
      return undefined
  }
}

function fieldAt(fields: Fields, tail: string): Cell {
  const name = fieldName(tail)
  const direct = fields[name]
  if (direct !== undefined) return direct
  const key = Object.keys(fields).find((candidate) => candidate.toLowerCase() === name.toLowerCase())
  return key === undefined ? null : fields[key]!
}

interface SplitPath {
  readonly type: string
  readonly tail: string
}

/** A path is the same for all rows. */
const splits = new Map<string, SplitPath>()
const splitsKept = 1000

function split(path: string): SplitPath {
  const known = splits.get(path)
  if (known) return known
  const slash = path.indexOf('/')
  const type = canonicalType(path.slice(0, slash)) ?? path.slice(0, slash)
  const parts = { type, tail: path.slice(slash + 1) }
  if (splits.size === splitsKept) splits.clear()
  splits.set(path, parts)
  return parts
}

export function projectValue(project: Project, path: string): Cell {
  const { tail } = split(path)
  const known = metaValue(project.meta, tail)
  if (known !== undefined) return known
  switch (tail) {
    case 'id':
      return project.id
    case 'secondary_id':
      return project.secondaryId
    case 'name':
      return project.name
    case 'description':
      return project.description
    case 'aliases/alias/alias':
      return project.aliases[0] ?? null
    default:
      return fieldAt(project.fields, tail)
  }
}

export function subjectValue(subject: Subject, path: string): Cell {
  const { tail } = split(path)
  const known = metaValue(subject.meta, tail)
  if (known !== undefined) return known
  if (tail === 'id') return subject.id
  if (tail === 'project') return subject.project
  if (tail === 'label') return subject.label
  return fieldAt(subject.fields, tail)
}

/** An experiment, and one of its scans where a table has them too. */
export interface ExperimentRow {
  readonly experiment: Experiment
  readonly scan?: Scan
}

const SCANS = 'scans/scan/'

/** Whether a path is that of something in a scan: `xnat:imageScanData/type`, `xnat:mrSessionData/scans/scan/ID`. */
export function isScanPath(path: string): boolean {
  const { type, tail } = split(path.toLowerCase())
  return isScan(type) || (isImageSession(type) && tail.startsWith(SCANS))
}

export function rowValue(services: Services, { experiment, scan }: ExperimentRow, path: string): Cell {
  if (!isScanPath(path)) return experimentValue(services, experiment, path)
  const { type, tail } = split(path)
  if (!scan) return null
  const own = isScan(type) ? path : `xnat:imagescandata/${tail.slice(SCANS.length)}`
  return scanValue(experiment, scan, own)
}

export function experimentValue(services: Services, experiment: Experiment, path: string): Cell {
  const { type, tail } = split(path)
  const { database } = services
  if (type === 'xnat:subjectData') {
    const subject = experiment.subjectId === null ? undefined : database.subject(experiment.subjectId)
    return subject ? subjectValue(subject, path) : null
  }
  if (isImageSession(type) && isImageAssessor(experiment.xsiType)) {
    const session = experiment.sessionId === null ? undefined : database.experiment(experiment.sessionId)
    return session ? experimentValue(services, session, path) : null
  }
  // A column of another data type than the row's own is a join that finds nothing.
  return isInstanceOf(experiment.xsiType, type) ? ownValue(experiment, tail) : null
}

function ownValue(experiment: Experiment, tail: string): Cell {
  const known = metaValue(experiment.meta, tail)
  if (known !== undefined) return known
  switch (tail) {
    case 'id':
      return experiment.id
    case 'project':
      return experiment.project
    case 'label':
      return experiment.label
    case 'subject_id':
      return experiment.subjectId
    case 'imagesession_id':
      return experiment.sessionId
    case 'extension_item/element_name':
      return experiment.xsiType
    default:
      return fieldAt(experiment.fields, tail)
  }
}

export function scanValue(session: Experiment, scan: Scan, path: string): Cell {
  const { type, tail } = split(path)
  if (!isInstanceOf(scan.xsiType, type)) return null
  const known = metaValue(scan.meta, tail)
  if (known !== undefined) return known
  switch (tail) {
    case 'id':
      return scan.id
    case 'type':
      return scan.type
    case 'xnat_imagescandata_id':
      return scan.pk
    case 'image_session_id':
      return session.id
    case 'extension_item/element_name':
      return scan.xsiType
    default:
      return fieldAt(scan.fields, tail)
  }
}

export function reconstructionValue(session: Experiment, item: Reconstruction, path: string): Cell {
  const { tail } = split(path)
  const known = metaValue(item.meta, tail)
  if (known !== undefined) return known
  switch (tail) {
    case 'id':
      return item.id
    case 'type':
      return item.type
    case 'xnat_reconstructedimagedata_id':
      return item.pk
    case 'image_session_id':
      return session.id
    case 'extension_item/element_name':
      return 'xnat:reconstructedImageData'
    default:
      return fieldAt(item.fields, tail)
  }
}
