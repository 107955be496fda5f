/** What is known of XNAT's data types: what extends what, how they are called, which scans belong to which session. */

interface DataType {
  readonly parent: string | null
  /** Name of the root element in an item's XML. */
  readonly element: string
  readonly singular: string
  readonly plural: string
}

function type(parent: string | null, element: string, singular: string, plural = `${singular}s`): DataType {
  return { parent, element, singular, plural }
}

const EXPERIMENT = 'xnat:experimentData'
const SUBJECT_ASSESSOR = 'xnat:subjectAssessorData'
const SESSION = 'xnat:imageSessionData'
const DERIVED = 'xnat:derivedData'
const ASSESSOR = 'xnat:imageAssessorData'
const SCAN = 'xnat:imageScanData'

const types: Readonly<Record<string, DataType>> = {
  'xnat:projectData': type(null, 'xnat:Project', 'Project'),
  'xnat:subjectData': type(null, 'xnat:Subject', 'Subject'),
  [EXPERIMENT]: type(null, 'xnat:Experiment', 'Experiment'),
  [SUBJECT_ASSESSOR]: type(EXPERIMENT, 'xnat:SubjectAssessor', 'Subject Assessor'),
  [SESSION]: type(SUBJECT_ASSESSOR, 'xnat:ImageSession', 'Image Session'),
  'xnat:mrSessionData': type(SESSION, 'xnat:MRSession', 'MR Session'),
  'xnat:petSessionData': type(SESSION, 'xnat:PETSession', 'PET Session'),
  'xnat:petmrSessionData': type(SESSION, 'xnat:PETMRSession', 'PET MR Session'),
  'xnat:ctSessionData': type(SESSION, 'xnat:CTSession', 'CT Session'),
  'xnat:usSessionData': type(SESSION, 'xnat:USSession', 'US Session'),
  'xnat:crSessionData': type(SESSION, 'xnat:CRSession', 'CR Session'),
  'xnat:dxSessionData': type(SESSION, 'xnat:DXSession', 'DX Session'),
  'xnat:mgSessionData': type(SESSION, 'xnat:MGSession', 'MG Session'),
  'xnat:nmSessionData': type(SESSION, 'xnat:NMSession', 'NM Session'),
  'xnat:xaSessionData': type(SESSION, 'xnat:XASession', 'XA Session'),
  'xnat:otherDicomSessionData': type(SESSION, 'xnat:OtherDicomSession', 'Other DICOM Session'),
  [DERIVED]: type(EXPERIMENT, 'xnat:DerivedData', 'Derived Data', 'Derived Data'),
  [ASSESSOR]: type(DERIVED, 'xnat:ImageAssessor', 'Image Assessor'),
  'xnat:mrAssessorData': type(ASSESSOR, 'xnat:MRAssessor', 'MR Assessor'),
  'xnat:petAssessorData': type(ASSESSOR, 'xnat:PETAssessor', 'PET Assessor'),
  'xnat:qcAssessmentData': type(ASSESSOR, 'xnat:QCAssessment', 'Auto QC'),
  'xnat:qcManualAssessorData': type(ASSESSOR, 'xnat:QCManualAssessment', 'Manual QC'),
  'xnat:validationData': type(DERIVED, 'xnat:Validation', 'Protocol Validation'),
  'proc:genProcData': type(ASSESSOR, 'proc:GenProcData', 'Processing'),
  'icr:roiCollectionData': type(ASSESSOR, 'icr:RoiCollection', 'ROI Collection'),
  'xnat:subjectVariablesData': type(SUBJECT_ASSESSOR, 'xnat:SubjectVariables', 'Subject Variables'),
  'xnat:segScanData': type(SCAN, 'xnat:SegScan', 'SEG Scan'),
  [SCAN]: type(null, 'xnat:ImageScan', 'Image Scan'),
  'xnat:mrScanData': type(SCAN, 'xnat:MRScan', 'MR Scan'),
  'xnat:petScanData': type(SCAN, 'xnat:PETScan', 'PET Scan'),
  'xnat:ctScanData': type(SCAN, 'xnat:CTScan', 'CT Scan'),
  'xnat:usScanData': type(SCAN, 'xnat:USScan', 'US Scan'),
  'xnat:crScanData': type(SCAN, 'xnat:CRScan', 'CR Scan'),
  'xnat:dxScanData': type(SCAN, 'xnat:DXScan', 'DX Scan'),
  'xnat:mgScanData': type(SCAN, 'xnat:MGScan', 'MG Scan'),
  'xnat:nmScanData': type(SCAN, 'xnat:NMScan', 'NM Scan'),
  'xnat:xaScanData': type(SCAN, 'xnat:XAScan', 'XA Scan'),
  'xnat:scScanData': type(SCAN, 'xnat:SCScan', 'SC Scan'),
  'xnat:srScanData': type(SCAN, 'xnat:SRScan', 'SR Scan'),
  'xnat:otherDicomScanData': type(SCAN, 'xnat:OtherDicomScan', 'Other DICOM Scan'),
  'xnat:reconstructedImageData': type(null, 'xnat:ReconstructedImage', 'Reconstructed Image'),
  'xnat:datatypeProtocol': type(null, 'xnat:datatypeProtocol', 'Protocol'),
  'wrk:workflowData': type(null, 'wrk:Workflow', 'Workflow'),
  'xnat:resourceCatalog': type(null, 'xnat:resourceCatalog', 'Resource Catalog'),
}

