import { readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { CacheDisk, nodeFs } from '../cache/cache-disk.js'
import { removeEntry } from '../cache/cache-room.js'
import { identityPaths, survey } from '../cache/cache-survey.js'
import type { CacheEntry } from '../cache/cache-survey.js'
import { verifyCache } from '../cache/cache-verify.js'
import { causeChain, Log } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { cacheRoot } from './mount-cache.js'
import type { CacheFlags, CacheTask } from './flags.js'
import { sizeText } from './text.js'

const tasks: Readonly<Record<CacheTask, (root: string) => Promise<ExitCode>>> = { status, clear, verify }

/** `xnatfs cache status|clear|verify`: what is kept between mounts. All of them may run beside mounts. */
export async function cacheCommand(what: CacheTask, flags: CacheFlags): Promise<ExitCode> {
  const root = cacheRoot(flags.cacheDir)
  try {
    return await tasks[what](root)
  } catch (cause) {
    const reason = `cache ${what} failed: ${causeChain(cause)}`
    const nextStep = 'see whether you own the directory, or name another with --cache-dir'
    throw new CliError(exitCodes.failure, { thing: root, reason, nextStep }, { cause })
  }
}

async function status(root: string): Promise<ExitCode> {
  const { entries } = await survey(nodeFs, root)
  const lines = [`${root}: ${sizeText(sum(entries))} of ${await freeText(root)}`]
  for (const server of new Set(entries.map((entry) => entry.server))) {
    const own = entries.filter((entry) => entry.server === server)
    const of = (kind: CacheEntry['kind']): readonly CacheEntry[] => own.filter((entry) => entry.kind === kind)
    lines.push(await urlOf(server))
    lines.push(`  files     ${of('file').length}, ${sizeText(sum(of('file')))}`)
    lines.push(`  in part   ${of('part').length}, ${sizeText(sum(of('part')))}`)
    lines.push(`  listings  ${of('listing').length}, ${sizeText(sum(of('listing')))}`)
  }
  process.stdout.write(`${lines.join('\n')}\n`)
  return exitCodes.success
}

async function clear(root: string): Promise<ExitCode> {
  const disk = new CacheDisk({ log: stderrLog() })
  const { entries } = await survey(nodeFs, root)
  for (const entry of entries) await removeEntry(disk, entry)
  for (const path of await identityPaths(nodeFs, root)) await disk.remove(path)
  const { entries: left } = await survey(nodeFs, root)
  const removed = entries.length - left.length
  process.stdout.write(`${root}: ${removed} entries removed, ${sizeText(sum(entries) - sum(left))}\n`)
  return left.some((entry) => entries.some(({ path }) => path === entry.path))
    ? exitCodes.failure
    : exitCodes.success
}

async function verify(root: string): Promise<ExitCode> {
  const disk = new CacheDisk({ log: stderrLog() })
  const { goodFiles, goodParts, checkedBytes, bad } = await verifyCache(disk, root)
  for (const { file, reason } of bad) process.stdout.write(`removed ${file}: ${reason}\n`)
  process.stdout.write(
    `${root}: ${goodFiles} files and ${goodParts} parts are right, ${bad.length} were not; ${sizeText(checkedBytes)} read\n`,
  )
  return bad.length === 0 ? exitCodes.success : exitCodes.failure
}

async function urlOf(server: string): Promise<string> {
  try {
    return (JSON.parse(await readFile(join(server, 'about.json'), 'utf8')) as { url: string }).url
  } catch {
    return `a server of ${server}`
  }
}

async function freeText(root: string): Promise<string> {
  try {
    const { blocks, bavail, bsize } = await statfs(root)
    return `a disk of ${sizeText(blocks * bsize)}, ${sizeText(bavail * bsize)} free`
  } catch {
    return 'nothing: it is not there'
  }
}

function sum(entries: readonly CacheEntry[]): number {
  return entries.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}

function stderrLog(): Log {
  return new Log({ write: (line) => process.stderr.write(`${line}\n`) })
}
