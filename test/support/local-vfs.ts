import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble } from '../../src/cli/assemble.js'
import type { MountFlags } from '../../src/cli/options.js'
import { keepUnsent } from '../../src/data/unsent.js'
import { Log } from '../../src/util/log.js'
import type { Vfs } from '../../src/vfs/vfs.js'
import type { Server } from './server.js'

export interface LocalVfs {
  readonly vfs: Vfs
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/** All layers of a mount but FUSE, in this process, over a server in another. */
export async function startLocalVfs(server: Server, flags: Partial<MountFlags> = {}): Promise<LocalVfs> {
  const stagingDirectory = await mkdtemp(join(tmpdir(), 'xnatfs-vfs-'))
  const lines: string[] = []
  const assembly = assemble({
    url: server.url,
    credentials: { user: server.user, password: server.password },
    flags: { listingTtl: 60, memory: 32, connections: 8, driver: 'auto', logLevel: 'info', ...flags },
    log: new Log({ write: (line) => lines.push(line) }),
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
    lines,
    stop: async () => {
      await assembly.vfs.drain({ includeOpen: true })
      await assembly.close()
      await rm(stagingDirectory, { recursive: true })
    },
  }
}
