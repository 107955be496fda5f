import { constants } from 'node:fs'
import { copyFile, truncate } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { closeJournal, knownJournals } from '../data/journal-directory.js'
import type { KnownJournal } from '../data/journal-directory.js'
import { entryId, isComplete, readEntries, removeEntry, superseded } from '../data/journal-record.js'
import type { JournalEntry } from '../data/journal-record.js'
import { hasErrorCode } from '../util/fs-error.js'
import { causeChain, Log } from '../util/log.js'
import { makeDirectories } from '../util/make-directories.js'
import { XnatClient } from '../xnat/client.js'
import { assemble } from './assemble.js'
import { askControl } from './control.js'
import { controlSocket } from './directories.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { findLogIn } from './find-log-in.js'
import { flushCommand } from './flush-command.js'
import { journalRoot, OpenJournal } from './journal.js'
import { explainLogIn } from './log-in.js'
import { MountCache } from './mount-cache.js'
import { defaultMountFlags } from './options.js'
import type { PendingDiscardFlags, PendingListFlags, PendingRetryFlags } from './flags.js'
import { reachOf } from './server-access.js'
import { unsentLine } from './unsent-line.js'

interface Pending extends JournalEntry {
  readonly id: string
  readonly journal: KnownJournal
}

/** `xnatfs pending list`: what was written and is not on its server yet. */
export async function pendingListCommand(flags: PendingListFlags): Promise<ExitCode> {
  const all = await pendingEntries()
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(all.map(toJson), undefined, 2)}\n`)
    return exitCodes.success
  }
  if (all.length === 0) process.stdout.write('nothing is pending\n')
  for (const { id, record, journal } of all) {
    const { scope, owner, host, mountpoint } = journal
    const state = { alive: `mounted on ${mountpoint}`, dead: 'its mount has ended', elsewhere: `of ${host}` }[
      owner
    ]
    const line = unsentLine({ ...record, reason: record.reason })
    process.stdout.write(`${id}  ${record.at}  ${scope.user ?? 'guest'} at ${scope.url}, ${state}\n${line}\n`)
  }
  return exitCodes.success
}

/** `xnatfs pending retry`: sends what can be sent, by the running mounts or without one. */
export async function pendingRetryCommand(flags: PendingRetryFlags): Promise<ExitCode> {
  const wanted = (await pendingEntries()).filter(
    ({ journal }) => flags.user === undefined || journal.scope.user === flags.user,
  )
  let exitCode: ExitCode = exitCodes.success
  const worse = (code: ExitCode): void => void (code !== exitCodes.success && (exitCode = code))
  const mountpoints = new Set(
    wanted.flatMap(({ journal }) => (isServed(journal) ? [journal.mountpoint!] : [])),
  )
  for (const mountpoint of mountpoints) worse(await flushCommand(mountpoint))
  const scopes = new Map(
    wanted
      .filter(({ journal }) => journal.owner === 'dead' || (journal.owner === 'elsewhere' && flags.takeOver))
      .map(({ journal }) => [dirname(journal.path), journal.scope]),
  )
  for (const scope of scopes.values()) worse(await retryWithoutMount(scope, flags))
  if (mountpoints.size + scopes.size === 0) process.stdout.write('nothing is pending here\n')
  return exitCode
}

async function retryWithoutMount(scope: KnownJournal['scope'], given: PendingRetryFlags): Promise<ExitCode> {
  const { url, user } = scope
  const logIn = await findLogIn(url, { ...given, ...(user === undefined ? { guest: true } : { user }) })
  const log = new Log({ write: (line) => process.stderr.write(`${line}\n`), level: 'warn' })
  const journal = await OpenJournal.open(await journalRoot(), scope, undefined)
  const flags = { ...defaultMountFlags(), cache: false }
  const layers = assemble({
    url,
    credentials: logIn.credentials,
    reach: reachOf(url, given, process.env),
    flags,
    log,
    cache: await MountCache.open({ ...scope, flags, log }),
    stagingDirectory: journal.directory,
  })
  try {
    await new XnatClient(layers.session).whoAmI().catch((error: unknown) => {
      throw explainLogIn(error, url, logIn.source)
    })
    await journal.resume(layers.vfs, log, { includeElsewhere: given.takeOver ?? false })
    await layers.vfs.drain({ includeOpen: true })
    await layers.vfs.leave()
  } finally {
    await layers.close()
    await journal.close()
  }
  const rest = (await pendingEntries()).filter(
    (entry) => dirname(entry.journal.path) === dirname(journal.directory),
  )
  process.stdout.write(
    rest.length === 0
      ? `everything for ${url} is on the server\n`
      : `${rest.length} files are still pending for ${url}; see xnatfs pending list\n`,
  )
  return rest.length === 0 ? exitCodes.success : exitCodes.failure
}

/** `xnatfs pending export`: copies of the bytes, in folders as in the mount. What is pending stays so. */
export async function pendingExportCommand(directory: string, ids: readonly string[]): Promise<ExitCode> {
  const entries = chosen(await pendingEntries(), ids)
  if (entries.length === 0) process.stdout.write('nothing is pending\n')
  for (const { record, stagingPath } of entries) {
    const target = join(resolve(directory), `${record.path}${isComplete(record) ? '' : '.partial'}`)
    await makeDirectories(dirname(target))
    try {
      await copyFile(stagingPath, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    } catch (error) {
      if (!hasErrorCode(error, 'EEXIST')) throw error
      const nextStep = 'export into an empty directory'
      throw new CliError(exitCodes.failure, { thing: target, reason: 'exists', nextStep }, { cause: error })
    }
    await truncate(target, record.sizeBytes)
    process.stdout.write(`${target}\n`)
  }
  return exitCodes.success
}

/** `xnatfs pending discard`: deletes bytes that are nowhere else. */
export async function pendingDiscardCommand(
  ids: readonly string[],
  flags: PendingDiscardFlags,
): Promise<ExitCode> {
  if (ids.length === 0 && !flags.all)
    throw new CliError(exitCodes.usage, {
      thing: 'pending discard',
      reason: 'it is not said which files',
      nextStep: 'give the ids that `xnatfs pending list` shows, or --all',
    })
  const all = await pendingEntries()
  const doomed = flags.all ? all.filter(({ journal }) => journal.owner === 'dead') : chosen(all, ids)
  for (const entry of doomed) await discard(entry)
  process.stdout.write(`${doomed.length} files are discarded\n`)
  return exitCodes.success
}

async function discard({ id, journal, stagingPath, record }: Pending): Promise<void> {
  if (journal.owner === 'elsewhere') {
    throw new CliError(exitCodes.failure, {
      thing: id,
      reason: `is in the hands of a mount on ${journal.host}`,
      nextStep: '`xnatfs pending retry --take-over` brings it here if its mount has ended',
    })
  }
  if (journal.owner === 'dead') {
    await removeEntry(stagingPath)
    return closeJournal(journal.path)
  }
  const answer = isServed(journal)
    ? await askControl(await controlSocket(journal.mountpoint!), { command: 'discard', ids: [id] })
    : undefined
  if (!answer?.isDone)
    throw new CliError(exitCodes.failure, {
      thing: record.path,
      reason: `is not discarded: ${answer?.message ?? 'it is being sent'}`,
      nextStep: 'close it or let it be sent, and try again; `xnatfs pending list` says how it is',
    })
}

function isServed(journal: KnownJournal): boolean {
  return journal.owner === 'alive' && journal.mountpoint !== undefined
}

function chosen(all: readonly Pending[], ids: readonly string[]): readonly Pending[] {
  if (ids.length === 0) return all
  return ids.map((id) => {
    const entry = all.find((other) => other.id === id)
    if (entry) return entry
    const reason = 'nothing that is pending has this id'
    throw new CliError(exitCodes.notFound, { thing: id, reason, nextStep: 'see `xnatfs pending list`' })
  })
}

async function pendingEntries(): Promise<Pending[]> {
  const pending: Pending[] = []
  const damaged = (path: string): void =>
    void process.stderr.write(
      `xnatfs: ${path}: does not say whose the files beside it are; mount that server as that user, which says it anew\n`,
    )
  for (const journal of await knownJournals(await journalRoot(), damaged)) {
    const entries = await readEntries(journal.path, (error) => {
      process.stderr.write(`xnatfs: ${causeChain(error)}\n`)
    })
    const outdated = superseded(entries)
    for (const entry of entries) {
      if (!outdated.has(entry)) pending.push({ ...entry, id: entryId(entry.stagingPath), journal })
    }
  }
  return pending
}

function toJson({ id, record, journal }: Pending): Record<string, unknown> {
  const { path, sizeBytes, at, reason } = record
  const { scope, owner, host, mountpoint } = journal
  return {
    id,
    url: scope.url,
    user: scope.user ?? null,
    path,
    sizeBytes,
    isComplete: isComplete(record),
    at,
    reason: reason ?? null,
    owner,
    host: host ?? null,
    mountpoint: owner === 'alive' ? (mountpoint ?? null) : null,
  }
}
