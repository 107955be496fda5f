import {
  accessibilityDocument,
  archiveSpecDocument,
  catalogDocument,
  codeDocument,
  currentArcDocument,
  itemDocument,
  pipelinesDocument,
  projectPipelinesDocument,
  prearchiveDocument,
  recentDocument,
  scanTypeMappingDocument,
  scanTypesDocument,
  statusDocument,
  subjectStatusDocument,
  usersDocument,
} from '../../xnat/documents.js'
import type { Document } from '../../xnat/documents.js'
import type { ItemAddress } from '../../xnat/address.js'
import { historyDocument } from '../../xnat/event-documents.js'
import {
  dicomDumpDocument,
  investigatorsDocument,
  loginsDocument,
  scannersDocument,
  sessionsDocument,
} from '../../xnat/site-documents.js'
import { accessRequestsDocument, groupsDocument, toolsDocument } from '../../xnat/settings-documents.js'
import type { ControlKind, ControlOwner, ControlPlace } from './control-place.js'

/** By the names of their files. */
export type Documents = Readonly<Record<string, Document>>
/** By their names. */
export type Directories = Readonly<Record<string, ControlKind>>

/** The documents in the `.xnat` of each level, by the names of their files. */
export const itemDocuments: Readonly<Record<ControlOwner, (place: ControlPlace) => Documents>> = {
  root: () => ({
    'users.csv': usersDocument(),
    'scan_types.csv': scanTypesDocument(),
    'prearchive.csv': prearchiveDocument(),
    'prearchive-recent.csv': recentDocument(),
    'config.csv': toolsDocument(),
    'scanners.csv': scannersDocument(),
    'investigators.csv': investigatorsDocument(),
    'logins.json': loginsDocument(),
    sessions: sessionsDocument(),
  }),
  project: ({ item }) => {
    const project = item.project!
    return {
      'project.xml': itemDocument(item),
      accessibility: accessibilityDocument(project),
      prearchive_code: codeDocument(project, 'prearchive_code'),
      quarantine_code: codeDocument(project, 'quarantine_code'),
      current_arc: currentArcDocument(project),
      scan_type_mapping: scanTypeMappingDocument(project),
      'archive_spec.xml': archiveSpecDocument(project),
      'scan_types.csv': scanTypesDocument(project),
      'users.csv': usersDocument(project),
      'groups.csv': groupsDocument(project),
      'pars.csv': accessRequestsDocument(project),
      'config.csv': toolsDocument(project),
      'pipelines.csv': pipelinesDocument(project),
      'pipelines.xml': projectPipelinesDocument(project),
      'prearchive.csv': prearchiveDocument(project),
    }
  },
  subject: ({ item }) => ({ 'subject.xml': itemDocument(item), status: subjectStatusDocument(item) }),
  experiment: ({ item }) => ({
    'experiment.xml': itemDocument(item),
    status: statusDocument(item),
    'history.json': historyDocument(item),
    ...dicomDump(item),
  }),
  assessor: ({ item }) => ({ 'assessor.xml': itemDocument(item) }),
  scan: ({ item }) => ({ 'scan.xml': itemDocument(item), ...dicomDump(item) }),
  reconstruction: ({ item }) => ({ 'reconstruction.xml': itemDocument(item) }),
  resource: ({ item, resource }) => ({
    'catalog.xml': catalogDocument({ ...item, resource: resource! }),
  }),
}

/** Where it is known in which project the session is: XNAT asks for it by that. */
function dicomDump(item: ItemAddress): Documents {
  return item.project === undefined ? {} : { 'dicomdump.csv': dicomDumpDocument(item) }
}

/** The directories in the `.xnat` of each level. */
export const itemDirectories: Readonly<Partial<Record<ControlOwner, Directories>>> = {
  root: {
    search: 'search',
    users: 'users',
    prearchive: 'prearchive',
    workflows: 'workflows',
    status: 'statuses',
    services: 'services',
    config: 'config',
    favorites: 'favorites',
    roles: 'user-roles',
    cache: 'cache',
  },
  project: {
    users: 'roles',
    pipelines: 'pipelines',
    groups: 'groups',
    protocols: 'protocols',
    searches: 'searches',
    config: 'config',
  },
  subject: { projects: 'shares' },
  experiment: { projects: 'shares', workflows: 'item-workflows', pipelines: 'launches' },
  scan: { projects: 'shares' },
  assessor: { projects: 'shares' },
}
