import { isRecord, messageOf } from '../unknown.js'

/** What goes wrong. `afterBytes` counts bytes of a body, not of headers. */
export type Fault =
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'status'; readonly status: number; readonly html?: string | undefined }
  | { readonly kind: 'login-page' }
  | { readonly kind: 'drop'; readonly afterBytes: number }
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'cut-upload'; readonly afterBytes: number }
  | { readonly kind: 'length'; readonly delta: number }
  | { readonly kind: 'listing-size'; readonly delta: number }
  | { readonly kind: 'corrupt'; readonly atByte: number }
  | { readonly kind: 'ignore-range' }
  /** An upload is answered as if it were stored, and is not. */
  | { readonly kind: 'swallow' }
  /** An upload is stored under its name and this. */
  | { readonly kind: 'store-as'; readonly suffix: string }
  /** An upload loses so many bytes of its end on the way to the disk. */
  | { readonly kind: 'store-short'; readonly bytes: number }
  /** Another writer changed the catalog: the uploaded file lies there and is not listed. */
  | { readonly kind: 'catalog-conflict' }

export interface FaultRule {
  /** HTTP method; absent: any. */
  readonly method?: string | undefined
  /** Glob (`*` within a segment, `**` across) over path or path and query, raw or decoded; or `/regex/`. */
  readonly path: string
  /** How often it strikes; absent: always. */
  readonly times?: number | undefined
  /** How many matching requests pass unharmed first. */
  readonly skip?: number | undefined
  readonly fault: Fault
}

/** For each kind: its numeric fields and the least value each may have. */
const numbers: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  delay: { ms: 0 },
  status: { status: 200 },
  'login-page': {},
  drop: { afterBytes: 0 },
  truncate: { afterBytes: 0 },
  stall: { afterBytes: 0 },
  'cut-upload': { afterBytes: 0 },
  length: { delta: Number.MIN_SAFE_INTEGER },
  'listing-size': { delta: Number.MIN_SAFE_INTEGER },
  corrupt: { atByte: 0 },
  'ignore-range': {},
  swallow: {},
  'store-as': {},
  'store-short': { bytes: 1 },
  'catalog-conflict': {},
}

function wholeNumber(where: string, name: string, value: unknown, minimum: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value
  const least = minimum > Number.MIN_SAFE_INTEGER ? ` of at least ${minimum}` : ''
  throw new TypeError(`${where}: ${name} is ${JSON.stringify(value)}; give a whole number${least}`)
}

function checkFault(where: string, fault: unknown): asserts fault is Fault {
  const kinds = Object.keys(numbers).join(', ')
  if (!isRecord(fault))
    throw new TypeError(`${where}: fault is missing; give an object with a kind (${kinds})`)
  const fields = typeof fault['kind'] === 'string' ? numbers[fault['kind']] : undefined
  if (!fields)
    throw new TypeError(
      `${where}: fault kind ${JSON.stringify(fault['kind'])} is unknown; use one of ${kinds}`,
    )
  for (const [name, minimum] of Object.entries(fields))
    wholeNumber(where, `fault.${name}`, fault[name], minimum)
  if (fault['kind'] === 'status' && Number(fault['status']) > 599) {
    throw new TypeError(
      `${where}: fault.status is ${String(fault['status'])}; give an HTTP status from 200 to 599`,
    )
  }
  if (fault['kind'] === 'store-as' && (typeof fault['suffix'] !== 'string' || fault['suffix'] === '')) {
    throw new TypeError(`${where}: fault.suffix must be a text`)
  }
  if (fault['html'] !== undefined && typeof fault['html'] !== 'string') {
    throw new TypeError(`${where}: fault.html must be a text`)
  }
}

/** Checks rules that come from outside; throws a TypeError that names the rule, the reason and what to give. */
export function parseFaultRules(value: unknown): FaultRule[] {
  if (!Array.isArray(value)) throw new TypeError('fault rules: expected an array of rules')
  return value.map((rule: unknown, index) => {
    const where = `fault rule ${index}`
    if (!isRecord(rule)) throw new TypeError(`${where}: expected an object with path and fault`)
    const { method, path, times, skip, fault } = rule
    if (typeof path !== 'string' || path === '') {
      throw new TypeError(`${where}: path is ${JSON.stringify(path)}; give a pattern such as "/data/**"`)
    }
    if (method !== undefined && typeof method !== 'string')
      throw new TypeError(`${where}: method must be a text`)
    checkFault(where, fault)
    return {
      path,
      fault,
      ...(method === undefined ? {} : { method: method.toUpperCase() }),
      ...(times === undefined ? {} : { times: wholeNumber(where, 'times', times, 1) }),
      ...(skip === undefined ? {} : { skip: wholeNumber(where, 'skip', skip, 0) }),
    }
  })
}

/** The expression for a glob or a `/regex/`; throws a TypeError for an expression that does not compile. */
export function compilePattern(pattern: string): RegExp {
  const literal = /^\/(.+)\/$/s.exec(pattern)?.[1]
  // A path that merely ends in a slash ("/data/projects/") is a glob, unless only an expression could read like that.
  if (
    literal !== undefined &&
    !(/^(?:data|REST|xapi|app)\/./.test(literal) && !/[\\^$()[\]|+?]/.test(literal))
  ) {
    try {
      return new RegExp(literal, 's')
    } catch (error) {
      throw new TypeError(`fault path ${pattern} is not a regular expression: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
  const source = pattern.replace(/\*\*|\*|[\\^$.|?+()[\]{}]/g, (token) => {
    if (token === '**') return '.*'
    return token === '*' ? '[^/?]*' : `\\${token}`
  })
  return new RegExp(`^${source}$`, 's')
}
