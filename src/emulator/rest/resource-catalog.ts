import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EMPTY_OK, StatusError, outputAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, canEditIn } from '../store/access.js'
import { CatalogError, type OpenCatalog } from '../store/catalog-store.js'
import { writeCatalogXml } from '../store/catalog-xml.js'
import { withMetaField, type Catalog } from '../store/catalog.js'
import { catalogRows, matchingRows, resourcesOf, type CatalogRow } from './catalog-rows.js'
import { createResource } from './resource-list.js'
import { ResourceSelection } from './resource-selection.js'
import type { RestContext, RestResource } from './resource.js'

const PATH_NOT_ALLOWED =
  "This resource works at the catalog level only and does not accept file paths.  To work with the resource files, append '/files' after the resource ID."

/** `…/resources/{RES}`: CatalogResource. Its one variant is XML (§2.5). */
export function resourceCatalog(context: RestContext): RestResource {
  const selection = new ResourceSelection(context, false)
  const checkPath = (): void => {
    if (!/^\/*$/.test(context.remaining)) throw new StatusError(400, PATH_NOT_ALLOWED)
  }
  const write = async (): Promise<Answer> => {
    checkPath()
    return create(context, selection)
  }
  return {
    variants: [MEDIA.xml],
    get: () => {
      checkPath()
      return catalogDocument(context, selection)
    },
    put: write,
    post: write,
    delete: () => {
      checkPath()
      return remove(context, selection)
    },
  }
}

async function catalogDocument(
  context: RestContext,
  selection: ResourceSelection,
): Promise<Answer | undefined> {
  // For GET a session is searched through and through; two of the same label count as none (getAllMatches).
  const rows = matchingRows(catalogRows(context, selection, true), selection.names)
  if (rows.length === 0) throw new StatusError(404, 'Unable to find the specified catalog.')
  if (rows.length > 1) return undefined
  const { catalogs } = context.services
  let opened: OpenCatalog
  try {
    opened = await catalogs.open(rows[0]!.resource, selection.archiveProject?.id ?? '')
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error
    throw new StatusError(404, `Unable to find catalog file: ${error.message}`)
  }
  return outputAnswer(writeCatalogXml(shown(context, opened)), MEDIA.xml)
}

/** The catalog as it is shown: with its folder if that is asked for, and with sizes as a fault claims them. */
function shown(context: RestContext, opened: OpenCatalog): Catalog {
  const delta = context.exchange.effects.listingSizeDelta
  let catalog = opened.catalog
  if (context.query.isTrue('includeRootPath')) {
    const metaFields = withMetaField(catalog.metaFields, 'CATALOG_LOCATION', opened.directory)
    catalog = { ...catalog, metaFields }
  }
  if (delta === 0) return catalog
  const entries = catalog.entries.map((entry) => ({
    ...entry,
    metaFields: entry.metaFields.map((field) =>
      field.name === 'SIZE' ? { ...field, value: String(Number(field.value) + delta) } : field,
    ),
  }))
  return { ...catalog, entries }
}

async function create(context: RestContext, selection: ResourceSelection): Promise<Answer> {
  if (selection.isRefused) return EMPTY_OK
  if (!canEditIn(selection.securityProject, context.user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  if (selection.rows.length > 0) throw new StatusError(409, 'Specified resource already exists.')
  const label = selection.names[0]
  if (label === undefined) throw new StatusError(404)
  await createResource(context, selection, label)
  return EMPTY_OK
}

async function remove(context: RestContext, selection: ResourceSelection): Promise<Answer> {
  // A missing resource: 200, nothing done (§5.1).
  if (selection.rows.length === 0) return EMPTY_OK
  if (!canDeleteIn(selection.securityProject, context.user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  if (selection.isFrozen) throw new StatusError(403)
  const failed: string[] = []
  for (const row of selection.rows) {
    try {
      await removeResource(context, row)
    } catch {
      failed.push(row.resource.label ? `${row.resource.id} (${row.resource.label})` : String(row.resource.id))
    }
  }
  await context.services.database.commit()
  if (failed.length === 0) return EMPTY_OK
  if (failed.length === selection.rows.length) {
    throw new StatusError(500, `Deletion failed for all resources: ${failed.join(', ')}`)
  }
  return { status: 207 }
}

async function removeResource(context: RestContext, row: CatalogRow): Promise<void> {
  const siblings = resourcesOf(row.parent)
  const index = siblings.indexOf(row.resource)
  if (index >= 0) siblings.splice(index, 1)
  // Two resources of one label share a folder: it goes with the last of them.
  if (siblings.some((sibling) => sibling.uri === row.resource.uri)) return
  await rm(dirname(context.services.catalogs.path(row.resource)), { recursive: true, force: true })
}
