import { assessorItem } from './assessor-item.js'
import { aliasTokens, authService, authentication, jsession } from './auth-services.js'
import { cachedColumn, cachedSearch } from './cached-search.js'
import { sessionDirectory } from './dir.js'
import { experimentItem } from './experiment-item.js'
import { assessorList, experimentList, projectExperimentList } from './experiment-lists.js'
import { files } from './files.js'
import { importService } from './import-service.js'
import { moveFiles } from './move-files.js'
import {
  archiveService,
  prearchiveDelete,
  prearchiveMove,
  prearchiveRebuild,
  validateService,
} from './prearchive-services.js'
import { prearchiveList, prearchivedSession, recentSessions } from './prearchive.js'
import {
  prearchivedFiles,
  prearchivedOwnFiles,
  prearchivedResource,
  prearchivedResources,
  prearchivedScan,
  prearchivedScanResources,
  prearchivedScans,
} from './prearchived-scans.js'
import { pipelineDetails, pipelineLaunch, projectPipelines } from './pipelines.js'
import { projectAccessRequests, projectGroups } from './project-groups.js'
import { projectAccessibility, projectArchiveSpec, projectItem } from './project-item.js'
import { projectList, projectSubjectList, subjectList } from './project-lists.js'
import { projectProtocol } from './protocols.js'
import { reconstructionItem } from './reconstruction-item.js'
import { refreshCatalog } from './refresh-catalog.js'
import { resourceCatalog } from './resource-catalog.js'
import { resourceList } from './resource-list.js'
import type { ResourceFactory } from './resource.js'
import type { RouteDefinition } from './router.js'
import { scanItem } from './scan-item.js'
import { reconstructionList, scanList } from './scan-lists.js'
import {
  projectSearch,
  savedSearch,
  savedSearchList,
  searchElements,
  searchFieldList,
  searchRun,
  searchVersions,
} from './search.js'
import { scanDicomDir } from './scan-dicomdir.js'
import { settings } from './settings.js'
import { subjectItem } from './subject-item.js'
import { transactionStatus } from './transaction-status.js'
import { favorite, favorites } from './favorites.js'
import { audit, dicomDump, features, investigators, scanners, sessionCount } from './site-tables.js'
import { userCache } from './user-cache.js'
import {
  loginList,
  projectMember,
  projectUserList,
  scanTypes,
  userDetails,
  userList,
  userRoles,
  userSessionCount,
} from './users.js'
import { latestWorkflow, workflowByKey, workflowItem } from './workflows.js'

/** The route table of XNATApplication, as far as it is implemented (xnat-wire.md §1.3). */

const P = '/projects/{PROJECT_ID}'
const S = `${P}/subjects/{SUBJECT_ID}`

/** A session or subject assessor as the thing itself, and as what something else hangs on. */
const EXPERIMENTS = ['/experiments/{EXPT_ID}', `${S}/experiments/{EXPT_ID}`]
const SESSIONS = ['/experiments/{ASSESSED_ID}', `${S}/experiments/{ASSESSED_ID}`]

/** What can hang resources on itself, with the short-cut to their files. */
const PARENTS: readonly string[] = [
  P,
  S,
  '/subjects/{SUBJECT_ID}',
  ...EXPERIMENTS,
  ...SESSIONS.flatMap((session) => [
    `${session}/scans/{SCAN_ID}`,
    `${session}/reconstructions/{RECON_ID}`,
    `${session}/reconstructions/{RECON_ID}/{TYPE}`,
    `${session}/assessors/{EXPT_ID}`,
    `${session}/assessors/{EXPT_ID}/{TYPE}`,
  ]),
]

/** Without the short-cut: `/projects/{P}/experiments/{E}` has resources routes only. */
const RESOURCE_PARENTS: readonly string[] = [...PARENTS, `${P}/experiments/{EXPT_ID}`]

function archive(template: string, factory: ResourceFactory): RouteDefinition {
  return { template, factory, archiveTwin: true }
}

