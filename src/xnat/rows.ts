/** A row of a listing. Every cell is a string; NULL is '' (xnat-wire.md §2.1). */
export type Row = Readonly<Record<string, string>>

/**
 * The rows of a table listing, `{"ResultSet":{"Result":[…]}}`.
 * @throws Error saying what came instead: a misspelt or outrun URL can answer 200 with another thing (§1.2)
 */
export function parseRows(text: string): Row[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Error(`not JSON: ${text.slice(0, 80)}`, { cause })
  }
  const result = isObject(value) && isObject(value['ResultSet']) ? value['ResultSet']['Result'] : undefined
  if (!Array.isArray(result)) throw new Error('JSON without a ResultSet')
  return result.map(toRow)
}

/** The data fields of a single item, `{"items":[{"data_fields":{…}}]}` (§2.6); here numbers may be numbers. */
export function parseItemFields(text: string): Row {
  const value: unknown = JSON.parse(text)
  const items = isObject(value) ? value['items'] : undefined
  const first: unknown = Array.isArray(items) ? items[0] : undefined
  const fields = isObject(first) ? first['data_fields'] : undefined
  if (!isObject(fields)) throw new Error('JSON without items')
  return toRow(fields)
}

/** The version in a server's description of itself, `{"version":"1.8.11",…}` (§1.4). */
export function parseVersion(text: string): string | undefined {
  const value: unknown = JSON.parse(text)
  const version = isObject(value) ? value['version'] : undefined
  return typeof version === 'string' ? version : undefined
}

/** The cell, or undefined where it is empty or the column is not there. */
export function cell(row: Row, column: string): string | undefined {
  const value = row[column]
  return value === undefined || value === '' ? undefined : value
}

/** The cells of these columns that are not empty. */
export function cellsOf(row: Row, columns: readonly string[]): Row {
  const cells: Record<string, string> = {}
  for (const column of columns) {
    const value = row[column]
    if (value !== undefined && value !== '') cells[column] = value
  }
  return cells
}

/** A count or size. Undefined where the server has none: `""`, or a table that fills no cell (§2.3, §2.4). */
export function numberCell(row: Row, column: string): number | undefined {
  const text = cell(row, column)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/**
 * Milliseconds of a server timestamp: `2021-03-18 11:36:15.236`, `2021-03-18T11:36:15.236` or a bare date. XNAT writes
 * them in its own zone without saying which (§2.1); they are read in this machine's zone, so that `ls -l` shows what
 * XNAT's own pages show.
 */
export function parseTimeMs(text: string | undefined): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?)?/.exec(text ?? '')
  if (!match) return undefined
  const ms = Math.trunc(Number(`0${match[3] ?? '.0'}`) * 1000)
  const seconds = Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}`)
  return Number.isNaN(seconds) ? undefined : seconds + ms
}

function toRow(value: unknown): Row {
  if (isRow(value)) return value
  const row: Record<string, string> = {}
  if (!isObject(value)) return row
  for (const [key, cellValue] of Object.entries(value)) {
    if (typeof cellValue === 'string') row[key] = cellValue
    else if (typeof cellValue === 'number' || typeof cellValue === 'boolean') row[key] = String(cellValue)
  }
  return row
}

/** As a rule: then nothing is copied, for there may be many. */
function isRow(value: unknown): value is Row {
  if (!isObject(value)) return false
  for (const key in value) if (typeof value[key] !== 'string') return false
  return true
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
