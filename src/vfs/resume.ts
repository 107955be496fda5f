import type { Archive, DirectoryEntry, FileEntry } from '../archive/archive.js'
import { isComplete, isDoubtful } from '../data/journal-record.js'
import type { JournalEntry, JournalRecord } from '../data/journal-record.js'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { md5OfFile } from '../util/md5.js'
import { comesTrue, overdueMs } from '../util/overdue.js'
import { keepFolder } from './folders.js'
import type { InodeTable } from './inode-table.js'
import type { LocalFile } from './local-file.js'
import type { Namespace } from './namespace.js'
import type { Hidden, Node } from './node.js'
import type { LocalFiles } from './local-files.js'
import { isRefusal } from './removals.js'
import { isBackupName } from './temporary-names.js'

/** So long after its entry was written a delete may have been asked for: others had their turn before. */
const longestTurnMs = 10 * 60_000

export interface ResumeOptions {
  readonly archive: Archive
  readonly table: InodeTable
  readonly names: Namespace
  readonly locals: LocalFiles
  readonly log: Log
  /** So long the server may take for a delete that a killed process has asked for; default: `overdueMs`. */
  readonly overdueMs?: number | undefined
}

/** What became of a journal entry: it is shown and will be sent; it is not needed; or it stays where it is, and why. */
export type Resumed =
  | { readonly kind: 'shown' }
  | { readonly kind: 'needless' }
  | { readonly kind: 'left'; readonly reason: string }

/** Shows what another process has left in the journal where it was, as files that are here and not yet on the server. */
export class Resume {
  readonly #options: ResumeOptions
  /** Files that the earlier mount has stored, whatever lay there before. */
  readonly #stored = new Set<string>()

  constructor(options: ResumeOptions) {
    this.#options = options
  }

  /** @throws FsError when the server cannot tell whether the entry still has its place */
  async resume(entry: JournalEntry): Promise<Resumed> {
    const { record } = entry
    const parent = await this.#find(directoryOf(record.path), record.directory)
    this.#requireAnswers()
    if (record.isDeleted && (await this.#delete(entry, parent))) return { kind: 'needless' }
    if (!parent) return left(`its directory is not there any more`)
    if (isBackupName(record.name) && (await this.#isUnderOldName(entry))) return { kind: 'needless' }
    if (parent.overlay.has(record.name)) return left('another unsent file has its name')
    const now = await this.#options.names.find(parent, record.name)
    this.#requireAnswers()
    if (now && now.kind !== 'file') return left('its name is that of a directory now')
    return this.#show(entry, parent, now)
  }

  /**
   * Waits for deletes that a killed process may have asked for, before anything is resumed: carried out later, they would
   * take what is stored by then, or is found to be.
   */
  async awaitDeletes(records: readonly JournalRecord[], signal?: AbortSignal): Promise<void> {
    const { log, overdueMs: mostMs = overdueMs } = this.#options
    const untilMs = Date.now() + mostMs
    const recent = records.filter(({ at }) => Date.parse(at) > Date.now() - longestTurnMs)
    const asked = new Map(
      recent.flatMap(askedFor).map((doomed) => [doomed.path + doomed.file.version, doomed]),
    )
    for (const doomed of asked.values()) {
      // Who gets no answer knows nothing, and waits on.
      const isGone = (): Promise<boolean> => this.#isGone(doomed).catch(() => false)
      const leftMs = untilMs - Date.now()
      if (leftMs <= 0) return
      if (await isGone()) continue
      const most = `at most ${Math.ceil(leftMs / 1000)} s`
      log.info(`${doomed.path}: waiting for a delete that an earlier mount has asked for, ${most}`)
      await comesTrue(isGone, untilMs, signal)
    }
  }

  async #isGone({ path, file }: Doomed): Promise<boolean> {
    const { archive, names } = this.#options
    const parent = await this.#find(directoryOf(path))
    if (parent) archive.refresh(parent.directory)
    const now = parent && (await names.find(parent, nameOf(path)))
    this.#requireAnswers()
    return now?.file?.version !== file.version
  }

  /** What was listed before the server went away is no ground for a decision about bytes that are nowhere else. */
  #requireAnswers(): void {
    if (this.#options.archive.isReachable) return
    throw new FsError('EIO', 'the server does not answer', {
      nextStep: 'it is tried again by the next mount',
    })
  }

  /**
   * Goes on deleting what is still as it was when the file was deleted.
   * @returns false when that is refused: nobody was told that the file is gone, so it is not
   */
  async #delete({ record }: JournalEntry, parent: Node | undefined): Promise<boolean> {
    for (const { path, file } of ofDeleted(record)) {
      const folder = path === record.path ? parent : await this.#find(directoryOf(path))
      if (!folder || folder.overlay.has(nameOf(path))) continue
      const now = await this.#options.names.find(folder, nameOf(path))
      if (now?.file?.version !== file.version) continue
      try {
        await this.#options.locals.removals.remove(folder, now.file)
      } catch (error) {
        if (isRefusal(error)) return false
        throw error
      }
    }
    return true
  }

  async #show(entry: JournalEntry, parent: Node, now: Node | undefined): Promise<Resumed> {
    const { table, locals } = this.#options
    const { record } = entry
    const state = await stateOf(entry, now?.file)
    if (state.kind === 'conflict') return left(state.reason)
    if (state.kind === 'stored' && !record.origin) {
      this.#stored.add(record.path)
      return { kind: 'needless' }
    }
    const node = now ?? table.internLocal(parent, 'file', record.name, undefined)
    const local = await locals.resumeLocal(node, entry, state.kind === 'stored')
    node.overrides.mtimeMs = record.mtimeMs
    parent.overlay.set(record.name, node)
    if (record.origin) await this.#hideOrigin(local, record.origin)
    // Another file may get that name, with the same bytes.
    if (!local.origin && record.origin) await local.kept.restate().catch(() => {})
    locals.settle(node, local)
    return { kind: 'shown' }
  }

  /** The stored file that was renamed goes when its bytes are stored under the new name, unless it is another by now. */
  async #hideOrigin(local: LocalFile, origin: { path: string; file: FileEntry }): Promise<void> {
    const { names } = this.#options
    if (this.#stored.has(origin.path)) return
    const parent = await this.#find(directoryOf(origin.path))
    const name = nameOf(origin.path)
    const found = parent && !parent.overlay.has(name) ? await names.find(parent, name) : undefined
    if (!parent || found?.file?.version !== origin.file.version || found.file.key !== origin.file.key) return
    const hidden: Hidden = { hidden: found.file }
    parent.overlay.set(name, hidden)
    local.origin = { parent, name, hidden, storedRevision: undefined }
  }

  /** A backup by rename whose original is still stored under its old name is that again. */
  async #isUnderOldName({ record, stagingPath }: JournalEntry): Promise<boolean> {
    const { origin } = record
    if (!origin?.file.digest) return false
    const parent = await this.#find(directoryOf(origin.path))
    // A new file of the old name waits to be stored there: then these bytes will be nowhere but here.
    if (parent?.overlay.has(nameOf(origin.path))) return false
    const found = parent && (await this.#options.names.find(parent, nameOf(origin.path)))
    if (found?.file?.version !== origin.file.version) return false
    return (await md5OfFile(stagingPath, record.sizeBytes)) === origin.file.digest
  }

  /** Folders that are not on the server any more, or not yet, are made here. */
  async #find(path: readonly string[], expected?: DirectoryEntry): Promise<Node | undefined> {
    const { archive, names, table } = this.#options
    let node: Node = table.root
    for (const name of path) {
      let next = await names.find(node, name)
      if (!next && expected && !archive.keepsEmpty(node.directory)) {
        next = table.internLocal(node, 'directory', name, archive.folder(node.directory, name))
        keepFolder(next)
      }
      if (next?.kind !== 'directory') return undefined
      node = next
    }
    return expected && !archive.isSamePlace(node.directory, expected) ? undefined : node
  }
}