function direct(template: string, factory: ResourceFactory): RouteDefinition {
  return { template, factory, archiveTwin: false }
}

const PREARCHIVED = '/prearchive/projects/{PROJECT_ID}/{SESSION_TIMESTAMP}/{SESSION_LABEL}'

const projectRoutes: readonly RouteDefinition[] = [
  archive(P, projectItem),
  archive('/projects', projectList),
  archive(`${P}/accessibility`, projectAccessibility),
  archive(`${P}/accessibility/{ACCESS_LEVEL}`, projectAccessibility),
  archive(`${P}/archive_spec`, projectArchiveSpec),
  archive('/config/{PROJECT_ID}/archive_spec', projectArchiveSpec),
  archive(`${P}/users`, projectUserList),
  archive(`${P}/users/{DISPLAY_HIDDEN_USERS}`, projectUserList),
  archive(`${P}/users/{GROUP_ID}/{USER_ID}`, projectMember),
  archive(`${P}/groups`, projectGroups),
  archive(`${P}/groups/{GROUP_ID}`, projectGroups),
  archive(`${P}/searches/{SEARCH_ID}`, projectSearch),
  archive(`${P}/protocols/{PROTOCOL_ID}`, projectProtocol),
  direct(`${P}/pars`, projectAccessRequests),
  ...['', P].flatMap((scope) => [
    direct(`${scope}/config`, settings),
    direct(`${scope}/config/{TOOL_NAME}`, settings),
    direct(`${scope}/config/{TOOL_NAME}/{PATH_TO_FILE}`, settings),
  ]),
  archive(`${P}/pipelines`, projectPipelines),
  archive(`${P}/pipelines/{PIPELINE_NAME}`, pipelineDetails),
  archive(`${P}/pipelines/{PIPELINE_NAME}/details`, pipelineDetails),
  archive(`${P}/pipelines/{STEP_ID}/experiments/{EXPT_ID}`, pipelineLaunch),
  archive(`${P}/scan_types`, scanTypes),
  archive('/scan_types', scanTypes),
]

const entityRoutes: readonly RouteDefinition[] = [
  archive(`${P}/subjects`, projectSubjectList),
  archive('/subjects', subjectList),
  archive(S, subjectItem),
  archive('/subjects/{SUBJECT_ID}', subjectItem),
  archive(`${P}/experiments`, projectExperimentList),
  archive(`${S}/experiments`, projectExperimentList),
  archive('/experiments', experimentList),
  archive(`${P}/experiments/{EXPT_ID}`, experimentItem),
  ...EXPERIMENTS.map((template) => archive(template, experimentItem)),
  ...SESSIONS.flatMap((session) => [
    archive(`${session}/scans`, scanList),
    archive(`${session}/scans/{SCAN_ID}`, scanItem),
    archive(`${session}/scans/{SCAN_ID}/DICOMDIR`, scanDicomDir),
    archive(`${session}/reconstructions`, reconstructionList),
    archive(`${session}/reconstructions/{RECON_ID}`, reconstructionItem),
    archive(`${session}/assessors`, assessorList),
    archive(`${session}/assessors/{EXPT_ID}`, assessorItem),
  ]),
  archive('/experiments/{EXPT_ID}/DIR', sessionDirectory),
  archive(`${P}/experiments/{EXPT_ID}/DIR`, sessionDirectory),
  archive('/experiments/{EXPT_ID}/XAR', sessionDirectory),
  archive(`${P}/experiments/{EXPT_ID}/XAR`, sessionDirectory),
]

const fileRoutes: readonly RouteDefinition[] = [
  ...RESOURCE_PARENTS.flatMap((parent) => [
    archive(`${parent}/resources`, resourceList),
    archive(`${parent}/resources/{RESOURCE_ID}`, resourceCatalog),
    archive(`${parent}/resources/{RESOURCE_ID}/files`, files),
  ]),
  ...PARENTS.map((parent) => archive(`${parent}/files`, files)),
]

