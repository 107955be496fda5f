import type { SizedFile } from './sized-file.js'

export interface RunEnd {
  /** False: it was stopped, or failed. */
  readonly isComplete: boolean
  readonly failure?: unknown
}

/** The files of a directory on their way. */
export interface PrefetchRun {
  readonly done: Promise<RunEnd>
  /** Whether a file is to come, because it is nowhere here. */
  expects(file: SizedFile): boolean
  /** A file is being read. */
  touch(file: SizedFile): void
  /** The bytes of a file that is asked for and not here, if they are about to come; undefined: ask for it alone. */
  awaited(file: SizedFile, signal: AbortSignal): Promise<readonly Uint8Array[] | undefined>
  stop(): void
}
