import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import type { FileSystem } from './file-system.js'
import { startLocalVfs } from './local-vfs.js'
import type { LocalVfs, LocalVfsFlags } from './local-vfs.js'
import { storedTexts } from './stored-texts.js'
import type { StoredTexts } from './stored-texts.js'
import { vfsFileSystem } from './vfs-file-system.js'

/** For each test: a server with an empty resource, and mounts of it, one after the other, that share a journal root. */
export interface Remounts {
  readonly emulator: RunningEmulator
  readonly server: StoredTexts
  /** Where journals are. */
  readonly root: string
  start(flags?: LocalVfsFlags): Promise<{ mount: LocalVfs; fs: FileSystem }>
}

/** Registers what comes before and after each test of the file. @param uri of the resource, from /data on */
export function useRemounts(uri: string): Remounts {
  let now: { emulator: RunningEmulator; server: StoredTexts; root: string }
  let mounts: LocalVfs[]
  beforeEach(async () => {
    const emulator = await startEmulator()
    const server = storedTexts(emulator, uri)
    now = { emulator, server, root: await mkdtemp(join(tmpdir(), 'xnatfs-test-')) }
    mounts = []
    await server.make()
  })
  afterEach(async () => {
    now.emulator.control.setFaults([])
    for (const mount of mounts.toReversed()) await mount.stop().catch(() => {}) // some have lost their journal
    await now.emulator.close()
    await rm(now.root, { recursive: true })
  })
  return {
    get emulator() {
      return now.emulator
    },
    get server() {
      return now.server
    },
    get root() {
      return now.root
    },
    start: async (flags = {}) => {
      const mount = await startLocalVfs(now.emulator, flags, now.root)
      mounts.push(mount)
      return { mount, fs: vfsFileSystem(mount.vfs) }
    },
  }
}
