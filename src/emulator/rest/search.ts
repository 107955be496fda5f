import { EMPTY_OK, StatusError, outputAnswer, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { escapeXml } from '../http/text.js'
import { canReadItem, canReadProject, findProject } from '../store/access.js'
import type { Project, StoredSearch } from '../store/model.js'
import { canonicalType, isExperiment, pluralName, searchableTypes, singularName } from '../store/xsi-types.js'
import { contentDisposition } from './archive-stream.js'
import { keepTable } from './cached-search.js'
import type { RestContext, RestResource } from './resource.js'
import { parseSearch, runSearch, type Search } from './search-engine.js'
import { displayFields, type DisplayField } from './search-fields.js'
import { tableAnswer, type Cell } from './table.js'

const LIST_VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

/** `/search`: POST runs the search in the body; GET is not allowed. */
export function searchRun(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    post: async () => {
      const text = await context.exchange.bodyText()
      const id = / ID="([^"]*)"/.exec(text)?.[1]
      return resultAnswer(context, parseSearch(text), context.overrideVariant(MEDIA.json), id)
    },
  }
}

function resultAnswer(context: RestContext, search: Search, mediaType: string, id?: string): Answer {
  const { table, columns } = runSearch(context, search)
  const isKept = context.query.isTrue('cache')
  const properties = {
    ...(isKept && { ID: keepTable(context, id, table) }),
    totalRecords: table.rows.length,
    rootElementName: search.rootElement,
  }
  return tableAnswer(context, table, mediaType, properties, columns)
}

/** `/search/elements`: the data types, with how many items of each there are. */
export function searchElements(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const counts = countItems(context)
      const used = context.query.has('used')
      const rows = searchableTypes()
        .filter((name) => !used || (counts.get(name) ?? 0) > 0)
        .map((name): Cell[] => [name, singularName(name), pluralName(name), true, counts.get(name) ?? 0])
      const columns = ['ELEMENT_NAME', 'SINGULAR', 'PLURAL', 'SECURED', 'COUNT']
      return tableAnswer(context, { columns, rows }, mediaType, { title: 'Data-Types' })
    },
  }
}

function countItems(context: RestContext): Map<string, number> {
  const { database } = context.services
  const counts = new Map<string, number>()
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const project of database.projects())
    if (canReadProject(project, context.user)) add('xnat:projectData')
  for (const subject of database.subjects()) {
    if (canReadItem(database, subject, context.user)) add('xnat:subjectData')
  }
  for (const experiment of database.experiments()) {
    if (!canReadItem(database, experiment, context.user)) continue
    add(experiment.xsiType)
    for (const scan of experiment.scans) add(scan.xsiType)
  }
  return counts
}

/**
 * `/search/elements/{EL}/versions`: which fields tables of a data type show. The original's text is no XML where it
 * comes to the version of all fields (xnat-wire.md §11.1).
 */
export function searchVersions(context: RestContext): RestResource {
  const element = context.variable('ELEMENT_NAME')!
  const fieldOf = ({ id, header, type }: DisplayField): string =>
    `<field id="${id}" element_name="${element}" header="${escapeXml(header)}" type="${type}" visible="true"/>`
  return {
    variants: [MEDIA.xml],
    get: (mediaType) => {
      const fields = displayFields(element)
      if (fields.length === 0) throw new StatusError(400)
      const list = fields.map(fieldOf).join('')
      const [first] = fields
      const colors = 'darkColor="9999CC" lightColor="CCCCFF" defaultSortOrder="ASC"'
      const text =
        `<DisplayVersions element_name="${element}">\n<versions>` +
        `<version name="listing" orderBy="${first!.id}" ${colors}>\n<fields>${list}</fields></version>` +
        `<version name="all"<fields>${list.replaceAll('id="', 'id":"')}</fields></version></versions></DisplayVersions>`
      return stringAnswer(text, mediaType)
    },
  }
}

/** `/search/elements/{EL}`: the display fields of one or more data types. */
export function searchFieldList(context: RestContext): RestResource {
  const names = context.variable('ELEMENT_NAME')!
  return {
    variants: [MEDIA.xml],
    get: (mediaType) => {
      const rows = names
        .split(',')
        .flatMap((element) =>
          displayFields(element).map(({ id, header, type }): Cell[] => [
            id,
            header,
            `${element}.${id}`,
            type,
            'false',
            null,
            element,
            isExperiment(element) ? 0 : 1,
          ]),
        )
      const columns = [
        'FIELD_ID',
        'HEADER',
        'SUMMARY',
        'TYPE',
        'REQUIRES_VALUE',
        'DESC',
        'ELEMENT_NAME',
        'SRC',
      ]
      return tableAnswer(context, { columns, rows }, mediaType, {
        title: 'Search Fields',
        element_name: names,
      })
    },
  }
}

