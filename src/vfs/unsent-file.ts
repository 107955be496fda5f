import { causeChain } from '../util/log.js'
import type { LocalFile } from './local-file.js'

/** A file whose bytes are here and not on the server. */
export interface UnsentFile {
  /** Its name in the journal. */
  readonly id: string
  readonly path: string
  readonly sizeBytes: number
  /** It stays here until it is renamed. */
  readonly isTemporary: boolean
  /** Why the last try to send it failed. */
  readonly reason: string | undefined
}

export function unsentFile(local: LocalFile): UnsentFile {
  return {
    id: local.id,
    path: local.path,
    sizeBytes: local.staging.sizeBytes,
    isTemporary: local.staysHere,
    reason: local.failure === undefined ? undefined : causeChain(local.failure),
  }
}

/** What the log says of a file that could not be sent. */
export function notSent(local: LocalFile, error: unknown): string {
  const isKept = local.kept.id !== undefined
  const where = isKept
    ? 'the journal keeps it, see `xnatfs pending list`'
    : 'only this process has it, until it ends'
  return `${local.path} is not on the server: ${causeChain(error)}; ${where}`
}
