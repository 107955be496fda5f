import { FsError } from '../util/fs-error.js'
import { sleep } from '../util/sleep.js'
import type { Namespace } from './namespace.js'
import type { Node } from './node.js'

/** Who reads a file from one end to the other closes it soon. */
const closingMs = 1000
const closedAgainMs = 20

/**
 * Brings a node up to date that is open as it was before the server changed it, where the kernel cannot keep two versions
 * apart: who reads the older one would read on in this one. That it is closed is known a moment after close(). What is
 * overwritten here and now is seen by all who have it open, as everywhere.
 * @throws FsError EBUSY where it is kept open
 */
export async function takeNewer(
  node: Node,
  canWrite: boolean,
  { names, now = Date.now }: { readonly names: Namespace; readonly now?: () => number },
  signal: AbortSignal | undefined,
): Promise<void> {
  if (canWrite) {
    if (node.newer) node.adopt(node.newer)
    node.newer = undefined
  }
  const untilMs = now() + closingMs
  while (node.newer) {
    if (now() > untilMs) {
      throw new FsError('EBUSY', `${node.path} is open as it was before it changed`, {
        nextStep: 'close it there first, or mount with `--driver libfuse3`, which can show both',
      })
    }
    await sleep(closedAgainMs, signal)
    await names.refreshToOpen(node, signal)
  }
}
