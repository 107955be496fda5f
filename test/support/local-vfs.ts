import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble } from '../../src/cli/assemble.js'
import type { Assembly } from '../../src/cli/assemble.js'
import { OpenJournal } from '../../src/cli/journal.js'
import { MountCache } from '../../src/cli/mount-cache.js'
import { defaultMountFlags } from '../../src/cli/options.js'
import type { MountFlags } from '../../src/cli/flags.js'
import { Log } from '../../src/util/log.js'
import type { KernelTraits } from '../../src/vfs/kernel-traits.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import type { RetryPolicy } from '../../src/xnat/retry.js'
import type { Server } from './server.js'

export interface LocalVfs {
  readonly vfs: Vfs
  readonly archive: Assembly['archive']
  readonly cache: MountCache
  readonly readers: Assembly['readers']
  readonly counters: Assembly['counters']
  readonly lines: readonly string[]
  readonly hangUp: Assembly['hangUp']
  /** As the end of a mount: sends what can be sent, leaves the rest in the journal. */
  stop(): Promise<void>
}

/** Of a mount, and what users cannot choose. */
export interface LocalVfsFlags extends Partial<MountFlags> {
  readonly overdueMs?: number
  readonly retry?: RetryPolicy
  readonly kernel?: KernelTraits
  readonly dropName?: (parent: number, name: string) => void
}

type ServerAccess = Pick<Server, 'url' | 'user' | 'password'>

/**
 * All layers of a mount but FUSE, in this process, over a server in another.
 * @param journalRoot where journals are kept and resumed from; default: a new folder that is removed at the end
 */
export async function startLocalVfs(
  server: ServerAccess,
  { overdueMs, retry, kernel, dropName, ...flags }: LocalVfsFlags = {},
  journalRoot?: string,
): Promise<LocalVfs> {
  const root = journalRoot ?? (await mkdtemp(join(tmpdir(), 'xnatfs-vfs-')))
  const lines: string[] = []
  const log = new Log({ write: (line) => lines.push(line) })
  const { url, user, password } = server
  const journal = await OpenJournal.open(root, { url, user }, undefined)
  const allFlags = {
    ...defaultMountFlags(),
    memory: 32,
    connections: 8,
    cache: flags.cacheDir !== undefined,
    ...flags,
  }
  const freeMemory = (memory: ArrayBuffer): void => void structuredClone(memory, { transfer: [memory] })
  const cache = await MountCache.open({ url, user, flags: allFlags, log, freeMemory })
  const assembly = assemble({
    url,
    credentials: { user, password },
    flags: allFlags,
    log,
    cache,
    stagingDirectory: journal.directory,
    overdueMs,
    retry,
    ...(kernel && { kernel }),
    ...(dropName && { dropName }),
  })
  await journal.resume(assembly.vfs, log)
  return {
    vfs: assembly.vfs,
    archive: assembly.archive,
    readers: assembly.readers,
    counters: assembly.counters,
    cache,
    lines,
    hangUp: () => assembly.hangUp(),
    stop: async () => {
      await assembly.vfs.drain({ includeOpen: true })
      await assembly.vfs.leave()
      await assembly.close()
      await journal.close()
      if (journalRoot === undefined) await rm(root, { recursive: true })
    },
  }
}
