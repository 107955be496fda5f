import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canEditIn } from '../store/access.js'
import { catalogUri } from '../store/layout.js'
import type { Resource, Tag } from '../store/model.js'
import { catalogRows, resourcesOf } from './catalog-rows.js'
import { itemFromRequest } from './item-input.js'
import { resourceStats } from './resource-stats.js'
import type { RestContext, RestResource } from './resource.js'
import { Selection } from './selection.js'
import { tableAnswer, type Table } from './table.js'

const COLUMNS = [
  'xnat_abstractresource_id',
  'label',
  'element_name',
  'category',
  'cat_id',
  'cat_desc',
  'file_count',
  'file_size',
  'tags',
  'content',
  'format',
]

/** `…/resources`: CatalogResourceList. */
export function resourceList(context: RestContext): RestResource {
  const selection = new Selection(context)
  if (selection.isEmpty) throw new StatusError(404)
  const write = (): Promise<Answer> => createListed(context, selection)
  return {
    variants: [MEDIA.json, MEDIA.html, MEDIA.xml],
    get: async (mediaType) => {
      const table = await resourceTable(context, selection)
      return tableAnswer(context, table, mediaType, { title: 'Resources', totalRecords: table.rows.length })
    },
    put: write,
    post: write,
  }
}

async function resourceTable(context: RestContext, selection: Selection): Promise<Table> {
  const rows = catalogRows(context, selection, context.query.isTrue('all'))
  // file_stats changes nothing here; cache_file_stats fills in what is missing and keeps it (§2.3).
  if (context.query.isTrue('cache_file_stats')) {
    for (const { resource } of rows) await fillStats(context, resource, selection)
    await context.services.database.commit()
  }
  return {
    columns: COLUMNS,
    rows: rows.map(({ resource, category, catId, catDesc }) => [
      resource.id,
      resource.label,
      'xnat:resourceCatalog',
      category,
      catId,
      catDesc,
      resource.fileCount,
      resource.fileSize,
      tagString(resource.tags),
      resource.content,
      resource.format,
    ]),
  }
}

async function fillStats(context: RestContext, resource: Resource, selection: Selection): Promise<void> {
  if (resource.fileCount !== null && resource.fileSize !== null) return
  const { catalogs } = context.services
  const opened = await catalogs.open(resource, selection.securityProject?.id ?? '')
  const stats = resourceStats(opened)
  resource.fileCount ??= stats.count
  resource.fileSize ??= stats.size
}

/** `name=value` and plain tags, separated by commas. */
export function tagString(tags: readonly Tag[]): string {
  return tags.map(({ name, tag }) => (name === null ? tag : `${name}=${tag}`)).join(',')
}

/** POST or PUT of a catalog document or of form fields to the list; the label comes from there. */
async function createListed(context: RestContext, selection: Selection): Promise<Answer> {
  const item = await itemFromRequest(context, 'xnat:resourceCatalog')
  if (!item) throw new StatusError(417, 'Need POST Contents')
  if (item.xsiType !== 'xnat:resourceCatalog') {
    throw new StatusError(422, 'Only ResourceCatalog documents can be PUT to this address.')
  }
  if (item.fields['xnat_abstractresource_id'] !== undefined) {
    throw new StatusError(422, 'Contains erroneous generated fields (xnat_abstractresource_id).')
  }
  const label = item.fields['label'] === undefined ? null : String(item.fields['label'])
  const resource = await createResource(context, selection, label)
  const uri = `${context.exchange.baseUrl}${context.exchange.path}/${resource.id}`
  return {
    status: 200,
    headers: { Location: uri },
    body: { kind: 'string', text: uri, mediaType: MEDIA.plain },
  }
}

/** Makes an empty resource on the selected parent, with its catalog on disk. */
export async function createResource(
  context: RestContext,
  selection: Selection,
  label: string | null,
): Promise<Resource> {
  const { database, catalogs, now } = context.services
  const parent = selection.parents()[0]
  const project = selection.securityProject
  if (!parent || !project) throw new StatusError(404)
  if (!canEditIn(project, context.user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  const siblings = resourcesOf(parent)
  if (label !== null && siblings.some((sibling) => sibling.label === label)) {
    throw new StatusError(409, 'Specified resource already exists.')
  }
  const resource = database.newResource(label, catalogUri(parent, label, now()), context.user.login)
  setAttributes(context, resource)
  // Before the first wait: a second request must see that the label is taken.
  siblings.push(resource)
  await catalogs.create(catalogs.path(resource), emptyCatalog(label, resource), project.id)
  await database.commit()
  return resource
}

function emptyCatalog(label: string | null, resource: Resource) {
  const id = label ?? resource.uri.split('/').at(-2)
  return { id, isDicom: false, metaFields: [], entries: [], sets: [] }
}

/** The query parameters that describe a resource (setCatalogAttributes). */
export function setAttributes(context: RestContext, resource: Resource): void {
  const { query } = context
  resource.description = query.get('description') ?? resource.description
  resource.format = query.get('format') ?? resource.format
  resource.content = query.get('content') ?? resource.content
  for (const text of query.all('tags').flatMap((value) => value.split(/\s*,\s*/))) {
    if (text === '') continue
    const [name, ...value] = text.split(/[=:]/)
    resource.tags.push(value.length > 0 ? { name: name!, tag: value[0]! } : { name: null, tag: text })
  }
}
