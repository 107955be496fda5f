import { hashMapOrder } from '../http/java-order.js'

/** JSON as org.json writes it, where that differs from JSON.stringify. */

// eslint-disable-next-line no-control-regex -- these are the characters org.json escapes
const ESCAPED = /[\u0000-\u001f"\\\u0080-\u009f\u2000-\u20ff]|<\//g

const SHORT: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
  '</': '<\\/',
}

export function quoteJson(text: string): string {
  ESCAPED.lastIndex = 0
  if (!ESCAPED.test(text)) return `"${text}"`
  return `"${text.replace(
    ESCAPED,
    (match) => SHORT[match] ?? `\\u${match.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}"`
}

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** Any value, objects in the order of a Java HashMap. */
export function writeJson(value: JsonValue): string {
  if (typeof value === 'string') return quoteJson(value)
  if (value === null || typeof value !== 'object') return String(value)
  if (isList(value)) return `[${value.map(writeJson).join(',')}]`
  const keys = hashMapOrder(Object.keys(value))
  return `{${keys.map((key) => `${quoteJson(key)}:${writeJson(value[key]!)}`).join(',')}}`
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}
