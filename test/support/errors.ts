import { constants } from 'node:os'

/** The errno name that a file operation fails with; undefined when it succeeds. */
export async function codeOf(operation: Promise<unknown>): Promise<string | undefined> {
  try {
    await operation
    return undefined
  } catch (error) {
    const { errno, code } = error as NodeJS.ErrnoException
    // Node has no name for it.
    return errno === -constants.errno.ESTALE ? 'ESTALE' : code
  }
}