const siteRoutes: readonly RouteDefinition[] = [
  direct('/users', userList),
  direct('/users/favorites/{DATA_TYPE}', favorites),
  direct('/users/favorites/{DATA_TYPE}/{PROJECT_ID}', favorite),
  direct('/user', loginList),
  direct('/user/{USER_ID}', userDetails),
  direct('/user/{USER_ID}/roles', userRoles),
  direct('/user/cache/resources', userCache),
  direct('/user/cache/resources/{XNAME}', userCache),
  direct('/user/cache/resources/{XNAME}/files', userCache),
  direct('/user/cache/resources/{XNAME}/files/{FILE}', userCache),
  direct('/services/sessions', sessionCount),
  direct('/services/sessions/{USERNAME}', sessionCount),
  direct('/services/features', features),
  direct('/services/audit', audit),
  direct('/services/dicomdump', dicomDump),
  archive('/scanners', scanners),
  archive('/investigators', investigators),
  archive('/user/{USER_ID}/sessions', userSessionCount),
  direct('/search', searchRun),
  direct('/search/elements', searchElements),
  direct('/search/elements/{ELEMENT_NAME}', searchFieldList),
  direct('/search/elements/{ELEMENT_NAME}/versions', searchVersions),
  direct('/search/saved', savedSearchList),
  direct('/search/saved/{SEARCH_ID}', savedSearch),
  direct('/search/{CACHED_SEARCH_ID}', cachedSearch),
  direct('/search/{CACHED_SEARCH_ID}/{COLUMN}', cachedColumn),
  direct('/JSESSION', jsession),
  direct('/auth', authentication),
  direct('/services/auth', authService),
  direct('/services/tokens/{OPERATION}', aliasTokens),
  direct('/services/tokens/{OPERATION}/user/{USERNAME}', aliasTokens),
  direct('/services/tokens/{OPERATION}/{TOKEN}', aliasTokens),
  direct('/services/tokens/{OPERATION}/{TOKEN}/{SECRET}', aliasTokens),
  direct('/services/import', importService),
  direct('/services/archive', archiveService),
  direct('/services/validate-archive', validateService),
  direct('/services/prearchive/move', prearchiveMove),
  direct('/services/prearchive/delete', prearchiveDelete),
  direct('/services/prearchive/rebuild', prearchiveRebuild),
  direct('/services/move-files', moveFiles),
  direct('/services/workflows/{PIPELINE_NAME}', latestWorkflow),
  direct('/services/workflows/workflowid/{WORKFLOW_PRIMARY_KEY}', workflowByKey),
  direct('/workflows', workflowItem),
  direct('/workflows/{WORKFLOW_ID}', workflowItem),
  direct('/status/{TRANSACTION_ID}', transactionStatus),
  direct('/services/refresh/catalog', refreshCatalog),
  direct('/prearchive', prearchiveList),
  direct('/prearchive/experiments', recentSessions),
  direct('/prearchive/projects/{PROJECT_ID}', prearchiveList),
  direct(PREARCHIVED, prearchivedSession),
  direct(`${PREARCHIVED}/resources`, prearchivedResources),
  direct(`${PREARCHIVED}/resources/{RESOURCE_ID}`, prearchivedResource),
  direct(`${PREARCHIVED}/resources/{RESOURCE_ID}/files`, prearchivedOwnFiles),
  direct(`${PREARCHIVED}/scans`, prearchivedScans),
  direct(`${PREARCHIVED}/scans/{SCAN_ID}`, prearchivedScan),
  direct(`${PREARCHIVED}/scans/{SCAN_ID}/resources`, prearchivedScanResources),
  direct(`${PREARCHIVED}/scans/{SCAN_ID}/resources/{RESOURCE_ID}/files`, prearchivedFiles),
]

export const ROUTES: readonly RouteDefinition[] = [
  ...projectRoutes,
  ...entityRoutes,
  ...fileRoutes,
  ...siteRoutes,
]
