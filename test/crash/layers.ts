import { basename } from 'node:path'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import { md5OfFile } from '../../src/util/md5.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { WorkerStart } from './worker-protocol.js'

/** Shorter than a user's, so that files are sent while others are written. */
const writeBackDelaySeconds = 0.1
/** The server of these tests is quick. */
const overdueMs = 1000

export interface Layers {
  readonly vfs: Vfs
  drain(): Promise<void>
  /** Digests of what is in the journal and not shown. */
  left(): Promise<string[]>
  complaints(): string[]
  stop(): Promise<void>
}

/** All layers of a mount but FUSE, in this process. */
export async function startLayers(options: WorkerStart): Promise<Layers> {
  const { stateDirectory, writeMode } = options
  const flags = {
    writeMode,
    writeBackDelay: writeBackDelaySeconds,
    cacheDir: `${stateDirectory}-cache`,
    overdueMs,
  }
  const local = await startLocalVfs(options, flags, stateDirectory)
  return {
    vfs: local.vfs,
    drain: () => local.vfs.drain({ includeOpen: true }),
    left: () => leftIn(stateDirectory, local.vfs),
    complaints: () => local.lines.filter((line) => / (?:warn|error) /.test(line)),
    stop: () => local.stop(),
  }
}

async function leftIn(root: string, vfs: Vfs): Promise<string[]> {
  const shown = new Set(vfs.unsent.map(({ id }) => id))
  const left: string[] = []
  for (const { path } of await knownJournals(root)) {
    for (const { stagingPath } of await readEntries(path, fail)) {
      if (!shown.has(basename(stagingPath))) left.push(await md5OfFile(stagingPath))
    }
  }
  return left
}

function fail(error: Error): never {
  throw error
}
