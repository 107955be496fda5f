import type { Archive } from '../archive/archive.js'
import type { BlockCache } from '../cache/block-cache.js'
import type { Log } from '../util/log.js'
import type { Md5 } from '../util/md5.js'
import type { FetchTurns } from './fetch-turns.js'

export interface FileReaderOptions {
  readonly archive: Pick<Archive, 'fetch' | 'contradict' | 'isReachable'>
  readonly cache: BlockCache
  readonly log: Log
  readonly md5?: Md5 | undefined
  /** The version that earlier answers for this listed version belonged to, if any: only its blocks may be mixed. */
  readonly answerVersion: string | undefined
  /** No cache need be asked for it. */
  readonly isAbsent?: boolean
  /** @param isProven all bytes of that version were seen to be what the digest of the listing says, if it has one */
  readonly onAnswerVersion: (answerVersion: string, isProven: boolean) => void
  /** The MD5 of an earlier download of this file that did not fit its catalog. */
  readonly damagedDigest: string | undefined
  readonly onDamaged: (md5: string) => void
  /** The bytes of the whole file, proved by their digest, if they are about to come with others of its directory. */
  readonly awaited?: (signal: AbortSignal) => Promise<readonly Uint8Array[] | undefined>
  /** Files up to this size are fetched in one piece, whatever part is asked for. */
  readonly wholeFileBytes: number
  /** Where other processes share the cache. */
  readonly turns?: FetchTurns | undefined
  /** Where the bytes of a large file go when the server sends it whole. */
  readonly spoolDirectory: string
  /** Waits between attempts; a parameter for tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
}
