import { isKnownType, rootElement } from '../store/xsi-types.js'
import { NAMESPACES } from '../rest/item-xml.js'
import { schemaType, schemaTypes, type SchemaField } from '../store/schema-fields.js'

/** The XML schemas of the data types, by which clients learn what there is (`/xapi/schemas`, `/schemas`). */

/** Prefix of the namespace by the name of the schema; what others build upon comes first. */
const SCHEMAS: Readonly<Record<string, string>> = {
  xdat: 'xdat',
  xnat: 'xnat',
  'pipeline/workflow': 'wrk',
  proc: 'proc',
  roi: 'icr',
}

export function schemaNames(): string[] {
  return Object.keys(SCHEMAS)
}

const written = new Map<string, string>()

/** undefined: there is none of this name. */
export function schemaDocument(name: string): string | undefined {
  const prefix = Object.hasOwn(SCHEMAS, name) ? SCHEMAS[name]! : undefined
  if (prefix === undefined) return undefined
  let text = written.get(name)
  if (text === undefined) written.set(name, (text = document(name, prefix)))
  return text
}

function document(name: string, prefix: string): string {
  const names = new Set(schemaTypes().filter((type) => type.startsWith(`${prefix}:`)))
  const namespaces = Object.values(SCHEMAS).map((other) => `xmlns:${other}="${NAMESPACES[other]}"`)
  const elements = [...names]
    .filter(isKnownType)
    .map((type) => `<xs:element name="${rootElement(type).replace(/^.*:/, '')}" type="${type}"/>`)
  const up = '../'.repeat(name.split('/').length)
  const others = Object.entries(SCHEMAS).filter(([, other]) => other !== prefix)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<xs:schema targetNamespace="${NAMESPACES[prefix]}" xmlns:xs="http://www.w3.org/2001/XMLSchema" ${namespaces.join(' ')} elementFormDefault="qualified" attributeFormDefault="unqualified">`,
    ...others.map(
      ([path, other]) =>
        `<xs:import namespace="${NAMESPACES[other]}" schemaLocation="${up}${path}/${path.replace(/^.*\//, '')}.xsd"/>`,
    ),
    ...elements,
    ...[...names].map(complexType),
    '</xs:schema>',
    '',
  ].join('\n')
}

function complexType(name: string): string {
  const { base, fields } = schemaType(name)
  const content = contentOf(fields)
  const body =
    base === undefined
      ? content
      : `<xs:complexContent><xs:extension base="${base}">${content}</xs:extension></xs:complexContent>`
  return `<xs:complexType name="${name.replace(/^.*:/, '')}">${body}</xs:complexType>`
}

function contentOf(fields: readonly SchemaField[]): string {
  const elements = fields.filter(({ isAttribute }) => !isAttribute).map(elementOf)
  const attributes = fields.filter(({ isAttribute }) => isAttribute)
  const sequence = elements.length === 0 ? '' : `<xs:sequence>${elements.join('')}</xs:sequence>`
  return (
    sequence +
    attributes.map(({ name, type }) => `<xs:attribute name="${name}" type="${typeName(type)}"/>`).join('')
  )
}

function elementOf({ name, type, isList, fields }: SchemaField): string {
  const head = `<xs:element name="${name}" minOccurs="0"${isList ? ' maxOccurs="unbounded"' : ''}`
  if (fields.length === 0) return `${head} type="${typeName(type)}"/>`
  const content = contentOf(fields)
  // What has attributes only is a text with attributes.
  const isText = fields.every(({ isAttribute }) => isAttribute) && name !== 'share' && !isMeasure(fields)
  const body = isText
    ? `<xs:simpleContent><xs:extension base="xs:string">${content}</xs:extension></xs:simpleContent>`
    : content
  return `${head}><xs:complexType>${body}</xs:complexType></xs:element>`
}

/** Of two or three dimensions. */
function isMeasure(fields: readonly SchemaField[]): boolean {
  return fields.some(({ name }) => name === 'x')
}

function typeName(type: string): string {
  return type.includes(':') ? type : `xs:${type}`
}
