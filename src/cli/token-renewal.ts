import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { issueToken } from '../xnat/alias-token.js'
import type { Session } from '../xnat/session.js'
import { TokenStore } from './token-store.js'

/** A machine that was asleep, or a server that was away, is late by so much only. */
const lookEveryMs = 15 * 60_000

/** For as long as a mount uses the token of `xnatfs login`, there is a newer one before it ends. */
export function keepToken(url: string, user: string, session: Session, log: Log, signal: AbortSignal): void {
  const look = (): void => {
    renewToken(url, user, session, Date.now()).catch((error: unknown) =>
      log.warn(
        `the token of \`xnatfs login ${url}\` is not renewed: ${causeChain(error)}; it is tried again, and to log in again helps too`,
      ),
    )
  }
  const timer = setInterval(look, lookEveryMs).unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  look()
}

/**
 * Stores a newer token if more than half of the time of the stored one is over. The older one is not invalidated: other
 * mounts may be logging in with it, and it ends by itself.
 */
export async function renewToken(url: string, user: string, session: Session, now: number): Promise<void> {
  const store = await TokenStore.open()
  const before = await store.find(url, user)
  if (!before || now - before.issuedMs < (before.expiresMs - before.issuedMs) / 2) return
  const token = { url, user, issuedMs: now, ...(await issueToken(session, now)) }
  const meanwhile = await store.find(url, user)
  if (meanwhile?.alias === before.alias) await store.put(token) // otherwise: another mount was first, or logged out
}
