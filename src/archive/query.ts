import { unescapeName } from './names.js'

export type Queried = 'experiments' | 'subjects'

export interface Query {
  /** As REST has them. */
  readonly filters: Readonly<Record<string, string>>
  /** Data types, each of which has to be asked for by itself: REST takes one. Those with a star are compared here. */
  readonly xsiTypes: readonly string[]
}

/** Others would be ignored by the server, which then selects everything. */
const keysOf: Readonly<Record<Queried, ReadonlySet<string>>> = {
  experiments: new Set(['xsiType', 'date', 'label', 'ID', 'session_type', 'studyInstanceUID']),
  subjects: new Set(['label', 'ID']),
}

/** `key=value`, several with `&` between; undefined where the name is no question about such items. */
export function parseQuery(of: Queried, name: string): Query | undefined {
  const filters: Record<string, string> = {}
  for (const part of unescapeName(name).split('&')) {
    const [, key, value] = /^([A-Za-z_]+)=(.+)$/s.exec(part) ?? []
    if (key === undefined || value === undefined || !keysOf[of].has(key) || key in filters) return undefined
    const restValue = key === 'date' ? datesOf(value) : value
    if (restValue === undefined) return undefined
    filters[key] = restValue
  }
  const { xsiType = '', ...others } = filters
  const xsiTypes = xsiType.split(',').filter((type) => type !== '')
  return 'xsiType' in filters && xsiTypes.length === 0 ? undefined : { filters: others, xsiTypes }
}

/** Of the data types that one with stars in it means. */
export function typePattern(xsiType: string): RegExp {
  const source = xsiType.replace(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`).replace(/\*+/g, '.*')
  return new RegExp(`^${source}$`, 'i')
}

/** Dates as REST wants them, month first and ranges with a dash, of ISO dates with `..` between. */
function datesOf(value: string): string | undefined {
  const dates = value.split(',').map((part) => {
    if (restDate.test(part)) return part
    const [from, to, ...rest] = part.split('..')
    if (rest.length > 0) return undefined
    if (to === undefined) return restDay(from!)
    const first = from === '' ? '01/01/1000' : restDay(from!)
    const last = to === '' ? '12/31/9999' : restDay(to)
    return first !== undefined && last !== undefined && (from !== '' || to !== '')
      ? `${first}-${last}`
      : undefined
  })
  return dates.includes(undefined) ? undefined : dates.join(',')
}

const restDate = /^\d{1,2}\/\d{1,2}\/\d{4}(-\d{1,2}\/\d{1,2}\/\d{4})?$/

function restDay(isoDay: string): string | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(isoDay) ?? []
  return day === undefined ? undefined : `${month}/${day}/${year}`
}
