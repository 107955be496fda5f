import { FsError } from '../util/fs-error.js'
import type { ItemAddress } from '../xnat/address.js'
import type { XnatClient } from '../xnat/client.js'
import { statusDocument } from '../xnat/documents.js'
import { XnatError } from '../xnat/xnat-error.js'

/**
 * Runs a removal so that it tells why it was refused. Of an experiment that is locked or obsolete XNAT lets nobody
 * delete anything, and its 403 gives no reason (xnat-wire.md §6).
 * @param name of what is removed, for the log
 */
export async function withReason(
  client: XnatClient,
  { experiment }: ItemAddress,
  name: string,
  task: () => Promise<void>,
): Promise<void> {
  try {
    await task()
  } catch (error) {
    if (experiment === undefined || !(error instanceof XnatError) || error.code !== 'forbidden') throw error
    const status = await statusOf(client, experiment)
    if (status !== 'locked' && status !== 'obsolete') throw error
    const nextStep = 'an owner who writes active into its .xnat/status changes that'
    throw new FsError('EACCES', `remove ${name}: its experiment is ${status}`, { nextStep, cause: error })
  }
}

/**
 * Runs a change so that it tells where no URL means its scan alone: XNAT looks for one by its ID and by its type, changes
 * nothing where it finds two, and says that it is not there (xnat-wire.md §8).
 */
export async function naming<T>(
  client: XnatClient,
  { experiment, scan }: ItemAddress,
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (experiment === undefined || scan === undefined) throw error
    if (!(error instanceof XnatError) || error.code !== 'not-found') throw error
    const scans = await client.scans(experiment).catch(() => [])
    const isThere = scans.some(({ id }) => id === scan)
    const other = scans.find(({ id, type }) => id !== scan && type === scan)
    if (!isThere || !other) throw error
    const reason = `scan ${scan}: XNAT changes nothing in it, for '${scan}' is the type of scan ${other.id} too`
    throw new FsError('EPERM', reason, { nextStep: 'give that another type', cause: error })
  }
}

/** Undefined where the server does not tell: a reason is not worth another failure. */
function statusOf(client: XnatClient, experiment: string): Promise<string | undefined> {
  return client.control.document(statusDocument({ experiment })).then(
    (bytes) => bytes.toString().trim(),
    () => undefined,
  )
}
