import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble } from '../../src/cli/assemble.js'
import type { Assembly } from '../../src/cli/assemble.js'
import { MountCache } from '../../src/cli/mount-cache.js'
import type { MountFlags } from '../../src/cli/options.js'
import { keepUnsent } from '../../src/data/unsent.js'
import { Log } from '../../src/util/log.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import type { Server } from './server.js'

export interface LocalVfs {
  readonly vfs: Vfs
  readonly archive: Assembly['archive']
  readonly cache: MountCache
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/** All layers of a mount but FUSE, in this process, over a server in another. */
export async function startLocalVfs(
  server: Pick<Server, 'url' | 'user' | 'password'>,
  flags: Partial<MountFlags> = {},
): Promise<LocalVfs> {
  const stagingDirectory = await mkdtemp(join(tmpdir(), 'xnatfs-vfs-'))
  const lines: string[] = []
  const log = new Log({ write: (line) => lines.push(line) })
  const { url, user, password } = server
  const allFlags: MountFlags = {
    listingTtl: 60,
    memory: 32,
    connections: 8,
    logLevel: 'info',
    cache: flags.cacheDir !== undefined,
    ...flags,
  }
  const cache = await MountCache.open({ url, user, flags: allFlags, log })
  const assembly = assemble({
    url,
    credentials: { user, password },
    flags: allFlags,
    log,
    cache,
    stagingDirectory,
    keepBytes: (bytes) =>
      keepUnsent(join(stagingDirectory, 'unsent'), bytes, {
        url: server.url,
        mountpoint: '/',
        at: new Date(),
      }),
  })
  return {
    vfs: assembly.vfs,
    archive: assembly.archive,
    cache,
    lines,
    stop: async () => {
      await assembly.vfs.drain({ includeOpen: true })
      await assembly.close()
      await rm(stagingDirectory, { recursive: true })
    },
  }
}