// Of two columns that share a place in a Java map, `sort_by_field_id` and `brief_description`, rows name the first first.
const STORED_COLUMNS = [
  'id',
  'sort_by_element_name',
  'sort_by_field_id',
  'brief_description',
  'description',
  'root_element_name',
  'secure',
  'tag',
  'allow_diff_columns',
  'layeredsequence',
  'stored_search_info',
  'extension',
  'users',
]

/** `/search/saved`: all columns of the table, and the users; no totalRecords (§2.2). */
export function savedSearchList(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const rows = context.services.database.searches
        .filter((stored) => stored.owner === context.user.login || !parseSearch(stored.xml).secure)
        .map((stored): Cell[] => {
          const search = parseSearch(stored.xml)
          const { briefDescription, description, rootElement, secure, tag } = search
          return [
            stored.id,
            '',
            '',
            briefDescription,
            description,
            rootElement,
            secure ? 1 : 0,
            tag,
            1,
            '',
            stored.pk,
            6,
            `{${stored.owner}}`,
          ]
        })
      return tableAnswer(context, { columns: STORED_COLUMNS, rows }, mediaType, { title: 'Stored Searches' })
    },
  }
}

/** `/search/saved/{ID}[/results]`: a stored search, or what it finds. */
export function savedSearch(context: RestContext): RestResource {
  const id = context.variable('SEARCH_ID')!
  const { database } = context.services
  const stored = database.searches.find((candidate) => candidate.id === id)
  return {
    variants: [MEDIA.xml],
    get: (mediaType) => representSearch(context, id, stored, mediaType),
    put: async () => {
      const xml = await context.exchange.bodyText()
      const search = parseSearch(xml)
      if (stored && stored.owner !== context.user.login) throw new StatusError(403)
      if (search.rootElement === '') throw new StatusError(422)
      if (stored) stored.xml = xml
      else database.searches.push({ id, xml, owner: context.user.login, pk: database.nextNumber('search') })
      await database.commit()
      return EMPTY_OK
    },
    delete: async () => {
      if (!stored) return EMPTY_OK
      if (stored.owner !== context.user.login) throw new StatusError(403)
      database.searches.splice(database.searches.indexOf(stored), 1)
      await database.commit()
      return EMPTY_OK
    },
  }
}

/** `/projects/{P}/searches/{ID}`: the same, or the listing of a data type in the project (`@xnat:mrSessionData`). */
export function projectSearch(context: RestContext): RestResource {
  const id = context.variable('SEARCH_ID')!
  const { database } = context.services
  const project = findProject(database, context.variable('PROJECT_ID')!, context.user)
  if (!project) throw new StatusError(404, 'Unable to find the specified project.')
  return {
    variants: [MEDIA.xml],
    get: (mediaType) => {
      if (mediaType !== MEDIA.xml) return undefined
      const stored = database.searches.find((candidate) => candidate.id === id)
      const type = id.startsWith('@') ? canonicalType(id.slice(1)) : undefined
      const xml = type === undefined ? stored?.xml : listingOf(project, type)
      return xml === undefined ? undefined : outputAnswer(xml, MEDIA.xml)
    },
  }
}

function listingOf({ id }: Project, element: string): string {
  const criterion =
    '<xdat:search_where method="OR"><xdat:criteria override_value_formatting="0">' +
    `<xdat:schema_field>${element}/project</xdat:schema_field><xdat:comparison_type>=</xdat:comparison_type>` +
    `<xdat:value>${id}</xdat:value></xdat:criteria></xdat:search_where>`
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<xdat:stored_search ID="@${element}" xmlns:xdat="http://nrg.wustl.edu/security">` +
    `<xdat:root_element_name>${element}</xdat:root_element_name>${criterion}</xdat:stored_search>\n`
  )
}

/** `@xnat:subjectData` is the default listing of a data type. */
function representSearch(
  context: RestContext,
  id: string,
  stored: StoredSearch | undefined,
  mediaType: string,
): Answer | undefined {
  const xml = id.startsWith('@') ? defaultSearch(id.slice(1)) : stored?.xml
  if (xml === undefined) return undefined
  const search = parseSearch(xml)
  if (stored && search.secure && stored.owner !== context.user.login) throw new StatusError(403)
  if (!context.filePath.startsWith('results')) {
    return mediaType === MEDIA.xml ? outputAnswer(xml, MEDIA.xml) : undefined
  }
  const { table, columns } = runSearch(context, search)
  const answer = tableAnswer(context, table, mediaType, { totalRecords: table.rows.length }, columns)
  const isCsv = mediaType === MEDIA.csv && !context.filePath.endsWith('.csv')
  if (!isCsv) return answer
  return { ...answer, headers: { 'Content-Disposition': contentDisposition(`${context.filePath}.csv`) } }
}

function defaultSearch(element: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<xdat:stored_search ID="@${element}" xmlns:xdat="http://nrg.wustl.edu/security">` +
    `<xdat:root_element_name>${element}</xdat:root_element_name></xdat:stored_search>\n`
  )
}
