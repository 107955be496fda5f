/** What requests to a server are for. */
export const requestKinds = ['log-in', 'listing', 'file', 'archive', 'upload', 'change'] as const
export type RequestKind = (typeof requestKinds)[number]

export interface RequestCount {
  count: number
  /** No answer, or one that says no. */
  failed: number
  receivedBytes: number
  sentBytes: number
  /** Until answers began, and until they had ended, all together. */
  waitMs: number
  busyMs: number
}

const nothing: RequestCount = { count: 0, failed: 0, receivedBytes: 0, sentBytes: 0, waitMs: 0, busyMs: 0 }

/**
 * What a mount has done since it began. Whoever does something adds to these plain numbers, which costs him nothing; who
 * wants to know reads them.
 */
export class Counters {
  readonly requests = Object.fromEntries(requestKinds.map((kind) => [kind, { ...nothing }])) as Record<
    RequestKind,
    RequestCount
  >
  readonly ahead = {
    /** Within large files. */
    readAheadBytes: 0,
    /** Directories whose rest was fetched, by one request or by a request each. */
    together: 0,
    singly: 0,
    /** What came so. */
    files: 0,
    bytes: 0,
  }
}
