import { XMLParser } from 'fast-xml-parser'
import { StatusError } from '../http/answer.js'
import { canReadItem, canReadProject, canReadScan } from '../store/access.js'
import { attributeOf, isXmlNode, nodesOf, textOf, type XmlNode } from '../store/xml-node.js'
import { canonicalType, isExperiment, isInstanceOf } from '../store/xsi-types.js'
import { messageOf } from '../unknown.js'
import { experimentValue, projectValue, scanValue, subjectValue } from './list-values.js'
import type { RestContext } from './resource.js'
import { displayFields, pathOfField } from './search-fields.js'
import type { Cell, ColumnProperties, Table } from './table.js'

/** Runs stored searches (`xdat:stored_search` documents) over the entities. */

interface SearchField {
  readonly element: string
  readonly id: string
  readonly header: string
}

type Test = (valueAt: (path: string) => Cell) => boolean

export interface Search {
  readonly id: string | undefined
  readonly rootElement: string
  readonly briefDescription: string
  readonly description: string
  readonly tag: string
  readonly secure: boolean
  readonly fields: readonly SearchField[]
  readonly test: Test
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
  transformTagName: (name) => name.replace(/^[\w-]+:/, ''),
  isArray: (name) => ['search_field', 'criteria', 'child_set', 'search_where'].includes(name),
})

/** Reads a search document; anything else is 422. */
export function parseSearch(xml: string): Search {
  let document: unknown
  try {
    document = parser.parse(xml, true)
  } catch (error) {
    throw new StatusError(422, messageOf(error))
  }
  const elements = isXmlNode(document) ? document : {}
  const root = elements['bundle'] ?? elements['stored_search'] ?? elements['search']
  if (!isXmlNode(root)) throw new StatusError(422)
  const named = textOf(root['root_element_name'])
  const rootElement = canonicalType(named) ?? named
  const tests = nodesOf(root['search_where']).map((set) => setTest(rootElement, set))
  const id = root['@ID']
  return {
    id: typeof id === 'string' && id !== '' ? id : undefined,
    rootElement,
    briefDescription: attributeOf(root, 'brief-description') ?? '',
    description: attributeOf(root, 'description') ?? '',
    tag: attributeOf(root, 'tag') ?? '',
    secure: root['@secure'] !== '0' && root['@secure'] !== 'false',
    fields: nodesOf(root['search_field'])
      .sort((a, b) => Number(textOf(a['sequence'])) - Number(textOf(b['sequence'])))
      .map((item) => ({
        element: canonicalType(textOf(item['element_name'])) ?? textOf(item['element_name']),
        id: textOf(item['field_ID']),
        header: textOf(item['header']),
      })),
    test: (valueAt) => tests.every((test) => test(valueAt)),
  }
}

function setTest(rootElement: string, set: XmlNode): Test {
  const tests = [
    ...nodesOf(set['criteria']).map((criteria) => criteriaTest(rootElement, criteria)),
    ...nodesOf(set['child_set']).map((child) => setTest(rootElement, child)),
  ]
  if (tests.length === 0) return () => true
  const either = attributeOf(set, 'method')?.toUpperCase() === 'OR'
  return (valueAt) => (either ? tests.some((test) => test(valueAt)) : tests.every((test) => test(valueAt)))
}

function criteriaTest(rootElement: string, criteria: XmlNode): Test {
  const schemaField = textOf(criteria['schema_field'])
  const comparison = textOf(criteria['comparison_type']).trim().toUpperCase()
  const wanted = textOf(criteria['value'])
  const dot = schemaField.indexOf('.')
  const element = canonicalType(schemaField.slice(0, Math.max(dot, schemaField.indexOf('/')))) ?? rootElement
  // "xnat:subjectData.SUBJECT_ID" and "xnat:subjectData/SUBJECT_ID" name display fields, other paths are paths.
  const path =
    pathOfField(element, schemaField.slice(schemaField.search(/[./]/) + 1)) ?? schemaField.toLowerCase()
  return (valueAt) => compare(valueAt(path), comparison, wanted)
}

