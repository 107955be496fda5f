/**
 * Names of fields in the spelling of XNAT's schema. REST takes them in any case, and its short-cuts for experiments
 * are all lower case, but items show them like this.
 */
const NAMES = [
  'ID',
  'UID',
  'URI',
  'PI/firstname',
  'PI/lastname',
  'acquisition_site',
  'acqType',
  'baseScanType',
  'birth_weight',
  'dcmAccessionNumber',
  'dcmPatientBirthDate',
  'dcmPatientId',
  'dcmPatientName',
  'dcmPatientWeight',
  'educationDesc',
  'fieldStrength',
  'imageType',
  'imagesession_id',
  'image_session_ID',
  'originalFileName',
  'parameters/acqType',
  'parameters/imageType',
  'parameters/scanSequence',
  'parameters/seqVariant',
  'parameters/scanOptions',
  'parameters/voxelRes/x',
  'parameters/voxelRes/y',
  'parameters/voxelRes/z',
  'parameters/voxelRes/units',
  'prearchivePath',
  'scanner/softwareVersion',
  'secondary_ID',
  'session_type',
  'sopClassUID',
  'startTime',
  'start_time_scan',
  'studyType',
  'subject_ID',
  'tracer/specificActivity',
  'tracer/startTime',
  'transferSyntaxUID',
] as const

const canonical = new Map<string, string>(NAMES.map((name) => [name.toLowerCase(), name]))

/** Fields that are numbers in an item's JSON; in lists everything is a string. */
const NUMERIC =
  /^(?:frames|age|weight|height|education|dcmPatientWeight|birth_weight|parameters\/(?:tr|te|ti|flip|partitions|voxelRes\/[xyz]|fov\/[xy]|matrix\/[xy]))$/

/** The short-cuts of short-cuts: a path below the element without predicates and known wrappers. */
export function fieldName(path: string): string {
  const bare = path.replace(/\[[^\]]*\]/g, '').replace(/^demographics\//, '')
  return canonical.get(bare.toLowerCase()) ?? bare
}

/** A value as the field's type has it. */
export function fieldValue(name: string, text: string): string | number {
  return NUMERIC.test(name) && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : text
}
