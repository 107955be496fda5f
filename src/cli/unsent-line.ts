import type { UnsentFile } from '../vfs/unsent-file.js'

/** One file that is not on the server, for a terminal. */
export function unsentLine({
  path,
  sizeBytes,
  reason,
}: Pick<UnsentFile, 'path' | 'sizeBytes' | 'reason'>): string {
  return `  ${path} (${sizeBytes} bytes)${reason === undefined ? '' : `: ${reason}`}`
}
