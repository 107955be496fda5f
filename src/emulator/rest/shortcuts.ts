/** XNAT's short names for paths (XMLPathShortcuts): columns, filters and parameters alike. */

export type ShortcutSet = 'scan' | 'experiment' | 'subject' | 'reconstruction' | 'derived' | 'project'

interface Shortcuts {
  /** Can be set by a parameter of a PUT. */
  readonly writable: Readonly<Record<string, string>>
  /** Can only be asked for. */
  readonly readOnly: Readonly<Record<string, string>>
}

function below(prefix: string, pairs: string): Record<string, string> {
  const entries = pairs
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split('='))
  return Object.fromEntries(entries.map(([name, path]) => [name!, `${prefix}/${path ?? name}`]))
}

const INVESTIGATOR = 'pi_firstname=investigator/firstname pi_lastname=investigator/lastname'
const VALIDATION =
  'validation_method=validation/method validation_status=validation/status validation_date=validation/date validation_notes=validation/notes'
const META =
  'insert_date=meta/insert_date insert_user=meta/insert_user/login last_modified=meta/last_modified'
const DEMOGRAPHICS =
  'dob yob age gender handedness ses education educationDesc race ethnicity weight height gestational_age post_menstrual_age birth_weight'

const sets: Readonly<Record<ShortcutSet, Shortcuts>> = {
  scan: {
    writable: {
      ...below(
        'xnat:imageScanData',
        `ID type UID note quality condition series_description documentation scanner modality frames ${VALIDATION} scanTime=startTime`,
      ),
      ...below('xnat:mrScanData', 'coil fieldStrength marker stabilization'),
      ...below(
        'xnat:petScanData',
        'orientation=parameters/orientation originalFileName=parameters/originalFileName systemType=parameters/systemType fileType=parameters/fileType transaxialFOV=parameters/transaxialFOV acqType=parameters/acqType facility=parameters/facility numPlanes=parameters/numPlanes numFrames=parameters/frames/numFrames numGates=parameters/numGates planeSeparation=parameters/planeSeparation binSize=parameters/binSize dataType=parameters/dataType',
      ),
    },
    readOnly: below(
      'xnat:imageScanData',
      `xnat_imagescandata_id ${META} xsiType=extension_item/element_name`,
    ),
  },
  experiment: {
    writable: {
      ...below(
        'xnat:experimentdata',
        `ID=id visit_id visit protocol date time note ${INVESTIGATOR} ${VALIDATION} project label`,
      ),
      ...below(
        'xnat:imagesessiondata',
        'scanner operator dcmAccessionNumber=dcmaccessionnumber dcmPatientId=dcmpatientid dcmPatientName=dcmpatientname session_type modality UID=uid studyInstanceUID=uid',
      ),
      ...below('xnat:mrsessiondata', 'coil fieldStrength=fieldstrength marker'),
      ...below(
        'xnat:petsessiondata',
        'studyType=studytype patientID=patientid patientName=patientname stabilization scan_start_time=start_time_scan injection_start_time=start_time_injection tracer_name=tracer/name tracer_startTime=tracer/starttime tracer_dose=tracer/dose tracer_sa=tracer/specificactivity tracer_totalmass=tracer/totalmass tracer_intermediate=tracer/intermediate tracer_isotope=tracer/isotope/half-life tracer_transmissions=tracer/transmissions tracer_transmissions_start=tracer/transmissions_starttime',
      ),
      ...below('xnat:subjectassessordata', 'subject_ID=subject_id'),
    },
    readOnly: {
      ...below('xnat:subjectdata', 'subject_label=label subject_project=project'),
      ...below('xnat:imagesessiondata', 'session_ID=id session_label=label session_project=project'),
      ...below('xnat:experimentData', `${META} xsiType=extension_item/element_name`),
    },
  },
  subject: {
    writable: {
      ...below('xnat:subjectData', `project label ID group src ${INVESTIGATOR}`),
      ...below('xnat:subjectData/demographics[@xsi:type=xnat:demographicData]', DEMOGRAPHICS),
    },
    readOnly: below('xnat:subjectData', META),
  },
  reconstruction: {
    writable: below('xnat:reconstructedImageData', 'ID type baseScanType'),
    readOnly: below(
      'xnat:reconstructedImageData',
      'xnat_reconstructedimagedata_id xsiType=extension_item/element_name',
    ),
  },
  derived: {
    writable: below(
      'xnat:experimentdata',
      `ID visit_id date time note ${INVESTIGATOR} ${VALIDATION} project label`,
    ),
    readOnly: {
      ...below('xnat:imagesessiondata', 'session_ID=id session_label=label session_project=project'),
      ...below('xnat:experimentData', `${META} xsiType=extension_item/element_name`),
    },
  },
  project: {
    writable: below(
      'xnat:projectData',
      'ID secondary_ID name description keywords alias=aliases/alias/alias pi_firstname=PI/firstname pi_lastname=PI/lastname note=fields/field[name=note]/field',
    ),
    readOnly: {},
  },
}

export function writableShortcuts(set: ShortcutSet): Readonly<Record<string, string>> {
  return sets[set].writable
}

export function allShortcuts(set: ShortcutSet): Readonly<Record<string, string>> {
  return { ...sets[set].writable, ...sets[set].readOnly }
}
