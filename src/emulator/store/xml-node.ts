import { isRecord } from '../unknown.js'

/** An element as fast-xml-parser gives it with `@` for attributes and `#text` for text. */
export type XmlNode = Readonly<Record<string, unknown>>

export const isXmlNode: (value: unknown) => value is XmlNode = isRecord

/** The elements in a value that may be one of them, a list, or a mere text. */
export function nodesOf(value: unknown): XmlNode[] {
  return (Array.isArray(value) ? value : [value]).filter(isXmlNode)
}

export function textOf(node: unknown): string {
  if (typeof node === 'string') return node
  const text = isXmlNode(node) ? node['#text'] : undefined
  return typeof text === 'string' ? text : ''
}

export function attributeOf(node: XmlNode, name: string): string | undefined {
  const value = node[`@${name}`]
  return typeof value === 'string' ? value : undefined
}
