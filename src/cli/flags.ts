import type { DriverName } from '../fuse/driver.js'

export const logLevels = ['error', 'warn', 'info', 'debug'] as const

export const writeModes = ['close', 'back'] as const

/** How the server is reached. */
export interface ConnectionFlags {
  readonly profile?: string
  readonly caFile?: string
  readonly insecure?: boolean
}

/** Which log-in is meant. */
export interface CredentialFlags {
  readonly user?: string
  readonly guest?: boolean
  readonly passwordStdin?: boolean
}

export interface LoginFlags extends ConnectionFlags {
  readonly user?: string
  readonly passwordStdin?: boolean
}

export interface LogoutFlags extends ConnectionFlags {
  readonly user?: string
  readonly all?: boolean
}

export interface MountFlags extends ConnectionFlags, CredentialFlags {
  readonly url?: string
  readonly readOnly?: boolean
  readonly kernelOpen?: boolean
  readonly allowOther?: boolean
  readonly uid?: number
  readonly gid?: number
  readonly umask: number
  readonly allowRawWrites?: boolean
  readonly allowCreate?: 'entities'
  readonly sessionType?: string
  readonly assessorType?: string
  readonly allowDelete?: 'entities'
  readonly allowRename?: 'entities'
  readonly writeMode: (typeof writeModes)[number]
  /** Seconds. */
  readonly writeBackDelay: number
  readonly listingTtl: number
  readonly memory: number
  /** False: memory only. */
  readonly cache: boolean
  readonly cacheDir?: string
  readonly cacheSize?: number
  readonly connections: number
  readonly driver: DriverName
  /** Seconds. */
  readonly stopTimeout: number
  readonly foreground?: boolean
  readonly logFile?: string
  readonly journald?: boolean
  readonly logLevel: (typeof logLevels)[number]
  readonly traceHttp?: boolean
  readonly metricsPort?: number
}

export interface ServeFlags {
  readonly port: number
  readonly data?: string
  readonly state?: string
  readonly latencyMs: number
  readonly bandwidthMbit?: number
  readonly range: boolean
  readonly faults?: string
  readonly json?: boolean
}

export interface UmountFlags {
  readonly lazy?: boolean
}

export interface StatusFlags {
  readonly json?: boolean
  readonly watch?: boolean
}

export interface PrefetchFlags {
  readonly plan?: boolean
  readonly check?: boolean
}

export interface BenchFlags extends ConnectionFlags, CredentialFlags {
  readonly rounds: number
  /** For `sh`, with the folders IN and OUT in its environment. */
  readonly run?: string
  readonly large?: boolean
}

export interface MountsFlags {
  readonly json?: boolean
}

export interface PendingListFlags {
  readonly json?: boolean
}

export interface DoctorFlags extends MountFlags {
  readonly json?: boolean
}

export interface PendingRetryFlags extends ConnectionFlags {
  readonly user?: string
  readonly takeOver?: boolean
}

export interface PendingDiscardFlags {
  readonly all?: boolean
}

export const cacheTasks = ['status', 'clear', 'verify'] as const
export type CacheTask = (typeof cacheTasks)[number]

export interface CacheFlags {
  readonly cacheDir?: string
}

export interface DemoFlags {
  readonly keep?: boolean
}
