import { allTypes, parentType } from './xsi-types.js'

const SHARING = 'sharing(share(@label @project)*)'
const FIELDS = 'fields(field(@name)*)'
const RESOURCES = 'resources(resource:xnat:abstractResource*)'
const SIDES = 'in(file:xnat:abstractResource*) out(file:xnat:abstractResource*)'
const VALIDATION = 'validation(@status method date:date notes)'
const SCANNER = 'scanner(@manufacturer @model)'
const DESCRIPTION = '@format @content @description'

/**
 * Fields of data types as XNAT's schemas have them, as far as this server knows of them. `@name` is an attribute, `name:type`
 * has another type than text, `name(…)` has fields of its own, and `*` says that there may be several. Before a `|`: what a
 * type extends that is not in the table of data types.
 */
const TEXTS: Readonly<Record<string, string>> = {
  'xnat:projectData': `@ID @secondary_ID name type description keywords aliases(alias(@source)*) ${RESOURCES}
    studyProtocol:xnat:abstractProtocol* PI:xnat:investigatorData
    investigators(investigator:xnat:investigatorData*) ${FIELDS}`,
  'xnat:abstractProtocol': '@ID @name @data-type description',
  'xnat:datatypeProtocol': 'xnat:abstractProtocol|',
  'xnat:investigatorData': '@ID title firstname lastname institution department email phone',
  'xnat:subjectData': `@ID @project @group @label @src investigator:xnat:investigatorData ${SHARING} ${RESOURCES}
    demographics:xnat:abstractDemographicData experiments(experiment:xnat:subjectAssessorData*) ${FIELDS}`,
  'xnat:abstractDemographicData': '',
  'xnat:demographicData': `xnat:abstractDemographicData|dob:date yob:integer age:integer gender handedness ses:integer
    education:integer educationDesc race ethnicity weight:float height:float gestational_age:float
    post_menstrual_age:float birth_weight:float`,
  'xnat:experimentData': `@ID @project @visit_id @visit @protocol @label ${SHARING} date:date time:time note
    investigator:xnat:investigatorData ${RESOURCES} ${VALIDATION} acquisition_site ${FIELDS}`,
  'xnat:subjectAssessorData': 'subject_ID age:float',
  'xnat:imageSessionData': `@session_type @modality @UID ${SCANNER} operator dcmAccessionNumber dcmPatientId
    dcmPatientName dcmPatientBirthDate:date prearchivePath scans(scan:xnat:imageScanData*)
    reconstructions(reconstructedImage:xnat:reconstructedImageData*) assessors(assessor:xnat:imageAssessorData*)`,
  'xnat:mrSessionData': 'coil fieldStrength marker stabilization',
  'xnat:petSessionData': `studyType patientID patientName stabilization start_time_scan:time start_time_injection:time
    tracer(name startTime:time dose:float specificActivity:float totalMass:float intermediate transmissions:integer)`,
  'xnat:imageScanData': `@ID @type @UID @project @modality image_session_ID ${SHARING} note quality condition
    series_description documentation ${SCANNER} ${VALIDATION} frames:integer startTime:time
    file:xnat:abstractResource* ${FIELDS}`,
  'xnat:mrScanData': `coil fieldStrength marker stabilization parameters(voxelRes(@units @x:float @y:float @z:float)
    orientation fov(@x:integer @y:integer) matrix(@x:integer @y:integer) partitions:integer tr:float te:float ti:float
    flip:integer acqType imageType scanSequence seqVariant scanOptions)`,
  'xnat:petScanData': `parameters(orientation originalFileName systemType:integer fileType:integer transaxialFOV:float
    acqType:integer facility numPlanes:integer frames(numFrames:integer) numGates:integer planeSeparation:float
    binSize:float dataType:integer)`,
  'xnat:reconstructedImageData': `@ID @type @baseScanType image_session_ID ${SIDES}`,
  'xnat:imageAssessorData': `imageSession_ID ${SIDES} parameters(addParam(@name)*)`,
  'xnat:qcManualAssessorData': 'rater',
  'xnat:abstractResource': '@label @file_count:integer @file_size:long note tags(tag(@name)*)',
  'xnat:resource': `xnat:abstractResource|@URI ${DESCRIPTION}`,
  'xnat:resourceCatalog': 'xnat:resource|',
  'xnat:imageResource': 'xnat:resource|',
  'xnat:dicomSeries': `xnat:abstractResource|@UID ${DESCRIPTION}`,
  'wrk:workflowData': '@ID @ExternalID @data_type @pipeline_name @launch_time @status @category @type',
  'xdat:stored_search': `@ID @brief-description @description @secure root_element_name search_field:xdat:search_field*
    search_where:xdat:criteria_set* sort_by(element_name field_ID)`,
  'xdat:search_field': 'element_name field_ID sequence:integer type header value',
  'xdat:criteria_set': '@method criteria:xdat:criteria* child_set:xdat:criteria_set*',
  'xdat:criteria': 'schema_field comparison_type value',
  'xdat:userGroup': '@ID @displayName @tag',
  'xdat:user': '@ID login firstname lastname email enabled:boolean',
}

export interface SchemaType {
  /** What it extends. */
  readonly base: string | undefined
  /** Those that it adds. */
  readonly fields: readonly SchemaField[]
}

export interface SchemaField {
  readonly name: string
  readonly isAttribute: boolean
  readonly type: string
  readonly isList: boolean
  readonly fields: readonly SchemaField[]
}

/** The fields of a text, which ends with them or with the bracket behind them. */
function parsed(text: string): SchemaField[] {
  const tokens = text.match(/@?[\w-]+(?::[\w:]+)?|[()*]/g) ?? []
  let at = 0
  const fieldsFrom = (): SchemaField[] => {
    const fields: SchemaField[] = []
    while (at < tokens.length && tokens[at] !== ')') {
      const [, mark, name, type] = /^(@?)([\w-]+)(?::(.+))?$/.exec(tokens[at++]!)!
      let own: SchemaField[] = []
      if (tokens[at] === '(') {
        at++
        own = fieldsFrom()
        at++
      }
      const isList = tokens[at] === '*'
      if (isList) at++
      fields.push({ name: name!, isAttribute: mark === '@', type: type ?? 'string', isList, fields: own })
    }
    return fields
  }
  return fieldsFrom()
}

const types = new Map<string, SchemaType>()

export function schemaType(name: string): SchemaType {
  let type = types.get(name)
  if (type) return type
  const [before, after] = (TEXTS[name] ?? '').split('|')
  const base = after === undefined ? parentType(name) : before!
  type = { base, fields: parsed(after ?? before!) }
  types.set(name, type)
  return type
}

export function schemaTypes(): string[] {
  return [...new Set([...allTypes(), ...Object.keys(TEXTS)])]
}

/** All fields of a type, those of what it extends first: the order of its documents. */
export function allFields(name: string): SchemaField[] {
  const { base, fields } = schemaType(name)
  return base === undefined ? [...fields] : [...allFields(base), ...fields]
}
