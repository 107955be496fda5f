/**
 * Blocks of files, kept while there is room. A miss is `undefined`; trouble inside a cache is a miss too.
 *
 * `file` names one version of one file, so what is stale is simply never asked for again. All blocks of a file but
 * its last have `blockSizeBytes`.
 */
export interface BlockCache {
  readonly blockSizeBytes: number
  get(file: string, index: number): Uint8Array | undefined
  /** The cache keeps `bytes`; the caller does not change them any more. */
  put(file: string, index: number, bytes: Uint8Array): void
}
