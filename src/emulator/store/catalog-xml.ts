import { XMLParser } from 'fast-xml-parser'
import { escapeXml } from '../http/text.js'
import { allEntries, javaDate, type Catalog, type CatalogEntry, type CatalogMetaField } from './catalog.js'
import { attributeOf, isXmlNode, nodesOf, textOf, type XmlNode } from './xml-node.js'

/** Namespaces on every catalog's root, as in files written by real servers. */
const NAMESPACES: Readonly<Record<string, string>> = {
  'xmlns:arc': 'http://nrg.wustl.edu/arc',
  'xmlns:cat': 'http://nrg.wustl.edu/catalog',
  'xmlns:pipe': 'http://nrg.wustl.edu/pipe',
  'xmlns:prov': 'http://www.nbirn.net/prov',
  'xmlns:scr': 'http://nrg.wustl.edu/scr',
  'xmlns:val': 'http://nrg.wustl.edu/val',
  'xmlns:wrk': 'http://nrg.wustl.edu/workflow',
  'xmlns:xdat': 'http://nrg.wustl.edu/security',
  'xmlns:xnat': 'http://nrg.wustl.edu/xnat',
  'xmlns:xnat_a': 'http://nrg.wustl.edu/xnat_assessments',
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}

const ENTRY_ATTRIBUTES = [
  ['ID', 'id'],
  ['UID', 'uid'],
  ['URI', 'uri'],
  ['cachePath', 'cachePath'],
  ['content', 'content'],
  ['createdBy', 'createdBy'],
  ['createdEventId', 'createdEventId'],
  ['createdTime', 'createdTime'],
  ['description', 'description'],
  ['digest', 'digest'],
  ['format', 'format'],
  ['instanceNumber', 'instanceNumber'],
  ['modifiedBy', 'modifiedBy'],
  ['modifiedEventId', 'modifiedEventId'],
  ['modifiedTime', 'modifiedTime'],
  ['name', 'name'],
] as const satisfies readonly (readonly [string, keyof CatalogEntry])[]

function attributes(pairs: Iterable<readonly [string, string | undefined]>): string {
  let text = ''
  for (const [name, value] of pairs) if (value !== undefined) text += ` ${name}="${escapeAttribute(value)}"`
  return text
}

function escapeAttribute(value: string): string {
  return escapeXml(value).replace(/[\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`)
}

function metaFieldsXml(fields: readonly CatalogMetaField[], indent: string): string {
  if (fields.length === 0) return ''
  const lines = fields.map(
    (field) =>
      `${indent}\t<cat:metaField${attributes([['name', field.name]])}>${escapeXml(field.value)}</cat:metaField>\n`,
  )
  return `${indent}<cat:metaFields>\n${lines.join('')}${indent}</cat:metaFields>\n`
}

function entryXml(entry: CatalogEntry): string {
  const pairs = ENTRY_ATTRIBUTES.map(([name, key]) => [name, entry[key]] as const)
  const type: readonly (readonly [string, string])[] = entry.isDicom ? [['xsi:type', 'cat:dcmEntry']] : []
  const tags = entry.tags.map((tag) => `\t\t\t<cat:tag>${escapeXml(tag)}</cat:tag>\n`).join('')
  const inner = metaFieldsXml(entry.metaFields, '\t\t') + (tags && `\t\t<cat:tags>\n${tags}\t\t</cat:tags>\n`)
  const start = `\t<cat:entry${attributes([...pairs, ...type])}`
  return inner === '' ? `${start}/>\n` : `${start}>\n${inner}\t</cat:entry>\n`
}

function elementName(catalog: Catalog): string {
  return catalog.isDicom ? 'cat:DCMCatalog' : 'cat:Catalog'
}

function innerXml(catalog: Catalog): string {
  const sets = catalog.sets.map((set) => {
    const type = set.isDicom ? 'cat:dcmCatalog' : undefined
    const start = attributes([
      ['ID', set.id],
      ['UID', set.uid],
      ['xsi:type', type],
    ])
    return `\t<cat:entrySet${start}>\n${innerXml(set)}\t</cat:entrySet>\n`
  })
  const entries = catalog.entries.map(entryXml).join('')
  return (
    metaFieldsXml(catalog.metaFields, '') +
    (sets.length > 0 ? `<cat:sets>\n${sets.join('')}</cat:sets>\n` : '') +
    (entries && `<cat:entries>\n${entries}</cat:entries>\n`)
  )
}

/** The catalog as a document, attributes in the alphabet's order as real ones are. */
export function writeCatalogXml(catalog: Catalog): string {
  const name = elementName(catalog)
  const start = attributes([['ID', catalog.id], ['UID', catalog.uid], ...Object.entries(NAMESPACES)])
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${start}>\n${innerXml(catalog)}</${name}>\n`
}

const LISTS = new Set(['metaField', 'entry', 'entrySet', 'tag'])

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  textNodeName: '#text',
  removeNSPrefix: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: { enabled: true, maxTotalExpansions: 10_000_000, maxExpandedLength: 1_000_000_000 },
  htmlEntities: true,
  transformTagName: (name) => name.replace(/^[\w-]+:/, ''),
  isArray: (name) => LISTS.has(name),
})

