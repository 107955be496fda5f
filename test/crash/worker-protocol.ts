import type { Result, Step } from './steps.js'

export interface WorkerStart {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly stateDirectory: string
  readonly writeMode: 'close' | 'back'
  /** The process ends itself by SIGKILL at this call that changes files. */
  readonly killAtCall?: { readonly count: number; readonly isBefore: boolean }
}

/** A lane and where the file system has it: by the name of each root. */
export interface WorkerLane {
  readonly steps: readonly Step[]
  readonly mountPaths: Readonly<Record<string, string>>
}

export type Command =
  | { readonly kind: 'start'; readonly options: WorkerStart }
  | { readonly kind: 'run'; readonly lanes: readonly WorkerLane[]; readonly isHealthy: boolean }
  /** Sends what can be sent. */
  | { readonly kind: 'drain' }
  /** Everything below these paths, from the root of the file system. */
  | { readonly kind: 'show'; readonly paths: readonly string[] }
  | { readonly kind: 'stop' }

export interface Shown {
  /** Digests by path. */
  readonly files: Readonly<Record<string, string>>
  /** Digests of what is kept and not shown. */
  readonly left: readonly string[]
  readonly complaints: readonly string[]
}

/** One line of the worker's output. */
export type Line =
  | { readonly kind: 'ready' }
  /** Written before the next step begins. */
  | { readonly kind: 'step'; readonly lane: number; readonly index: number; readonly result: Result }
  | { readonly kind: 'done'; readonly stateCalls: number; readonly shown?: Shown }
  | { readonly kind: 'failed'; readonly message: string }
