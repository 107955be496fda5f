import { FsError } from '../util/fs-error.js'
import { sleep } from '../util/sleep.js'
import { ascertain } from './ascertain.js'
import type { AscertainOptions } from './ascertain.js'
import type { KernelTraits } from './kernel-traits.js'
import type { Namespace } from './namespace.js'
import type { Node } from './node.js'

/** Who reads a file from one end to the other closes it soon. */
const closingMs = 1000
const closedAgainMs = 20

interface TakeNewerOptions extends Pick<KernelTraits, 'opensApart'> {
  readonly names: Namespace
  readonly now?: () => number
}

/**
 * Brings a node up to date that is open as it was before the server changed it, where the kernel cannot keep two versions
 * apart: who reads the older one would read on in this one. That it is closed is known a moment after close(). Where the kernel
 * can, what has changed during an operation of the mount gets a node of its own after that.
 * @param canWrite it stays as it was then, where it is kept open: it may be overwritten from its beginning
 * @throws FsError ESTALE when it has another node; EBUSY where it is kept open, or that operation takes long
 */
export async function takeNewer(
  node: Node,
  canWrite: boolean,
  { names, opensApart, now = Date.now }: TakeNewerOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const untilMs = now() + closingMs
  while (node.newer) {
    if (now() > untilMs) {
      if (canWrite && opensApart === false) return
      throw isKept(node)
    }
    await sleep(closedAgainMs, signal)
    await names.refreshToOpen(node, signal)
  }
}

/** The same for one that is to be opened, and of which the listing may not say what the server has. */
export async function bringUpToDate(
  node: Node,
  canWrite: boolean,
  options: TakeNewerOptions & AscertainOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isBehind = (): boolean => node.newer !== undefined && !canWrite
  do {
    await takeNewer(node, canWrite, options, signal)
    await ascertain(node, options, signal)
  } while (isBehind())
}

/** The same for what is cut here and now: that is seen by all who have it open, as everywhere. */
export async function overtake(
  node: Node,
  options: TakeNewerOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (options.opensApart === false) node.catchUp()
  await takeNewer(node, true, options, signal)
}

function isKept({ path, holds }: Node): FsError {
  if (holds > 0)
    return new FsError('EBUSY', `${path} is being renamed, removed or stored`, { nextStep: 'try it again' })
  return new FsError('EBUSY', `${path} is open as it was before it changed`, {
    nextStep: 'close it there first, or mount with `--driver libfuse3`, which can show both',
  })
}
