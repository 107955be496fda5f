// The ways to read a data set as files. A reader is `(bench, folder) => …`, given the folder where the files are.
import { join } from 'node:path'
import { mountedSessionPath } from './sample.mjs'
import { RcloneMount } from './rclone.mjs'

/** The whole session of a data set of several resources; else the resource. */
const mountedPath = (sets) => (sets.length > 1 ? mountedSessionPath(sets[0].session) : sets[0].mountedPath)
const webdavPath = (sets) => (sets.length > 1 ? sets[0].session : sets[0].webdavPath)
const localPath = (bench, sets) =>
  sets.length > 1 ? join(bench.filesRoot, sets[0].session) : sets[0].localPath

/** Names of the figures that `xnatfsReader` records. */
export const phases = { cold: 'xnatfs, cold', again: 'xnatfs, again', remounted: 'xnatfs, remounted' }

/**
 * A new mount without a cache, the same once more with the kernel's caches dropped, and again after a remount.
 * @param options.flags of `xnatfs mount`
 * @param options.isColdOnly only the first of these, under the name given
 */
export function xnatfsReader(set, read, { flags, isColdOnly = false, name = phases.cold } = {}) {
  return {
    name,
    needs: [],
    run: async (bench, record) => {
      const directory = bench.newFolder()
      const sets = bench.sets[set]
      const measureOn = (mount) => mount.measure(() => read(bench, join(mount.path, mountedPath(sets))))
      const mount = await bench.mount(directory, flags)
      try {
        record(name, await measureOn(mount))
        if (bench.isChecked) await check(bench, mount, sets)
        if (!isColdOnly) {
          bench.dropCaches()
          record(phases.again, await measureOn(mount))
        }
      } finally {
        await mount.end()
      }
      if (!isColdOnly) record(phases.remounted, await remounted(bench, directory, flags, measureOn))
      bench.remove(directory)
    },
  }
}

async function remounted(bench, directory, flags, measureOn) {
  bench.dropCaches() // what a cache on the disk has kept comes from there
  const mount = await bench.mount(directory, flags)
  try {
    return await measureOn(mount)
  } finally {
    await mount.end()
  }
}

/** Fast and wrong is not fast. */
async function check(bench, mount, sets) {
  for (const one of sets)
    await bench.shell('diff -r "$HERE" "$THERE"', {
      HERE: one.localPath,
      THERE: join(mount.path, one.mountedPath),
    })
}

export function rcloneReader(set, read) {
  const name = 'rclone mount, cold'
  return {
    name,
    needs: ['rclone'],
    run: async (bench, record) => {
      const directory = bench.newFolder()
      const mount = await RcloneMount.start(bench.webdav, directory)
      try {
        record(name, await mount.measure(() => read(bench, join(mount.path, webdavPath(bench.sets[set])))))
      } finally {
        await mount.end()
      }
      bench.remove(directory)
    },
  }
}

export function localReader(set, read) {
  const name = 'local disk'
  return {
    name,
    needs: [],
    run: async (bench, record) => {
      bench.dropCaches()
      record(name, await bench.measureLocal(() => read(bench, localPath(bench, bench.sets[set]))))
    },
  }
}
