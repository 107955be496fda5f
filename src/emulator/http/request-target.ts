/** Characters Tomcat refuses in a request target unless they are percent-encoded (xnat-wire.md §3.6). */
// eslint-disable-next-line no-control-regex -- control characters are part of what is refused
const REFUSED = /[\u0000-\u0020"<>[\\\]^`{|}\u007f-\uffff]/

/** Escapes of slash, backslash and NUL, and escapes that are none, are refused in the path. */
const REFUSED_ESCAPE = /%(?:2[fF]|5[cC]|00|(?![0-9A-Fa-f]{2}))/

export interface RequestTarget {
  /** Percent-encoded, dot segments removed; double slashes stay. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
}

/** Splits and checks a request target the way Tomcat and Restlet do; undefined is Tomcat's 400. */
export function parseRequestTarget(target: string): RequestTarget | undefined {
  if (REFUSED.test(target) || !target.startsWith('/')) return undefined
  const mark = target.indexOf('?')
  const raw = mark < 0 ? target : target.slice(0, mark)
  if (REFUSED_ESCAPE.test(raw)) return undefined
  const path = removeDotSegments(raw)
  return path === undefined ? undefined : { path, query: mark < 0 ? '' : target.slice(mark + 1) }
}

/** RFC 3986 §5.2.4, but climbing above the root is an error, as in Tomcat. */
function removeDotSegments(path: string): string | undefined {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '.') {
      if (last) kept.push('')
    } else if (segment === '..') {
      if (kept.length === 0) return undefined
      kept.pop()
      if (last) kept.push('')
    } else {
      kept.push(segment)
    }
  }
  return `/${kept.join('/')}`
}