/** A stored file and its path from the mountpoint. */
type Doomed = NonNullable<JournalRecord['origin']>

/** What is deleted with a file. */
function ofDeleted({ path, replaces, origin }: JournalRecord): Doomed[] {
  return [...(replaces ? [{ path, file: replaces }] : []), ...(origin ? [origin] : [])]
}

/** What the server may have been asked to delete. */
function askedFor(record: JournalRecord): Doomed[] {
  const { path, goesWith, isDeleted, origin } = record
  const taking = goesWith && {
    path: [...path.split('/').slice(0, -1), goesWith.name].join('/'),
    file: goesWith,
  }
  const leaving = isDeleted ? ofDeleted(record) : origin?.isLeaving ? [origin] : []
  return [...(taking ? [taking] : []), ...leaving]
}

type State =
  { readonly kind: 'to-be-stored' | 'stored' } | { readonly kind: 'conflict'; readonly reason: string }

/** What the server has now under the name of an entry. */
async function stateOf({ record, stagingPath }: JournalEntry, now: FileEntry | undefined): Promise<State> {
  const { replaces, covers } = record
  if (now ? now.version === replaces?.version : covers || !replaces) return { kind: 'to-be-stored' }
  if (now?.digest !== undefined && now.sizeBytes === record.sizeBytes && isComplete(record)) {
    if ((await md5OfFile(stagingPath, record.sizeBytes)) === now.digest) return { kind: 'stored' }
  }
  if (now && record.doubtful?.some((bytes) => isDoubtful(now, bytes))) return { kind: 'to-be-stored' }
  if (!now) return { kind: 'conflict', reason: 'the file that it changes was removed on the server since' }
  const reason = replaces
    ? 'the file was changed on the server since'
    : 'the server has another file of this name'
  return { kind: 'conflict', reason }
}

function left(reason: string): Resumed {
  return { kind: 'left', reason }
}

function directoryOf(path: string): string[] {
  return path.split('/').slice(1, -1)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
