/**
 * Restlet 1.1.10's byte ranges, faults and all (xnat-wire.md §3.2): lengths are not clamped to the file, so a range
 * past the end promises more bytes than there are and the connection then stalls.
 */

/** One range of a Range header; `first` is undefined for a suffix, `length` for "to the end". */
interface RequestedRange {
  readonly first: number | undefined
  readonly length: number | undefined
}

export type RangeHeader =
  | { readonly kind: 'none' }
  /** More than one range: 501. */
  | { readonly kind: 'multiple' }
  /** A number that Java cannot parse: an exception, hence 500. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'single'; readonly range: RequestedRange }

export interface RangedBody {
  readonly contentRange: string
  /** What Content-Length says; may be negative or more than there is. Undefined: the header is left out. */
  readonly contentLength: number | undefined
  /** First byte to send, and how many there really are. */
  readonly start: number
  readonly count: number
}

const none: RangeHeader = { kind: 'none' }

function parseNumber(text: string): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
}

function parseOne(value: string): RequestedRange | undefined {
  if (value.startsWith('-')) {
    const length = parseNumber(value.slice(1))
    // A length of -1 is Restlet's mark for "all", which a suffix cannot mean.
    return Number.isNaN(length) ? undefined : { first: undefined, length }
  }
  if (value.endsWith('-')) {
    const first = parseNumber(value.slice(0, -1))
    return Number.isNaN(first) ? undefined : { first, length: undefined }
  }
  const parts = value.split('-')
  if (parts.length !== 2) return { first: 0, length: 0 }
  const first = parseNumber(parts[0]!)
  const last = parseNumber(parts[1]!)
  if (Number.isNaN(first) || Number.isNaN(last)) return undefined
  const length = last - first + 1
  return { first, length: length === -1 ? undefined : length }
}

export function parseRangeHeader(header: string | undefined): RangeHeader {
  if (header === undefined || !header.startsWith('bytes=')) return none
  const values = header.slice('bytes='.length).split(',')
  // String.split of Java drops empty strings at the end.
  while (values.length > 1 && values.at(-1) === '') values.pop()
  const ranges = values.map((value) => parseOne(value.trim()))
  if (ranges.some((range) => range === undefined)) return { kind: 'malformed' }
  return ranges.length > 1 ? { kind: 'multiple' } : { kind: 'single', range: ranges[0]! }
}

/** Applies one range to a file of `size` bytes (size > 0: Restlet ignores ranges of an empty entity). */
export function applyRange(range: RequestedRange, size: number, claimedSize = size): RangedBody {
  const { first, length } = range
  if (first === undefined) {
    const wanted = length ?? 0
    const start = Math.max(0, size - wanted)
    return {
      contentRange: `bytes ${claimedSize - wanted}-${claimedSize - 1}/${claimedSize}`,
      contentLength: wanted,
      start,
      count: size - start,
    }
  }
  if (length === undefined) {
    const claimed = claimedSize - first
    return {
      contentRange: `bytes ${first}-${claimedSize - 1}/${claimedSize}`,
      // Tomcat takes a length of -1 for "unknown" and leaves the header out.
      contentLength: claimed === -1 ? undefined : claimed,
      start: Math.min(first, size),
      count: Math.max(0, size - first),
    }
  }
  return {
    contentRange: `bytes ${first}-${first + length - 1}/${claimedSize}`,
    contentLength: length,
    start: Math.min(first, size),
    count: Math.max(0, Math.min(length, size - first)),
  }
}

export type { RequestedRange }
