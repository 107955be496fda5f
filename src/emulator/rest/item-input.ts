import { XMLParser } from 'fast-xml-parser'
import { StatusError } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { Query } from '../http/query.js'
import { escapeXml11 } from '../http/text.js'
import { fieldName, fieldValue } from '../store/field-names.js'
import type { Fields } from '../store/model.js'
import { attributeOf, isXmlNode, nodesOf, type XmlNode } from '../store/xml-node.js'
import { canonicalType, isKnownType } from '../store/xsi-types.js'
import { messageOf } from '../unknown.js'
import type { RestContext } from './resource.js'
import { writableShortcuts, type ShortcutSet } from './shortcuts.js'
import { elementType } from './xml-elements.js'

/** An item as a request describes it: by an XML document, a form, or parameters of the query. */
export interface ItemInput {
  readonly xsiType: string
  /** By field name, attributes and elements alike; `ID`, `label` and `project` among them. */
  readonly fields: Fields
  /** Scans inside a session's document. */
  readonly scans: readonly ItemInput[]
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  textNodeName: '#text',
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
})

/** Collections that hang on an item but are not fields of it. */
const CHILDREN = new Set([
  'scans',
  'resources',
  'sharing',
  'experiments',
  'assessors',
  'reconstructions',
  'file',
  'in',
  'out',
  'aliases',
  'regions',
  'studyProtocol',
])

/** SecureResource.loadItem; undefined if the request describes nothing. */
export async function itemFromRequest(
  context: RestContext,
  defaultType: string | undefined,
  shortcuts?: ShortcutSet,
): Promise<ItemInput | undefined> {
  const fromBody = await itemFromBody(context)
  const parameters = parameterFields(context.query, shortcuts)
  const formParameters = fromBody instanceof Query ? parameterFields(fromBody, shortcuts) : {}
  const item = fromBody instanceof Query ? undefined : fromBody
  const named =
    context.query.get('xsiType') ?? (fromBody instanceof Query ? fromBody.get('xsiType') : undefined)
  const type = named ?? item?.xsiType ?? defaultType ?? typeInParameters(context.query)
  if (type === undefined) return undefined
  const xsiType = canonicalType(type) ?? type
  if (!isKnownType(xsiType)) throw new StatusError(400, `Unable to find element: ${type}`)
  return {
    xsiType,
    fields: { ...item?.fields, ...formParameters, ...parameters },
    scans: item?.scans ?? [],
  }
}

async function itemFromBody(context: RestContext): Promise<ItemInput | Query | undefined> {
  const { exchange, query } = context
  const type = exchange.bodyType
  if (exchange.bodySize <= 0) return undefined
  const asXml =
    type === MEDIA.xml ||
    type === 'application/xml' ||
    query.get('req_format') === 'xml' ||
    query.isTrue('inbody')
  if (asXml) return parseItemXml(await exchange.bodyText())
  if (type === MEDIA.form || query.get('req_format') === 'form') return new Query(await exchange.bodyText())
  return undefined
}

/** Reads an item's document; a document that is none is 422. */
export function parseItemXml(text: string): ItemInput {
  let document: unknown
  try {
    document = parser.parse(text, true)
  } catch (error) {
    throw new StatusError(422, `An error occurred parsing the XML: ${messageOf(error)}`)
  }
  const elements = isXmlNode(document) ? Object.entries(document) : []
  const [root, content] = elements.find(([name]) => !name.startsWith('?')) ?? ['', undefined]
  const type = elementType(root)
  if (type === undefined)
    throw new StatusError(422, `An error occurred parsing the XML: unknown element ${root}`)
  return nodeToItem(type, content)
}

function nodeToItem(xsiType: string, node: unknown): ItemInput {
  const fields: Fields = {}
  const content = isXmlNode(node) ? node : {}
  collect(content, '', fields)
  return { xsiType, fields, scans: scansOf(content) }
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function collect(node: XmlNode, path: string, fields: Fields): void {
  for (const [name, value] of Object.entries(node)) {
    if (name === '#text') {
      if (path !== '') setField(fields, path, String(value))
    } else if (name.startsWith('@')) {
      if (/^@(?:xmlns|xsi:)/.test(name)) continue
      setField(fields, path === '' ? name.slice(1) : `${path}/${name.slice(1)}`, String(value))
    } else if (path !== '' || !CHILDREN.has(localName(name))) {
      const below = path === '' ? localName(name) : `${path}/${localName(name)}`
      const first: unknown = Array.isArray(value) ? value[0] : value
      if (isXmlNode(first)) collect(first, below, fields)
      else if (typeof first === 'string' && first !== '') setField(fields, below, first)
    }
  }
}

function setField(fields: Fields, path: string, text: string): void {
  const name = fieldName(path)
  fields[name] = fieldValue(name, text)
}

function scansOf(session: XmlNode): ItemInput[] {
  const holder = Object.entries(session).find(([name]) => localName(name) === 'scans')?.[1]
  if (!isXmlNode(holder)) return []
  const scans = Object.entries(holder).find(([name]) => localName(name) === 'scan')?.[1]
  return nodesOf(scans).map((scan) => {
    const type = attributeOf(scan, 'xsi:type') ?? 'xnat:imageScanData'
    return nodeToItem(canonicalType(type) ?? type, scan)
  })
}

/** Short-cuts and full paths among the parameters; values are XML-escaped like all others. */
function parameterFields(query: Query, set: ShortcutSet | undefined): Fields {
  const shortcuts = set === undefined ? {} : writableShortcuts(set)
  const fields: Fields = {}
  for (const key of query.names()) {
    const path = key.includes('/') ? key : shortcuts[key]
    const value = query.get(key)
    if (path === undefined || value === undefined) continue
    setField(fields, path.slice(path.indexOf('/') + 1), value)
  }
  return fields
}

function typeInParameters(query: Query): string | undefined {
  const key = query.names().find((name) => /^[\w-]+:[\w-]+\//.test(name))
  return key === undefined ? undefined : escapeXml11(key.slice(0, key.indexOf('/')))
}
