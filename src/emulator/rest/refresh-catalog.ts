import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import type { Query } from '../http/query.js'
import { canEditIn } from '../store/access.js'
import type { OpenCatalog } from '../store/catalog-store.js'
import { catalogTime, relativePath, withMetaField, type CatalogEntry } from '../store/catalog.js'
import { catalogRows, matchingRows, type CatalogRow } from './catalog-rows.js'
import { parametersOf } from './form-parameters.js'
import { applyStats, storedFile } from './resource-stats.js'
import { RestContext, type RestResource } from './resource.js'
import { Selection } from './selection.js'
import { isCatalogable } from './stored-paths.js'

const OPERATIONS = ['append', 'checksum', 'delete', 'populateStats'] as const
type Operation = (typeof OPERATIONS)[number]

/** `/services/refresh/catalog`: brings catalogs and cached totals in line with what lies on disk. */
export function refreshCatalog(context: RestContext): RestResource {
  return { variants: [], post: () => refresh(context) }
}

async function refresh(context: RestContext): Promise<Answer> {
  const queries = await parametersOf(context)
  const resources = queries.flatMap((query) => query.all('resource'))
  const operations = new Set(queries.flatMap(operationsOf))
  if (resources.length === 0) throw new StatusError(400, 'No resources were specified to refresh.')
  for (const path of resources) await refreshPath(context, path, operations)
  await context.services.database.commit()
  return EMPTY_OK
}

/** Without any operation all of them are meant. */
function operationsOf(query: Query): Operation[] {
  const listed = query.all('options').flatMap((text) => text.split(','))
  return OPERATIONS.filter((operation) => query.isTrue(operation) || listed.includes(operation))
}

/** A resource or whatever holds resources, as a path below `/archive`. */
async function refreshPath(
  context: RestContext,
  path: string,
  operations: ReadonlySet<Operation>,
): Promise<void> {
  const variables = variablesOf(path)
  const inner = new RestContext(context.exchange, context.services, variables, '')
  const selection = new Selection(inner)
  const name = variables.get('RESOURCE_ID')
  const rows = matchingRows(catalogRows(inner, selection, true), name === undefined ? [] : [name])
  if (name !== undefined && rows.length === 0) throw new StatusError(404, `Unable to find ${path}`)
  const project = selection.securityProject
  if (!canEditIn(project, context.user)) {
    throw new StatusError(403, `The user ${context.user.login} does not have permission to edit ${path}`)
  }
  for (const row of rows) await refreshResource(context, row, project!.id, operations)
}

/** What the parts of a path below `/archive` name, as the routes do. */
export function variablesOf(path: string): Map<string, string> {
  const variables = new Map<string, string>()
  const parts = path
    .replace(/^\/(?:data|REST)?\/?/, '')
    .replace(/^archive\//, '')
    .split('/')
  for (let index = 0; index + 1 < parts.length; index += 2) {
    if (parts[index] === 'in' || parts[index] === 'out') variables.set('TYPE', parts.splice(index, 1)[0]!)
    // An assessor makes the experiment before it the assessed one.
    if (parts[index] === 'assessors') variables.set('ASSESSED_ID', variables.get('EXPT_ID') ?? '')
    const name = VARIABLES[parts[index]!]
    if (name === undefined) throw new StatusError(400, `The resource path ${path} is not understood.`)
    variables.set(name, parts[index + 1]!)
  }
  // Scans and what else is below a session make the experiment the assessed one.
  if (variables.has('SCAN_ID') || variables.has('RECON_ID')) {
    variables.set('ASSESSED_ID', variables.get('EXPT_ID') ?? '')
    variables.delete('EXPT_ID')
  }
  return variables
}

const VARIABLES: Readonly<Record<string, string>> = {
  projects: 'PROJECT_ID',
  subjects: 'SUBJECT_ID',
  experiments: 'EXPT_ID',
  assessors: 'EXPT_ID',
  scans: 'SCAN_ID',
  reconstructions: 'RECON_ID',
  resources: 'RESOURCE_ID',
}

async function refreshResource(
  context: RestContext,
  row: CatalogRow,
  project: string,
  operations: ReadonlySet<Operation>,
): Promise<void> {
  const { catalogs } = context.services
  const opened = await catalogs.open(row.resource, project)
  const entries = refreshedEntries(context, opened, operations)
  const current =
    entries === undefined ? opened : await catalogs.write(opened, { ...opened.catalog, entries })
  if (operations.has('populateStats') || operations.size === 0) applyStats(row.resource, current)
}

function refreshedEntries(
  context: RestContext,
  opened: OpenCatalog,
  operations: ReadonlySet<Operation>,
): CatalogEntry[] | undefined {
  const wants = (operation: Operation): boolean => operations.size === 0 || operations.has(operation)
  if (!wants('append') && !wants('checksum') && !wants('delete')) return undefined
  let entries = [...opened.catalog.entries]
  if (wants('delete')) entries = entries.filter((entry) => storedFile(opened, entry) !== undefined)
  if (wants('append')) entries.push(...unreferenced(context, opened, entries))
  return wants('checksum') ? entries.map((entry) => remeasured(opened, entry)) : entries
}

/** Files in the resource's folder that the catalog does not know. */
function unreferenced(
  context: RestContext,
  opened: OpenCatalog,
  entries: readonly CatalogEntry[],
): CatalogEntry[] {
  const known = new Set(entries.map(relativePath))
  return readdirSync(opened.directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(opened.directory, name))
    .filter((path) => statSync(path).isFile() && isCatalogable(basename(path)))
    .map((path) => relative(opened.directory, path))
    .filter((path) => !known.has(path) && !path.endsWith('.new'))
    .map((path) => {
      const entry: CatalogEntry = {
        uri: path,
        id: path,
        name: basename(path),
        cachePath: path,
        createdBy: context.user.login,
        createdTime: catalogTime(context.services.now()),
        metaFields: [],
        tags: [],
      }
      return remeasured(opened, entry)
    })
}

function remeasured(opened: OpenCatalog, entry: CatalogEntry): CatalogEntry {
  const file = storedFile(opened, entry)
  if (!file) return entry
  return {
    ...entry,
    digest: createHash('md5').update(readFileSync(file.path)).digest('hex'),
    metaFields: withMetaField(entry.metaFields, 'SIZE', String(file.size)),
  }
}
