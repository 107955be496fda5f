import { canonicalType, isExperiment, isInstanceOf } from '../store/xsi-types.js'

/** Display fields of the data types a search can start from: ID, heading, path of its value, type. */
export interface DisplayField {
  readonly id: string
  readonly header: string
  /** Below the data type it belongs to; in lower case. */
  readonly path: string
  readonly type: 'string' | 'integer' | 'date' | 'float'
}

function field(
  id: string,
  header: string,
  path: string,
  type: DisplayField['type'] = 'string',
): DisplayField {
  return { id, header, path, type }
}

const PROJECT = [
  field('ID', 'ID', 'xnat:projectdata/id'),
  field('NAME', 'Title', 'xnat:projectdata/name'),
  field('DESCRIPTION', 'Description', 'xnat:projectdata/description'),
  field('SECONDARY_ID', 'Running Title', 'xnat:projectdata/secondary_id'),
  field('INSERT_DATE', 'Inserted', 'xnat:projectdata/meta/insert_date', 'date'),
  field('INSERT_USER', 'Creator', 'xnat:projectdata/meta/insert_user/login'),
]

const SUBJECT = [
  field('SUBJECT_ID', 'Subject ID', 'xnat:subjectdata/id'),
  field('SUBJECT_LABEL', 'Subject', 'xnat:subjectdata/label'),
  field('PROJECT', 'Project', 'xnat:subjectdata/project'),
  field('INSERT_DATE', 'Inserted', 'xnat:subjectdata/meta/insert_date', 'date'),
  field('INSERT_USER', 'Creator', 'xnat:subjectdata/meta/insert_user/login'),
  field('GENDER_TEXT', 'M/F', 'xnat:subjectdata/gender'),
  field('HANDEDNESS_TEXT', 'Hand', 'xnat:subjectdata/handedness'),
  field('AGE', 'Age', 'xnat:subjectdata/age', 'integer'),
  field('DOB', 'YOB', 'xnat:subjectdata/dob', 'date'),
  field('EDUC', 'Educ', 'xnat:subjectdata/education'),
  field('SES', 'SES', 'xnat:subjectdata/ses'),
  field('SUB_GROUP', 'Group', 'xnat:subjectdata/group'),
]

const EXPERIMENT = [
  field('LABEL', 'Label', 'xnat:experimentdata/label'),
  field('PROJECT', 'Project', 'xnat:experimentdata/project'),
  field('DATE', 'Date', 'xnat:experimentdata/date', 'date'),
  field('TIME', 'Time', 'xnat:experimentdata/time'),
  field('INSERT_DATE', 'Inserted', 'xnat:experimentdata/meta/insert_date', 'date'),
  field('INSERT_USER', 'Creator', 'xnat:experimentdata/meta/insert_user/login'),
]

const SESSION = [
  field('SESSION_ID', 'ID', 'xnat:experimentdata/id'),
  ...EXPERIMENT,
  field('SUBJECT_ID', 'Subject ID', 'xnat:subjectassessordata/subject_id'),
  field('SUBJECT_LABEL', 'Subject', 'xnat:subjectdata/label'),
  field('TYPE', 'Type', 'xnat:imagesessiondata/session_type'),
  field('SCANNER', 'Scanner', 'xnat:imagesessiondata/scanner'),
  field('SCANNER_CSV', 'Scanner', 'xnat:imagesessiondata/scanner'),
  field('OPERATOR', 'Operator', 'xnat:imagesessiondata/operator'),
  field('MODALITY', 'Modality', 'xnat:imagesessiondata/modality'),
  field('UID', 'UID', 'xnat:imagesessiondata/uid'),
  field('DCMPATIENTID', 'Patient ID', 'xnat:imagesessiondata/dcmpatientid'),
  field('DCMPATIENTNAME', 'Patient Name', 'xnat:imagesessiondata/dcmpatientname'),
]

const OTHER_EXPERIMENT = [
  field('EXPT_ID', 'ID', 'xnat:experimentdata/id'),
  field('ID', 'ID', 'xnat:experimentdata/id'),
  ...EXPERIMENT,
  field('SUBJECT_ID', 'Subject ID', 'xnat:subjectassessordata/subject_id'),
  field('SESSION_ID', 'Session ID', 'xnat:imageassessordata/imagesession_id'),
  field('SESSION_LABEL', 'Session', 'xnat:imagesessiondata/label'),
]

const SCAN = [
  field('ID', 'ID', 'xnat:imagescandata/id'),
  field('TYPE', 'Type', 'xnat:imagescandata/type'),
  field('SERIES_DESCRIPTION', 'Series Description', 'xnat:imagescandata/series_description'),
  field('QUALITY', 'Quality', 'xnat:imagescandata/quality'),
  field('FRAMES', 'Frames', 'xnat:imagescandata/frames', 'integer'),
  field('IMAGE_SESSION_ID', 'Session', 'xnat:imagescandata/image_session_id'),
  field('XNAT_IMAGESCANDATA_ID', 'Key', 'xnat:imagescandata/xnat_imagescandata_id', 'integer'),
]

export function displayFields(element: string): readonly DisplayField[] {
  if (element === 'xnat:projectData') return PROJECT
  if (element === 'xnat:subjectData') return SUBJECT
  if (isInstanceOf(element, 'xnat:imageSessionData')) return SESSION
  if (isExperiment(element)) return OTHER_EXPERIMENT
  return isInstanceOf(element, 'xnat:imageScanData') ? SCAN : []
}

/** A display field by its ID, or any field by its path, as searches name both. */
export function pathOfField(element: string, id: string): string | undefined {
  const known = displayFields(element).find((candidate) => candidate.id === id.toUpperCase())
  if (known) return known.path
  const slash = id.indexOf('/')
  return slash > 0 && canonicalType(id.slice(0, slash)) ? id.toLowerCase() : undefined
}