const byLowerCase = new Map(Object.keys(types).map((name) => [name.toLowerCase(), name]))

/** The name in its proper spelling; undefined for an unknown type. */
export function canonicalType(name: string): string | undefined {
  return byLowerCase.get(name) ?? byLowerCase.get(name.toLowerCase())
}

export function isKnownType(name: string): boolean {
  return name in types
}

/** Whether `name` is `ancestor` or extends it. */
export function isInstanceOf(name: string, ancestor: string): boolean {
  let current: string | null = name
  while (current !== null) {
    if (current === ancestor) return true
    current = types[current]?.parent ?? null
  }
  return false
}

export const isExperiment = (name: string): boolean => isInstanceOf(name, EXPERIMENT)
export const isSubjectAssessor = (name: string): boolean => isInstanceOf(name, SUBJECT_ASSESSOR)
export const isImageSession = (name: string): boolean => isInstanceOf(name, SESSION)
export const isImageAssessor = (name: string): boolean => isInstanceOf(name, ASSESSOR)
export const isScan = (name: string): boolean => isInstanceOf(name, SCAN)

export function allTypes(): string[] {
  return Object.keys(types)
}

/** What a type extends. */
export function parentType(name: string): string | undefined {
  return types[name]?.parent ?? undefined
}

export function rootElement(name: string): string {
  return types[name]?.element ?? name.replace(/Data$/, '')
}

/** Display names; a type without any is shown by its element name. */
export function singularName(name: string): string {
  return types[name]?.singular ?? name
}

export function pluralName(name: string): string {
  return types[name]?.plural ?? name
}

/** The data type of scans of one modality, and of sessions. */
export function scanTypeOf(modality: string): string {
  return modalityType(modality, 'Scan')
}

export function sessionTypeOf(modality: string): string {
  return modalityType(modality, 'Session')
}

function modalityType(modality: string, kind: 'Scan' | 'Session'): string {
  const code = modality.toLowerCase() === 'pt' ? 'pet' : modality.toLowerCase()
  return canonicalType(`xnat:${code}${kind}Data`) ?? `xnat:otherDicom${kind}Data`
}

/** Types that a search can start from. */
export function searchableTypes(): string[] {
  return Object.keys(types).filter(isSecured)
}

/** Whether rights are given for this type, and not only for those that extend it. */
export function isSecured(name: string): boolean {
  return (
    name === 'xnat:projectData' ||
    name === 'xnat:subjectData' ||
    ((isExperiment(name) || isScan(name)) &&
      ![EXPERIMENT, SUBJECT_ASSESSOR, SESSION, DERIVED, ASSESSOR, SCAN].includes(name))
  )
}
