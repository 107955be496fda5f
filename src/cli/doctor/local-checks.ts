import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { causeChain } from '../../util/log.js'
import { makeDirectories } from '../../util/make-directories.js'
import { controlSocket, privateDirectory, stateDirectory } from '../directories.js'
import type { MountFlags } from '../flags.js'
import { cacheRoot } from '../mount-cache.js'
import { toCliError } from '../to-cli-error.js'
import { sizeText } from '../text.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

/** What the cache leaves free (semantics.md 2.7): below that it keeps nothing. */
const leftFreeShare = 1 / 20
const leastLeftFree = 1024 ** 3

/** @param freeOf bytes free, and in all, of the disk that a path is on */
export async function checkDirectories(flags: MountFlags, freeOf = diskOf): Promise<Finding[]> {
  return [await checkState(), await checkSocket(), await checkCache(flags, freeOf)]
}

async function checkState(): Promise<Finding> {
  const name = 'state directory'
  const path = stateDirectory()
  try {
    await tryToWrite(await privateDirectory(path))
    const { freeBytes } = await diskOf(path)
    const text = `${path} can be written, ${sizeText(freeBytes)} free`
    if (freeBytes >= leastLeftFree) return ok(name, text)
    return warn(
      name,
      `${text}: what is written to a mount lies here first`,
      'free room there, or set XDG_STATE_HOME',
    )
  } catch (error) {
    const { thing, reason } = toCliError(error).refusal
    const remedy = 'set XDG_STATE_HOME to a directory of your own'
    return fail(name, `${path} cannot be written: ${thing === path ? '' : `${thing}: `}${reason}`, remedy)
  }
}

async function checkSocket(): Promise<Finding> {
  const name = 'control socket'
  try {
    const path = await controlSocket('/')
    await tryToWrite(dirname(path))
    return ok(name, `in ${dirname(path)}`)
  } catch (error) {
    const { reason, nextStep, thing } = toCliError(error).refusal
    return fail(name, `${thing}: ${reason}`, nextStep)
  }
}

async function checkCache(flags: MountFlags, freeOf: typeof diskOf): Promise<Finding> {
  const name = 'cache'
  if (!flags.cache) return ok(name, 'off: nothing is kept on the disk')
  const root = cacheRoot(flags.cacheDir)
  try {
    await makeDirectories(root, { mode: 0o700 })
    await tryToWrite(root)
    const { freeBytes, totalBytes } = await freeOf(root)
    const leftFree = Math.max(totalBytes * leftFreeShare, leastLeftFree)
    const text = `${root}: ${sizeText(freeBytes)} of ${sizeText(totalBytes)} free`
    if (freeBytes > leftFree) return ok(name, text)
    const remedy = 'free room there, or give --cache-dir on another disk'
    return warn(name, `${text}, and the last ${sizeText(leftFree)} are left alone: nothing is kept`, remedy)
  } catch (error) {
    return warn(name, `${root} cannot be used: ${causeChain(error)}`, 'give --cache-dir, or --no-cache')
  }
}

export async function diskOf(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

async function tryToWrite(directory: string): Promise<void> {
  if (!(await stat(directory)).isDirectory()) throw new Error(`${directory} is no directory`)
  const path = join(directory, `.doctor-${process.pid}`)
  await writeFile(path, '', { mode: 0o600 })
  await rm(path)
}
