import { StatusError } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { Services } from '../services.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell, type Table } from './table.js'

interface Kept {
  readonly owner: string
  readonly table: Table
}

/** What searches have found that were run to be kept; forgotten when the server ends. */
const kept = new WeakMap<Services, Map<string, Kept>>()

/** Keeps what a search has found. @returns the name that it is asked for by */
export function keepTable(context: RestContext, searchId: string | undefined, table: Table): string {
  const { services, user } = context
  const tables = kept.get(services) ?? new Map<string, Kept>()
  kept.set(services, tables)
  const name = `${searchId === undefined ? '' : `_${searchId}`}_${user.login}_${services.now()}`
  const id = `${name.replace(/\W/g, '_').toLowerCase()}${tables.size}`
  tables.set(id, { owner: user.login, table: { columns: table.columns, rows: [...table.rows] } })
  return id
}

const VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

function find(context: RestContext): { readonly id: string; readonly found: Kept } {
  const id = context.variable('CACHED_SEARCH_ID')!
  const found = kept.get(context.services)?.get(id)
  // The original trips over what is not there.
  if (!found) throw new StatusError(500)
  return { id, found }
}

/** `/search/{CACHED}`: what a search has found, or a part of it; that of another user is none. */
export function cachedSearch(context: RestContext): RestResource {
  const [offset, limit] = ['offset', 'limit'].map((name) => {
    const text = context.query.get(name)
    if (text !== undefined && !/^\d+$/.test(text)) throw new StatusError(422)
    return text === undefined ? undefined : Number(text)
  })
  return {
    variants: VARIANTS,
    get: (mediaType) => {
      const { id, found } = find(context)
      if (found.owner !== context.user.login) return undefined
      const { columns, rows } = found.table
      const first = offset ?? 0
      const part = rows.slice(first, limit === undefined ? undefined : first + limit)
      return tableAnswer(context, { columns, rows: part }, mediaType, { ID: id })
    },
  }
}

/** `/search/{CACHED}/{COLUMN}`: the values of a column, and how often there is each. */
export function cachedColumn(context: RestContext): RestResource {
  return {
    variants: VARIANTS,
    get: (mediaType) => {
      const { id, found } = find(context)
      if (found.owner !== context.user.login) return undefined
      const column = context.variable('COLUMN')!
      const at = found.table.columns.findIndex((name) => name.toLowerCase() === column.toLowerCase())
      if (at < 0) throw new StatusError(410)
      const counts = new Map<Cell, number>()
      for (const row of found.table.rows) counts.set(row[at]!, (counts.get(row[at]!) ?? 0) + 1)
      const rows = [...counts].map(([value, count]): Cell[] => [value, count])
      rows.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
      const properties = { ID: id, COLUMN: column }
      return tableAnswer(context, { columns: ['values', 'count'], rows }, mediaType, properties)
    },
  }
}
