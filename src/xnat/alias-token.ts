import type { Session } from './session.js'

/** What stands for a user's password for some days (xnat-wire.md §7). */
export interface AliasToken {
  readonly alias: string
  readonly secret: string
  readonly expiresMs: number
}

/** Servers that do not tell how long: the default of XNAT. */
const usualLifetimeMs = 48 * 3600_000

/** A new token for who is logged in. @throws XnatError where the server gives none */
export async function issueToken(session: Session, now: number): Promise<AliasToken> {
  const response = await session.send({ method: 'GET', path: '/data/services/tokens/issue', html: 'never' })
  if (response.status !== 200) throw await response.toError()
  const token = parsedObject(await response.text())
  const { alias, secret, estimatedExpirationTime: end } = token
  if (typeof alias !== 'string' || typeof secret !== 'string') {
    throw response.error('bad-response', 'the answer holds no token')
  }
  return { alias, secret, expiresMs: typeof end === 'number' && end > now ? end : now + usualLifetimeMs }
}

/** The token stands for nobody any more. @throws XnatError */
export async function invalidateToken(session: Session, alias: string): Promise<void> {
  const path = `/data/services/tokens/invalidate/${encodeURIComponent(alias)}`
  const response = await session.send({ method: 'GET', path, html: 'never' })
  if (response.status !== 200 && response.status !== 404) throw await response.toError()
  response.discard()
}

function parsedObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
