import type { Answer } from '../http/answer.js'
import { hashMapOrder } from '../http/java-order.js'
import { urlDecode } from '../http/text.js'
import { canonicalType, isInstanceOf } from '../store/xsi-types.js'
import type { RestContext } from './resource.js'
import { allShortcuts, type ShortcutSet } from './shortcuts.js'
import { tableAnswer, type Cell, type Table } from './table.js'

/** Columns, filters and paging of the lists that XNAT builds from a query (QueryOrganizerResource). */

export interface ListDefinition<T> {
  readonly shortcuts: ShortcutSet
  /** The root of the query unless parameters say otherwise. */
  readonly defaultElement: string
  defaultColumns(rootElement: string): readonly string[]
  /** What rows have besides the columns asked for. */
  extraColumns?(rootElement: string): readonly string[]
  /** What URI cells begin with. */
  readonly uriPrefix: string
  idOf(item: T): string
  /** Null for items that have no data type of their own; projects and subjects have but one. */
  typeOf(item: T): string
  /** The value at a lower-case path such as `xnat:imagesessiondata/uid`, null where there is none. */
  valueAt(item: T, path: string): Cell
}

interface Column {
  readonly name: string
  /** Lower case. */
  readonly path: string
}

export class QueryOrganizer<T> {
  readonly rootElement: string
  readonly #context: RestContext
  readonly #definition: ListDefinition<T>
  readonly #shortcuts: Readonly<Record<string, string>>

  constructor(context: RestContext, definition: ListDefinition<T>) {
    this.#context = context
    this.#definition = definition
    this.#shortcuts = allShortcuts(definition.shortcuts)
    this.rootElement = this.#findRoot()
  }

