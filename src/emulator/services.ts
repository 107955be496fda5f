import type { Accounts } from './auth/accounts.js'
import type { AliasTokens } from './auth/alias-tokens.js'
import type { Authenticator } from './auth/authenticator.js'
import type { SessionStore } from './auth/sessions.js'
import type { CatalogStore } from './store/catalog-store.js'
import type { Database } from './store/database.js'

/** What the resources of one running server share. */
export interface Services {
  readonly database: Database
  readonly catalogs: CatalogStore
  readonly sessions: SessionStore
  readonly tokens: AliasTokens
  readonly accounts: Accounts
  readonly authenticator: Authenticator
  /** Folder of the archive, of the prearchive, of what users keep and of uploads under way; absolute. */
  readonly archiveRoot: string
  readonly prearchiveRoot: string
  readonly cacheRoot: string
  readonly temporary: string
  readonly range: boolean
  readonly now: () => number
  readonly startedAtMs: number
}
