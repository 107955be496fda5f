import { afterAll, beforeAll } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf } from './emulator-rest.js'
import { readFile } from './file-system.js'
import type { FileSystem } from './file-system.js'
import { startLocalVfs } from './local-vfs.js'
import type { LocalVfs } from './local-vfs.js'
import { vfsFileSystem } from './vfs-file-system.js'

/** For all tests of a file: an embedded XNAT, and its tree without a mount, whose listings are asked for anew each time. */
export interface ControlSite {
  readonly emulator: RunningEmulator
  readonly fs: FileSystem
  /** What the server answers to a GET; it must be 200. */
  readonly server: (path: string) => Promise<string>
  /** What is in a file of the tree. */
  readonly text: (path: string) => Promise<string>
  /** Requests that change something, since the last `resetRequests`. */
  readonly changes: () => string[]
  /** The ID of the seeds' example session. */
  readonly sessionId: () => Promise<string>
}

/** Registers what comes before and after the tests of the file. */
export function useControlSite(flags: Parameters<typeof startLocalVfs>[1] = {}): ControlSite {
  let emulator: RunningEmulator
  let local: LocalVfs
  let fs: FileSystem
  beforeAll(async () => {
    emulator = await startEmulator()
    local = await startLocalVfs(emulator, { listingTtl: 0, ...flags })
    fs = vfsFileSystem(local.vfs)
  })
  afterAll(async () => {
    await local.stop()
    await emulator.close()
  })
  const server = async (path: string): Promise<string> => (await bodyOf(emulator, path)).toString()
  return {
    get emulator() {
      return emulator
    },
    get fs() {
      return fs
    },
    server,
    text: async (path) => (await readFile(fs, path)).toString(),
    changes: () => changesAt(emulator),
    sessionId: async () => {
      const experiments = await server('/data/projects/TEST/experiments?format=csv')
      return /\bXNAT_E\d+(?=[^\n]*\bMR1\b)/.exec(experiments)![0]
    },
  }
}

/** Requests that change something, but for the log-in. */
export function changesAt(emulator: RunningEmulator): string[] {
  return emulator.control
    .requests()
    .filter(({ method, path }) => method !== 'GET' && path !== '/data/JSESSION')
    .map(({ method, path }) => `${method} ${path}`)
}

/** Documents of `.xnat` end with a newline, whatever the server sends. */
export const withNewline = (sent: string): string => sent.replace(/\n?$/, '\n')