function children(node: unknown, list: string, item: string): XmlNode[] {
  const holder = isXmlNode(node) ? node[list] : undefined
  return isXmlNode(holder) ? nodesOf(holder[item]) : []
}

function parseMetaFields(node: unknown): CatalogMetaField[] {
  return children(node, 'metaFields', 'metaField').map((field) => ({
    name: attributeOf(field, 'name') ?? '',
    value: textOf(field),
  }))
}

function parseEntry(node: XmlNode): CatalogEntry {
  const attributes: Record<string, string> = {}
  for (const [name, key] of ENTRY_ATTRIBUTES) {
    const value = attributeOf(node, name)
    if (value !== undefined) attributes[key] = value
  }
  return {
    uri: '',
    ...attributes,
    metaFields: parseMetaFields(node),
    tags: children(node, 'tags', 'tag').map(textOf),
    ...(attributeOf(node, 'xsi:type')?.endsWith('dcmEntry') ? { isDicom: true } : {}),
  }
}

function parseNode(node: XmlNode, isDicom: boolean): Catalog {
  return {
    id: attributeOf(node, 'ID'),
    uid: attributeOf(node, 'UID'),
    isDicom,
    metaFields: parseMetaFields(node),
    entries: children(node, 'entries', 'entry').map(parseEntry),
    sets: children(node, 'sets', 'entrySet').map((set) =>
      parseNode(set, (attributeOf(set, 'xsi:type') ?? '').toLowerCase().includes('dcm')),
    ),
  }
}

/** Reads a catalog document; throws an Error for anything that is none. */
export function parseCatalogXml(text: string): Catalog {
  const document: unknown = parser.parse(text, true)
  for (const name of ['Catalog', 'DCMCatalog', 'dcmCatalog']) {
    const root = isXmlNode(document) ? document[name] : undefined
    if (isXmlNode(root)) return parseNode(root, name !== 'Catalog')
    // An element without attributes and content comes out of the parser as a text.
    if (root === '') return parseNode({}, name !== 'Catalog')
  }
  throw new Error('the document is not a catalog')
}

/** AUDIT as XNAT rebuilds it from the entries on each write: `14:Wed Jan 09 18:05:57 UTC 2019=Added:176`. */
export function auditSummary(catalog: Catalog): string {
  const counts = new Map<string, number>()
  for (const entry of allEntries(catalog)) {
    const added = auditKey(entry.createdEventId, entry.createdTime, 'Added')
    counts.set(added, (counts.get(added) ?? 0) + 1)
    if (entry.modifiedTime === undefined) continue
    const modified = auditKey(entry.modifiedEventId, entry.modifiedTime, 'Modified')
    counts.set(modified, (counts.get(modified) ?? 0) + 1)
  }
  return [...counts].map(([key, count]) => `${key}:${count}`).join('|')
}

function auditKey(event: string | undefined, time: string | undefined, action: string): string {
  const ms = time === undefined ? Number.NaN : Date.parse(`${time}Z`)
  return `${event ?? '0'}:${Number.isNaN(ms) ? (time ?? 'null') : javaDate(ms)}=${action}`
}
