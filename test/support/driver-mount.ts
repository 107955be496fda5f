import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { DriverProcess } from './driver-process.js'

/** For each test: a process that can mount, and where. */
export interface DriverMount {
  readonly driver: DriverProcess
  readonly folder: string
  /** The mountpoint, in `folder`. */
  readonly path: string
  stats(): Promise<Readonly<Record<string, number>>>
}

/** Registers what comes before and after each test of the file. Nothing is mounted yet. */
export function useDriverMount(): DriverMount {
  let folder: string
  let driver: DriverProcess
  const path = (): string => join(folder, 'mnt')
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-driver-'))
    await mkdir(path())
    driver = await DriverProcess.start()
  })
  afterEach(async () => {
    if (await mountAt(path())) await unmount(path(), { lazy: true })
    await driver.stop()
    await rm(folder, { recursive: true })
  })
  return {
    get driver() {
      return driver
    },
    get folder() {
      return folder
    },
    get path() {
      return path()
    },
    stats: () => driver.ask('stats', path()),
  }
}
