import { sleep } from './sleep.js'

/**
 * So long a server may take for something that nobody waits for any more, because the answer was lost or the process
 * that has asked was killed. Proxies give up a server after 60 s by default (nginx: proxy_read_timeout).
 */
export const overdueMs = 60_000

const firstWaitMs = 100
const longestWaitMs = 2000

/**
 * Asks again and again, after growing waits, until it is so or the time is over.
 * @param untilMs milliseconds since 1970
 * @param signal rejects when that aborts first
 * @returns whether it is so
 */
export async function comesTrue(
  isSo: () => Promise<boolean>,
  untilMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    if (await isSo()) return true
    const leftMs = untilMs - Date.now()
    if (leftMs <= 0) return false
    await sleep(Math.min(waitMs, leftMs), signal)
  }
}
