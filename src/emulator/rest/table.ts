import { outputAnswer, type Answer } from '../http/answer.js'
import { hashMapOrder } from '../http/java-order.js'
import { MEDIA } from '../http/media.js'
import { quoteJson } from './json.js'
import type { RestContext } from './resource.js'

export type Cell = string | number | boolean | null

/** XNAT's XFTTable: every list on the wire is one. */
export interface Table {
  readonly columns: readonly string[]
  rows: Cell[][]
}

/** Properties of the whole table, `title` and `totalRecords` mostly, in the order they are written. */
export type TableProperties = Readonly<Record<string, string | number>>

/** Properties of single columns: the link prefix of URI, the headers of a search. */
export type ColumnProperties = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The table in the media type asked for; sorted first if the query says so (§2.1). */
export function tableAnswer(
  context: RestContext,
  table: Table,
  mediaType: string,
  properties: TableProperties,
  columns: ColumnProperties = {},
): Answer {
  const sorted = sortTable(context, table, mediaType)
  if (mediaType === MEDIA.xml) return outputAnswer(xmlText(sorted, properties, columns), MEDIA.xml)
  if (mediaType === MEDIA.json) return outputAnswer(jsonText(sorted, properties, columns), MEDIA.json)
  if (mediaType === MEDIA.csv || mediaType === MEDIA.excel) return outputAnswer(csvText(sorted), mediaType)
  return outputAnswer(htmlText(sorted, columns, mediaType !== MEDIA.xList), MEDIA.html)
}

function sortTable(context: RestContext, table: Table, mediaType: string): Table {
  const sortBy = context.query.get('sortBy')
  if (sortBy === undefined) return table
  const indexes = sortBy
    .split(',')
    .map((name) => table.columns.findIndex((column) => column.toLowerCase() === name.toLowerCase()))
    .filter((index) => index >= 0)
  if (indexes.length === 0) return table
  const rows = [...table.rows].sort((a, b) => compareRows(a, b, indexes))
  if (context.query.get('sortOrder')?.toUpperCase() === 'DESC' && mediaType !== MEDIA.xList) rows.reverse()
  return { columns: table.columns, rows }
}

/** Nulls last; cells that cannot be compared count as equal. */
function compareRows(a: readonly Cell[], b: readonly Cell[], indexes: readonly number[]): number {
  for (const index of indexes) {
    const left = a[index] ?? null
    const right = b[index] ?? null
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1
    if (typeof left !== typeof right || left === right) continue
    return left < right ? -1 : 1
  }
  return 0
}

const text = (cell: Cell | undefined): string => (cell == null ? '' : String(cell))
const withoutNul = (value: string): string => (value.includes('\0') ? value.replaceAll('\0', '') : value)
const line = (cell: Cell | undefined): string => text(cell).replace(/\r\n|\r|\n/g, ' ')

function jsonText(table: Table, properties: TableProperties, columns: ColumnProperties): string {
  const keys = hashMapOrder(table.columns)
  const order = keys.map((key) => [`${quoteJson(key)}:`, table.columns.lastIndexOf(key)] as const)
  const rows = table.rows.map(
    (row) => `{${order.map(([key, index]) => key + quoteJson(withoutNul(text(row[index])))).join(',')}}`,
  )
  const columnList = Object.entries(columns).map(([name, values]) => {
    const pairs = Object.entries(values).map(([key, value]) => `,"${key}":"${value}"`)
    return `{"key":"${name}"${pairs.join('')}}`
  })
  // Titles and column properties are not escaped by the original either.
  const tail = Object.entries(properties).map(([key, value]) => `"${key}": "${value}"`)
  return (
    '{"ResultSet":{' +
    (columnList.length > 0 ? `"Columns":[${columnList.join(',')}],` : '') +
    `"Result":[${rows.join(',')}]` +
    (tail.length > 0 ? `, ${tail.join(',')}` : '') +
    '}}'
  )
}

function csvCell(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value
}

function csvText(table: Table): string {
  const lines = [
    table.columns.map(csvCell),
    ...table.rows.map((row) => row.map((cell) => csvCell(line(cell)))),
  ]
  return lines.map((cells) => `${cells.join(',')}\n`).join('')
}

function xmlText(table: Table, properties: TableProperties, columns: ColumnProperties): string {
  const attributes = Object.entries(properties).map(([key, value]) => ` ${key}="${value}"`)
  const head = table.columns.map((column) => {
    const pairs = Object.entries(columns[column] ?? {}).map(([key, value]) => ` ${key}="${value}"`)
    return `<column${pairs.join('')}>${column}</column>`
  })
  const rows = table.rows.map((row) => {
    const cells = row.map((cell) => `<cell>${line(cell).replace(/>/g, '&gt;').replace(/</g, '&lt;')}</cell>`)
    return `<row>${cells.join('')}</row>\n`
  })
  return (
    `<ResultSet${attributes.join('')}><results><columns>${head.join('')}</columns>\n` +
    `<rows>${rows.join('')}</rows></results></ResultSet>`
  )
}

function htmlText(table: Table, columns: ColumnProperties, withTags: boolean): string {
  const head = table.columns.map((column) => (withTags ? `<th>${column}</th>` : column))
  const rows = table.rows.map((row, index) => {
    const cells = row.map((cell, position) => {
      const root = columns[table.columns[position]!]?.['serverRoot']
      const value = root === undefined ? line(cell) : `<a href='${root}${line(cell)}'>${line(cell)}</a>`
      return withTags ? `<td>${value}</td>` : value
    })
    return `<tr class="x_rs_tr_data${index % 2 === 0 ? ' odd' : ' even'}">\n${cells.join('')}</tr>`
  })
  return (
    '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en"><body>' +
    '<table class="x_rs_t" cellpadding="0" cellspacing="0">\n<thead class="x_rs_thead">\n<tr class="x_rs_tr_head">' +
    `${head.join('')}</tr>\n</thead>\n<tbody id="dataRows">\n${rows.join('')}</tbody>\n</table></body></html>`
  )
}