  /** `?fields=`: the table of short-cuts, in the order of the map that holds them. */
  fieldsAnswer(mediaType: string): Answer | undefined {
    if (!this.#context.query.has('fields')) return undefined
    const rows = hashMapOrder(Object.keys(this.#shortcuts)).map((key) => [key, this.#shortcuts[key]!])
    return tableAnswer(this.#context, { columns: ['key', 'xpath'], rows }, mediaType, {})
  }

  /** Items of the root element that pass the filters; `filtered` is false where XNAT loses the filters. */
  select(items: Iterable<T>, filtered: boolean): T[] {
    const ofType = [...items].filter((item) => this.#isOfRoot(item))
    if (!filtered) return ofType
    const tests = this.#tests()
    return tests.length === 0 ? ofType : ofType.filter((item) => tests.every((test) => test(item)))
  }

  /** Whether columns or filters speak of such paths. */
  mentions(isMeant: (path: string) => boolean): { columns: boolean; filters: boolean } {
    const names = this.#context.query.names().filter((name) => name !== 'columns' && name !== 'xsiType')
    return {
      columns: this.#columns().some(({ path }) => isMeant(path)),
      filters: names.some((name) => isMeant(this.#pathOf(name) ?? '')),
    }
  }

  table(items: readonly T[]): Table {
    const columns = this.#columns()
    const definition = this.#definition
    return {
      columns: [...columns.map(({ name }) => name), 'URI'],
      rows: items.map((item) => [
        ...columns.map(({ path }) => definition.valueAt(item, path)),
        `${definition.uriPrefix}${definition.idOf(item)}`,
      ]),
    }
  }

  #isOfRoot(item: T): boolean {
    const type = this.#definition.typeOf(item)
    return isInstanceOf(type, this.rootElement) || this.rootElement === type
  }

  /** A single xsiType, else the most special type that columns and filters speak of (getRootElementName). */
  #findRoot(): string {
    const { query } = this.#context
    const { defaultElement } = this.#definition
    const stated = query.get('xsiType')
    if (stated !== undefined && !stated.includes(',')) return canonicalType(stated) ?? stated
    let root = defaultElement
    for (const path of this.#mentionedPaths()) {
      const type = canonicalType(path.slice(0, path.indexOf('/')))
      if (type !== undefined && type !== root && isInstanceOf(type, root)) root = type
    }
    return root
  }

  #mentionedPaths(): string[] {
    const { query } = this.#context
    const names = query.names().flatMap((name) => (name === 'columns' ? splitNames(query.get(name)) : [name]))
    return names.flatMap((name) => this.#pathOf(name) ?? [])
  }

  #pathOf(name: string): string | undefined {
    return name.includes('/') ? name : this.#shortcuts[name]
  }

  /** The primary key of the root element comes first, under its path if no short-cut means it (§2.2). */
  #columns(): Column[] {
    const stated = this.#context.query.get('columns')
    const names =
      stated === undefined || stated === 'DEFAULT'
        ? this.#definition.defaultColumns(this.rootElement)
        : [...splitNames(urlDecode(stated)), ...(this.#definition.extraColumns?.(this.rootElement) ?? [])]
    const key = `${this.rootElement}/${keyField(this.rootElement)}`.toLowerCase()
    const columns = new Map<string, Column>([[key, { path: key, name: this.#keyName(key) }]])
    for (const name of names) {
      const path = this.#pathOf(name)?.toLowerCase()
      if (path !== undefined && !columns.has(path)) columns.set(path, { path, name: this.#nameOf(path) })
    }
    return [...columns.values()]
  }

  /** `session_ID` means the key of an image session too, but never names it (dax reads `xnat:imagesessiondata/id`). */
  #keyName(path: string): string {
    const name = this.#nameOf(path)
    return name === 'session_ID' ? path : name
  }

  /** The first short-cut, in the order of a Java map, that means the path; else the path itself, lower case. */
  #nameOf(path: string): string {
    const order = hashMapOrder(Object.keys(this.#shortcuts))
    return order.find((name) => this.#shortcuts[name]!.toLowerCase() === path) ?? path
  }

  #tests(): ((item: T) => boolean)[] {
    const { query } = this.#context
    return query.names().flatMap((name) => {
      const path = name === 'xsiType' ? undefined : this.#pathOf(name)
      const value = query.get(name)
      if (path === undefined || value === undefined) return []
      const matches = valueMatcher(path, value)
      return [(item: T) => matches(this.#definition.valueAt(item, path.toLowerCase()))]
    })
  }
}

/** Scans and reconstructions are keyed by a number, everything else by its ID. */
function keyField(rootElement: string): string {
  if (isInstanceOf(rootElement, 'xnat:imageScanData')) return 'xnat_imagescandata_id'
  return rootElement === 'xnat:reconstructedImageData' ? 'xnat_reconstructedimagedata_id' : 'id'
}

function splitNames(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

const DATES = /\/(?:date|dob|insert_date|last_modified)$/i
const NUMBERS = /\/(?:frames|age|weight|height|education|yob|xnat_imagescandata_id)$/i

/** Commas are OR; `*` and `%` make a LIKE, which ignores case; `a-b` is a range for dates and numbers (§2.1). */
export function valueMatcher(path: string, text: string): (cell: Cell) => boolean {
  const alternatives = splitNames(text).map((value) => {
    if (DATES.test(path)) return dateMatcher(value)
    if (NUMBERS.test(path)) return numberMatcher(value)
    if (!/[%*]/.test(value)) return (cell: Cell) => cell !== null && String(cell) === value
    const source = value.replace(/[%*]+|[\\^$.|?+()[\]{}]|_/g, (token) => {
      if (/[%*]/.test(token)) return '.*'
      return token === '_' ? '.' : `\\${token}`
    })
    const pattern = new RegExp(`^${source}$`, 'is')
    return (cell: Cell) => cell !== null && pattern.test(String(cell))
  })
  return (cell) => alternatives.some((matches) => matches(cell))
}

/** A dash always separates a range, so an ISO date as such is never one date (processDateQuery). */
function dateMatcher(value: string): (cell: Cell) => boolean {
  const dash = value.indexOf('-')
  if (dash < 0) {
    const wanted = isoDay(value)
    return (cell) => cell !== null && String(cell).startsWith(wanted)
  }
  const from = isoDay(value.slice(0, dash))
  const to = isoDay(value.slice(dash + 1))
  return (cell) => cell !== null && String(cell) >= from && String(cell).slice(0, to.length) <= to
}

function isoDay(text: string): string {
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text)
  if (american) return `${american[3]}-${american[1]!.padStart(2, '0')}-${american[2]!.padStart(2, '0')}`
  const compact = /^(\d{4})(\d{2})(\d{2})$/.exec(text)
  return compact ? `${compact[1]}-${compact[2]}-${compact[3]}` : text
}

function numberMatcher(value: string): (cell: Cell) => boolean {
  const dash = value.indexOf('-')
  if (dash < 0) return (cell) => cell !== null && Number(cell) === Number(value)
  const from = Number(value.slice(0, dash))
  const to = Number(value.slice(dash + 1))
  return (cell) => cell !== null && Number(cell) >= from && Number(cell) <= to
}

/** `limit` and `offset` (≥ 1.8.9): undefined where neither applies; `*` switches paging off. */
export function pageOf(context: RestContext): { limit: number; offset: number } | undefined {
  const { query } = context
  if (!query.has('limit') && !query.has('offset')) return undefined
  const offset = query.get('offset') ?? '0'
  const limit = query.get('limit') ?? '100'
  if (offset === '*' || limit === '*') return undefined
  if (!/^\d+$/.test(offset) || !/^\d+$/.test(limit)) throw new Error(`For input string: "${limit}"`)
  if (Number(offset) === 0 && Number(limit) === 0) return undefined
  return { limit: Number(limit), offset: Number(offset) }
}
