import { join } from 'node:path'
import { closeJournal, createJournal, takeOverJournals } from '../data/journal-directory.js'
import type { JournalScope } from '../data/journal-directory.js'
import { readEntries, removeEntry, superseded } from '../data/journal-record.js'
import type { JournalEntry } from '../data/journal-record.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { isBackupName } from '../vfs/temporary-names.js'
import type { Vfs } from '../vfs/vfs.js'
import { privateDirectory, stateDirectory } from './directories.js'
import { CliError, exitCodes } from './exit.js'

/** Where all journals of this user are. */
export function journalRoot(): Promise<string> {
  return privateDirectory(join(stateDirectory(), 'journal'))
}

/** The journal of one set of layers: a directory of its own, and those of processes that have ended. */
export class OpenJournal {
  /** Where files that are written get their bytes. */
  readonly directory: string
  readonly #root: string
  readonly #scope: JournalScope
  readonly #taken: string[] = []

  private constructor(root: string, scope: JournalScope, directory: string) {
    this.#root = root
    this.#scope = scope
    this.directory = directory
  }

  static async open(root: string, scope: JournalScope, mountpoint: string | undefined): Promise<OpenJournal> {
    const directory = await createJournal(root, scope, mountpoint).catch((cause: unknown) => {
      const reason = `what is written cannot be kept there: ${causeChain(cause)}`
      const nextStep = 'free some room there, or set XDG_STATE_HOME to a directory that can be written'
      throw new CliError(exitCodes.failure, { thing: root, reason, nextStep }, { cause })
    })
    return new OpenJournal(root, scope, directory)
  }

  /** Takes over what earlier mounts of this server and user have left, and shows it in the file system. */
  async resume(
    vfs: Vfs,
    log: Log,
    options: { readonly includeElsewhere?: boolean; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const taken = await takeOverJournals(this.#root, this.#scope, options)
    this.#taken.push(...taken)
    const read = (directory: string): Promise<JournalEntry[]> =>
      readEntries(directory, (error) => log.warn(causeChain(error)))
    const found = (await Promise.all(taken.map(read))).flat()
    const outdated = superseded(found)
    for (const { stagingPath } of outdated) await removeEntry(stagingPath)
    const entries = found.filter((entry) => !outdated.has(entry))
    const records = entries.map(({ record }) => record)
    await vfs.awaitDeletes(records, options.signal)
    let shown = 0
    for (const entry of entries.toSorted((a, b) => turnOf(a) - turnOf(b))) {
      if (await this.#resumeEntry(vfs, log, entry)) shown++
    }
    if (shown > 0)
      log.info(
        `${shown} ${shown === 1 ? 'file' : 'files'} that an earlier mount could not send will be sent now`,
      )
  }

  /** Removes what nobody needs. What is left waits for the next mount. */
  async close(): Promise<void> {
    for (const directory of [this.directory, ...this.#taken]) await closeJournal(directory)
  }

  async #resumeEntry(vfs: Vfs, log: Log, entry: JournalEntry): Promise<boolean> {
    const { path } = entry.record
    try {
      const resumed = await vfs.resume(entry)
      if (resumed.kind === 'needless') await removeEntry(entry.stagingPath)
      if (resumed.kind === 'left')
        log.warn(`${path} of an earlier mount cannot be sent: ${resumed.reason}; see xnatfs pending list`)
      return resumed.kind === 'shown'
    } catch (error) {
      log.warn(
        `${path} of an earlier mount cannot be sent now: ${causeChain(error)}; see xnatfs pending list`,
      )
      return false
    }
  }
}

/**
 * What was renamed comes later: another file may have got its old name since, and is resumed under it. What has a
 * backup's name comes last: whether it can be the original again depends on what becomes of the original's name.
 */
function turnOf({ record }: JournalEntry): number {
  if (record.origin === undefined) return 0
  return isBackupName(record.name) ? 2 : 1
}
