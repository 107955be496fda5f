import { mkdir, rm } from 'node:fs/promises'
import { Accounts } from './auth/accounts.js'
import type { AccountStates } from './auth/accounts.js'
import { AliasTokens } from './auth/alias-tokens.js'
import { Authenticator } from './auth/authenticator.js'
import { SessionStore } from './auth/sessions.js'
import { importData } from './data/import-data.js'
import type { FaultRule } from './faults/fault-rule.js'
import { FaultTable } from './faults/fault-table.js'
import { RequestLog, type RequestRecord } from './faults/request-log.js'
import { HttpServer } from './http/server.js'
import type { Services } from './services.js'
import { openStateDirectory, type StateDirectory } from './state-directory.js'
import { CatalogStore } from './store/catalog-store.js'
import { Database } from './store/database.js'
import { USERS } from './users.js'

export type { AccountStates } from './auth/accounts.js'
export type { Fault, FaultRule } from './faults/fault-rule.js'
export type { RequestRecord } from './faults/request-log.js'

export interface EmulatorOptions {
  /** 0 or absent: any free port. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** `''` (default), or for example `/xnat`: XNAT living under a context path. */
  contextPath?: string
  /** A manifest, or a folder of DICOM files; absent: the generated sample. */
  data?: string
  /** Start with no data at all. */
  empty?: boolean
  /** The archive's folder; absent: a temporary one, removed on close(). */
  stateDirectory?: string
  /** Added before the first byte of each answer. */
  latencyMs?: number
  /** Per connection, both directions. */
  bandwidthMbit?: number
  /** False: ranges are ignored, as behind some proxies. */
  range?: boolean
  faults?: readonly FaultRule[]
  /** Default 15 minutes. */
  sessionTimeoutMs?: number
  /** Default true: a closed site. */
  requireLogin?: boolean
  /** Users who are not let in, whatever their password. */
  accounts?: AccountStates
  /** Clock, for tests. */
  now?: () => number
}

export interface EmulatorControl {
  /** Replaces the table. */
  setFaults(rules: readonly FaultRule[]): void
  /** Since the last reset, oldest first. */
  requests(): readonly RequestRecord[]
  resetRequests(): void
  /** Every server session is gone: the next request with a cookie is unauthenticated. */
  expireSessions(): void
  /** Replaces who is not let in. */
  setAccounts(states: AccountStates): void
}

export interface RunningEmulator {
  /** `http://127.0.0.1:PORT[/context]` */
  readonly url: string
  /** May edit everything: owner of all projects, site administrator. */
  readonly user: string
  readonly password: string
  /** Collaborator: reads everything, edits nothing. */
  readonly readOnlyUser: string
  readonly readOnlyPassword: string
  readonly control: EmulatorControl
  close(): Promise<void>
}

const DEFAULT_SESSION_TIMEOUT_MS = 15 * 60 * 1000

/** Starts the embedded XNAT. A state directory that was used before goes on with what it holds. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<RunningEmulator> {
  checkOptions(options)
  const faults = new FaultTable(options.faults ?? [])
  const state = await openStateDirectory(options.stateDirectory)
  try {
    const log = new RequestLog()
    const services = await openServices(options, state)
    const server = new HttpServer(
      {
        host: options.host ?? '127.0.0.1',
        port: options.port ?? 0,
        contextPath: options.contextPath ?? '',
        latencyMs: options.latencyMs ?? 0,
        bandwidthMbit: options.bandwidthMbit,
      },
      services,
      faults,
      log,
    )
    const url = await server.listen()
    return {
      url,
      user: USERS.admin.login,
      password: USERS.admin.password,
      readOnlyUser: USERS.reader.login,
      readOnlyPassword: USERS.reader.password,
      control: control(faults, log, services),
      close: once(async () => {
        await server.close()
        await state.release()
      }),
    }
  } catch (error) {
    await state.release()
    throw error
  }
}

function once(task: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined
  return () => (result ??= task())
}

function control(faults: FaultTable, log: RequestLog, services: Services): EmulatorControl {
  return {
    setFaults: (rules) => faults.replace(rules),
    requests: () => log.all(),
    resetRequests: () => log.reset(),
    expireSessions: () => services.sessions.clear(),
    setAccounts: (states) => services.accounts.replace(states),
  }
}

async function openServices(options: EmulatorOptions, state: StateDirectory): Promise<Services> {
  const now = options.now ?? Date.now
  const { database, isNew } = await Database.open(state.path, now)
  const catalogs = new CatalogStore(state.archive)
  if (isNew) {
    // What an import that was killed left behind is in the way of the next.
    for (const folder of [state.archive, state.prearchive]) {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder)
    }
    const target = { database, archiveRoot: state.archive, prearchiveRoot: state.prearchive }
    if (!options.empty) await importData(target, options.data)
    await database.commit()
  }
  const sessions = new SessionStore(options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS, now)
  const tokens = new AliasTokens(now)
  const accounts = new Accounts(options.accounts)
  return {
    database,
    catalogs,
    sessions,
    tokens,
    accounts,
    authenticator: new Authenticator(sessions, tokens, options.requireLogin ?? true, accounts, now),
    archiveRoot: state.archive,
    prearchiveRoot: state.prearchive,
    cacheRoot: state.cache,
    temporary: state.temporary,
    range: options.range ?? true,
    now,
    startedAtMs: now(),
  }
}

function checkOptions(options: EmulatorOptions): void {
  const { contextPath, empty, data, latencyMs, bandwidthMbit } = options
  if (contextPath !== undefined && contextPath !== '' && !/^(?:\/[\w.~-]+)+$/.test(contextPath)) {
    throw new TypeError(`contextPath is ${JSON.stringify(contextPath)}; give '' or a path such as '/xnat'`)
  }
  if (empty && data !== undefined) throw new TypeError('empty and data exclude each other; give one of them')
  if (latencyMs !== undefined && !(latencyMs >= 0)) throw new TypeError('latencyMs must not be negative')
  if (bandwidthMbit !== undefined && !(bandwidthMbit > 0))
    throw new TypeError('bandwidthMbit must be positive')
}
