import { comesTrue } from '../util/overdue.js'
import { sleep } from '../util/sleep.js'
import { isHungUp, mayHaveReached } from '../xnat/retry.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'

/** How often a change is tried in all when it fails in this way; otherwise once. */
const attempts: Partial<Record<XnatErrorCode, number>> = {
  locked: 20, // other clients write the same catalog: each of their changes is soon done, but there may be many
  conflict: 2,
  server: 2,
  unreachable: 2,
  timeout: 2,
  throttled: 4,
}
const retryMs = 250
const longestRetryMs = 2000

/**
 * Waits until a change may be tried again. Whoever does that looks first what has become of it.
 * @param attempt how often it was tried
 * @throws the failure where it was often enough
 */
export async function beforeAnother(
  attempt: number,
  failure: unknown,
  signal: AbortSignal | undefined,
): Promise<XnatError> {
  if (!(failure instanceof XnatError) || isHungUp(failure)) throw failure
  if (attempt >= (attempts[failure.code] ?? 1)) throw failure
  await sleep(Math.min(retryMs * attempt, longestRetryMs) * (0.5 + Math.random()), signal)
  return failure
}

/** The server, or what stands before it, may still be at it. */
export function mayBeUnderWay(failure: unknown): boolean {
  if (!(failure instanceof XnatError)) return false
  if (failure.code === 'unreachable') return mayHaveReached(failure)
  return failure.code === 'timeout' || failure.status === 502
}

/** Projects, rights and groups are told from caches, which take a second to hear of a change (xnat-wire.md §5). */
const longestCachedMs = 3000

/**
 * Looks again and again whether the server shows what it says it has done.
 * @param mostMs not longer than this
 */
export function comesToLight(
  isSo: () => Promise<boolean>,
  mostMs: number = longestCachedMs,
  signal?: AbortSignal,
): Promise<boolean> {
  return comesTrue(isSo, Date.now() + Math.min(mostMs, longestCachedMs), signal)
}

/**
 * Has the server change something, again where that failed for a reason that may pass.
 * @param isDone whether an attempt that failed has done it all the same: its answer may have been lost
 * @returns false where that was so
 */
export async function untilDone(
  change: () => Promise<void>,
  isDone: () => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await change()
      return true
    } catch (error) {
      // It is there already, by somebody else's doing; later it may be that of the attempt before.
      if (attempt === 1 && error instanceof XnatError && error.code === 'conflict') throw error
      await beforeAnother(attempt, error, signal)
      if (await isDone()) return false
    }
  }
}