function compare(cell: Cell, comparison: string, wanted: string): boolean {
  if (comparison === 'IS NULL' || (comparison === 'IS' && wanted.trim() === 'NULL')) return cell === null
  if (comparison.startsWith('IS NOT')) return cell !== null
  if (cell === null) return false
  const value = String(cell)
  const numbers =
    value !== '' && wanted !== '' && !Number.isNaN(Number(value)) && !Number.isNaN(Number(wanted))
  const order = numbers ? Number(value) - Number(wanted) : value < wanted ? -1 : value > wanted ? 1 : 0
  switch (comparison) {
    case '=':
      return order === 0
    case '!=':
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '>':
      return order > 0
    case '<=':
      return order <= 0
    case '>=':
      return order >= 0
    case 'LIKE':
    case 'NOT LIKE': {
      const source = wanted.replace(/%|[\\^$.*|?+()[\]{}]/g, (token) => (token === '%' ? '.*' : `\\${token}`))
      return new RegExp(`^${source}$`, 'is').test(value) === (comparison === 'LIKE')
    }
    case 'IN':
      return wanted.split(',').some((item) => item.trim().replace(/^'|'$/g, '') === value)
    default:
      throw new StatusError(500, `Unknown comparison type: ${comparison}`)
  }
}

/** Every item of the root element the user can read, as a function from paths to values. */
function candidates(context: RestContext, rootElement: string): ((path: string) => Cell)[] {
  const { services, user } = context
  const { database } = services
  if (rootElement === 'xnat:projectData') {
    return [...database.projects()]
      .filter((project) => canReadProject(project, user))
      .map((project) => (path) => projectValue(project, path))
  }
  if (rootElement === 'xnat:subjectData') {
    return [...database.subjects()]
      .filter((subject) => canReadItem(database, subject, user))
      .map((subject) => (path) => subjectValue(subject, path))
  }
  const experiments = [...database.experiments()].filter((item) => canReadItem(database, item, user))
  if (isExperiment(rootElement)) {
    return experiments
      .filter((item) => isInstanceOf(item.xsiType, rootElement))
      .map((item) => (path) => experimentValue(services, item, path))
  }
  return experiments.flatMap((session) =>
    session.scans
      .filter((scan) => isInstanceOf(scan.xsiType, rootElement) && canReadScan(database, session, scan, user))
      .map((scan) => (path: string) => scanValue(session, scan, path)),
  )
}

/**
 * Columns are display field IDs in lower case, with their element's name where that is not the root. A field that is named by its
 * path (`xnat:mrSessionData/ID`) is the display field that shows it, if any does.
 */
function columnName(search: Search, item: SearchField): string {
  const path = item.id.includes(':') ? item.id.slice(item.id.indexOf('/')).toLowerCase() : undefined
  const shown =
    path === undefined ? undefined : displayFields(item.element).find((field) => field.path.endsWith(path))
  const id = (shown?.id ?? item.id).toLowerCase().replace(/[/:]/g, '_')
  if (item.element === search.rootElement) return id
  return `${item.element.toLowerCase().replace(':', '_')}_${id}`
}

export function runSearch(context: RestContext, search: Search): { table: Table; columns: ColumnProperties } {
  const fields =
    search.fields.length > 0
      ? search.fields
      : displayFields(search.rootElement).map(({ id, header }) => ({
          element: search.rootElement,
          id,
          header,
        }))
  const paths = fields.map(
    (item) => pathOfField(item.element, item.id) ?? `${item.element}/${item.id}`.toLowerCase(),
  )
  const rows = candidates(context, search.rootElement)
    .filter((valueAt) => search.test(valueAt))
    .map((valueAt) => paths.map((path) => valueAt(path)))
  const columns: Record<string, Record<string, string>> = {}
  for (const item of fields) {
    columns[columnName(search, item)] = {
      element_name: item.element,
      id: item.id,
      header: item.header || item.id,
    }
  }
  return { table: { columns: fields.map((item) => columnName(search, item)), rows }, columns }
}
