/** The entities of an archive, as plain data: this is what the database file holds. */

export type FieldValue = string | number | boolean

/** Values by the path below the element's name, such as `scanner/manufacturer`; spelling as in XNAT's schema. */
export type Fields = Record<string, FieldValue>

export interface Meta {
  insertDateMs: number
  insertUser: string
  /** Null where XNAT has none either. */
  lastModifiedMs: number | null
  eventId: number
}

export interface Tag {
  name: string | null
  tag: string
}

export interface Resource {
  /** xnat_abstractresource_id */
  id: number
  label: string | null
  format: string | null
  content: string | null
  description: string | null
  tags: Tag[]
  /** Catalog file, relative to the archive root, with slashes. */
  uri: string
  /** Cached totals; null is what makes a cell empty. */
  fileCount: number | null
  fileSize: number | null
  meta: Meta
}

export interface Share {
  project: string
  /** Null: known by its own label there, and found by ID only. */
  label: string | null
}

export interface Scan {
  /** xnat_imagescandata_id */
  pk: number
  id: string
  xsiType: string
  type: string | null
  /** Everything else: quality, series_description, note, UID, frames, parameters/tr … */
  fields: Fields
  shares: Share[]
  resources: Resource[]
  meta: Meta
}

export interface Reconstruction {
  /** xnat_reconstructedimagedata_id */
  pk: number
  id: string
  type: string | null
  fields: Fields
  inResources: Resource[]
  outResources: Resource[]
  meta: Meta
}

export interface Experiment {
  id: string
  project: string
  label: string
  xsiType: string
  /** Owner of a subject assessor (image sessions included); null for image assessors. */
  subjectId: string | null
  /** Session of an image assessor; null otherwise. */
  sessionId: string | null
  fields: Fields
  shares: Share[]
  status: string
  resources: Resource[]
  inResources: Resource[]
  outResources: Resource[]
  scans: Scan[]
  reconstructions: Reconstruction[]
  /** Name of the folder in the archive, kept when it differs from the label. */
  folder: string
  meta: Meta
}

export interface Subject {
  id: string
  project: string
  label: string
  fields: Fields
  shares: Share[]
  resources: Resource[]
  folder: string
  meta: Meta
}

export type ProjectRole = 'Owners' | 'Members' | 'Collaborators'
export const PROJECT_ROLES: readonly ProjectRole[] = ['Owners', 'Members', 'Collaborators']

export type Accessibility = 'public' | 'protected' | 'private'

export interface Project {
  id: string
  secondaryId: string
  name: string
  description: string
  aliases: string[]
  fields: Fields
  accessibility: Accessibility
  prearchiveCode: number
  quarantineCode: number
  currentArc: string
  scanTypeMapping: boolean
  /** Somebody has taken its pipeline from it. */
  isWithoutPipeline?: boolean
  /** Logins by role. */
  members: Record<ProjectRole, string[]>
  resources: Resource[]
  meta: Meta
}

export interface StoredSearch {
  id: string
  xml: string
  owner: string
  /** Number of the row, stored_search_info. */
  pk: number
}

/** Something that was done to an item, or is being done. */
export interface Workflow {
  /** wrk_workflowData_id */
  key: number
  /** Who did it. */
  user: string
  /** By their names in lower case. */
  fields: Fields
}

/** What a tool of the site or of a project keeps. */
export interface Setting {
  tool: string
  path: string
  /** Null: the site's. */
  project: string | null
  user: string
  createdMs: number
  contents: string
  version: number
  status: 'enabled' | 'disabled'
  /** What it was before, the oldest first. */
  earlier?: SettingVersion[]
}

export type SettingVersion = Pick<Setting, 'user' | 'createdMs' | 'contents' | 'version' | 'status'>

/** What a user wants to find again. */
export interface Favorite {
  login: string
  type: string
  id: string
}

export interface PrearchiveScan {
  id: string
  xsiType: string
  seriesDescription: string
  /** Labels of its resources, folders below SCANS/<id>. */
  resources: string[]
}

export interface PrearchiveSession {
  /** Null: Unassigned. */
  project: string | null
  timestamp: string
  folderName: string
  name: string
  subject: string
  tag: string
  status: string
  uploadedMs: number
  lastModifiedMs: number
  scanDate: string
  scanTime: string
  xsiType: string
  scans: PrearchiveScan[]
  /** Labels of its own resources, folders below RESOURCES. */
  resources?: string[]
}

export interface Counters {
  subject: number
  experiment: number
  resource: number
  scan: number
  reconstruction: number
  event: number
  search: number
}

export interface DatabaseContent {
  version: 1
  counters: Counters
  projects: Project[]
  subjects: Subject[]
  experiments: Experiment[]
  prearchive: PrearchiveSession[]
  searches: StoredSearch[]
  /** Those that REST has made or changed; that an item was made is in its own data. */
  workflows?: Workflow[]
  settings?: Setting[]
  favorites?: Favorite[]
  /** IDs that a deleted project has used up. */
  retiredProjects: string[]
}
