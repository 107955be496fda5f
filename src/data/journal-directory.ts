import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { hasErrorCode } from '../util/fs-error.js'
import { makeDirectories } from '../util/make-directories.js'
import { syncPath } from '../util/sync-path.js'
import { aboutFile, readEntries, removeUnrecorded } from './journal-record.js'

/** Whose bytes they are: journals of different servers or users never mix. */
export interface JournalScope {
  readonly url: string
  /** Undefined for a guest. */
  readonly user: string | undefined
}

/** The process that works on a journal directory. Its name tells, so that a rename takes the directory over. */
interface Owner {
  readonly host: string
  /** Since the machine was started. */
  readonly boot: string
  /** Process numbers mean something within it only; each container has its own. */
  readonly pidNamespace: string
  readonly pid: number
  /** Tells processes of one number apart. */
  readonly startTime: string
}

/** 'elsewhere': of another machine or container; only a person can tell whether it still runs. */
export type OwnerState = 'alive' | 'dead' | 'elsewhere'

const scopeFile = 'server.json'

/** The folder of all journals for a server and user. */
export function scopeDirectory(root: string, scope: JournalScope): string {
  const name = createHash('sha256')
    .update(`${scope.url} ${scope.user ?? ''}`)
    .digest('hex')
    .slice(0, 16)
  return join(root, name)
}

/** A new journal directory that belongs to this process. @param mountpoint undefined where nothing is mounted */
export async function createJournal(
  root: string,
  scope: JournalScope,
  mountpoint: string | undefined,
): Promise<string> {
  const parent = scopeDirectory(root, scope)
  await makeDirectories(parent, { mode: 0o700, isDurable: true })
  await writeScope(join(parent, scopeFile), JSON.stringify(scope))
  const path = join(parent, ownName())
  await mkdir(path, { mode: 0o700 })
  if (mountpoint !== undefined) await writeFile(join(path, aboutFile), mountpoint, { mode: 0o600 })
  await syncPath(parent) // or what is kept in it could be nowhere after a power failure
  return path
}

/**
 * Takes over the journals of processes that have ended. A directory has one name at a time and a rename has one
 * winner, so no two processes ever work on one.
 * @param includeElsewhere also those of other machines, which somebody has made sure to be dead
 * @returns their new paths
 */
export async function takeOverJournals(
  root: string,
  scope: JournalScope,
  options: { readonly includeElsewhere?: boolean } = {},
): Promise<string[]> {
  const parent = scopeDirectory(root, scope)
  const taken: string[] = []
  for (const name of await directoriesIn(parent)) {
    const state = ownerState(name)
    if (state === 'alive' || (state === 'elsewhere' && !options.includeElsewhere)) continue
    const path = join(parent, ownName())
    try {
      await rename(join(parent, name), path)
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) continue // another process was faster
      throw error
    }
    taken.push(path)
  }
  return taken
}

/** Removes what nobody needs of a journal directory, and the directory if nothing is left. */
export async function closeJournal(path: string): Promise<void> {
  await removeUnrecorded(path)
  let unreadableCount = 0
  const entries = await readEntries(path, () => unreadableCount++)
  if (entries.length + unreadableCount === 0) await rm(join(path, aboutFile), { force: true })
  await rmdir(path).catch((error: unknown) => {
    if (!hasErrorCode(error, 'ENOTEMPTY') && !hasErrorCode(error, 'ENOENT')) throw error
  })
}

export interface KnownJournal {
  readonly path: string
  readonly scope: JournalScope
  readonly owner: OwnerState
  /** The machine of the owner. */
  readonly host: string | undefined
  /** Where it is, or was, mounted. */
  readonly mountpoint: string | undefined
}

/** Never in place: a full disk would leave files of which nobody can tell any more where they belong. */
async function writeScope(path: string, text: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => undefined)
  if (before === text) return
  const temporary = `${path}.${process.pid}`
  try {
    await writeFile(temporary, text, { mode: 0o600, flush: true })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * All journals below a root, of whatever server and user.
 * @param onDamaged is told of a file that does not say of which server and user the journals beside it are
 */
export async function knownJournals(
  root: string,
  onDamaged: (path: string) => void = () => {},
): Promise<KnownJournal[]> {
  const journals: KnownJournal[] = []
  for (const name of await directoriesIn(root)) {
    const parent = join(root, name)
    const text = await readFile(join(parent, scopeFile), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const scope = parseScope(text)
    if (!scope) {
      onDamaged(join(parent, scopeFile))
      continue
    }
    for (const journal of await directoriesIn(parent)) {
      const path = join(parent, journal)
      const mountpoint = await readFile(join(path, aboutFile), 'utf8').catch(() => undefined)
      const { host } = parseOwner(journal) ?? {}
      journals.push({ path, scope, owner: ownerState(journal), host, mountpoint })
    }
  }
  return journals
}

function parseScope(text: string): JournalScope | undefined {
  try {
    const scope = JSON.parse(text) as Partial<JournalScope> | null
    return typeof scope?.url === 'string' ? (scope as JournalScope) : undefined
  } catch {
    return undefined
  }
}

function ownName(): string {
  const { host, boot, pidNamespace, pid, startTime } = self()
  return [host, boot, pidNamespace, pid, startTime, randomBytes(3).toString('hex')].join('~')
}

function ownerState(name: string): OwnerState {
  const owner = parseOwner(name)
  if (!owner) return 'elsewhere'
  const here = self()
  if (owner.host !== here.host) return 'elsewhere'
  if (owner.boot !== here.boot) return 'dead'
  if (owner.pidNamespace !== here.pidNamespace) return 'elsewhere'
  return startTimeOf(owner.pid) === owner.startTime ? 'alive' : 'dead'
}

function parseOwner(name: string): Owner | undefined {
  const [host, boot, pidNamespace, pid, startTime, unique] = name.split('~')
  if (!host || !boot || !pidNamespace || !pid || !startTime || !unique) return undefined
  return { host, boot, pidNamespace, pid: Number(pid), startTime }
}

function self(): Owner {
  return {
    host: hostname()
      .replace(/[^A-Za-z0-9.-]/g, '-')
      .slice(0, 64),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8),
    pidNamespace: readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '0',
  }
}

/** In ticks since the machine started (proc_pid_stat(5), field 22); undefined when there is no such process. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? undefined : fields[18]
  } catch {
    return undefined
  }
}

async function directoriesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return []
    throw error
  }
}
