import {
  entryId,
  isComplete as hasAllBytes,
  recordText,
  removeEntry,
  removeRecord,
  writeRecord,
} from '../data/journal-record.js'
import type { JournalRecord } from '../data/journal-record.js'
import type { StagingFile } from '../data/staging-file.js'
import type { HeldBytes, KeptState, StagingState } from '../data/staging-state.js'
import { Lock } from '../util/lock.js'
import { syncPath } from '../util/sync-path.js'

/** What is to become of the bytes, as of now. Undefined when the file has no place any more. */
export type Describe = (state: StagingState) => Omit<JournalRecord, 'format' | 'at'> | undefined

/** The revision of bytes that are not this file's. */
const anothers = -1

/** The version in the journal: which bytes, and whether it would survive a power failure. */
interface Kept {
  readonly path: string
  readonly record: JournalRecord
  /** What is to become of the bytes is something else by now. */
  readonly isOutdated: boolean
  readonly revision: number
  readonly isDurable: boolean
  /** It can be compared with what the server has: nothing of it is there only. */
  readonly isComplete: boolean
  /** A record may lie beside the bytes. */
  readonly hasRecordBeside: boolean
}

/** The journal entry of one file: the version of its bytes that outlives this process. */
export class KeptBytes {
  readonly #staging: StagingFile
  readonly #describe: Describe
  readonly #isWanted: () => boolean
  #kept: Kept | undefined
  /** Where bytes may be that no entry speaks of: to keep them has failed, or was not wanted any more. */
  readonly #left = new Set<string>()
  /** The bytes there are another file's now. */
  #bequeathed: string | undefined
  /** Records are written one by one. Nobody waits for an upload who waits for this. */
  readonly #records = new Lock()

  /**
   * @param options.isWanted false when the file was deleted: nothing more is kept then
   * @param options.resumed what the journal says of these bytes, which another process has left. If that is a delete, the server refuses it.
   */
  constructor(options: {
    readonly staging: StagingFile
    readonly describe: Describe
    readonly isWanted: () => boolean
    readonly resumed: JournalRecord | undefined
  }) {
    const { staging, resumed } = options
    this.#staging = staging
    this.#describe = options.describe
    this.#isWanted = options.isWanted
    const { path, revision, isComplete } = staging
    if (resumed) {
      const isOutdated = resumed.isDeleted === true
      const kept = { path, record: resumed, revision, isOutdated }
      this.#kept = { ...kept, isDurable: true, isComplete, hasRecordBeside: true }
    }
  }

  /** The entry in the journal that has the bytes, if one has. */
  get id(): string | undefined {
    return this.#kept && entryId(this.#kept.path)
  }

  /** Of the bytes that the journal has. */
  get revision(): number | undefined {
    return this.#kept?.revision
  }

  /** Likewise. */
  get sizeBytes(): number | undefined {
    return this.#kept?.record.sizeBytes
  }

  /** The stored file that is to go when this one is stored, as the journal has it. Its path is from the mountpoint. */
  get originPath(): string | undefined {
    return this.#kept?.record.origin?.path
  }

  /**
   * Makes sure that the bytes as they are now, and what is to become of them, outlive this process.
   * @param options.isDurable and a power failure
   * @param options.held the bytes, for those who hold them
   * @param options.onlyOf nothing is kept where they are of another revision when it comes to it
   */
  async keep(options: {
    readonly isDurable: boolean
    readonly reason?: string | undefined
    readonly held?: HeldBytes | undefined
    readonly onlyOf?: number | undefined
  }): Promise<void> {
    const before = this.#kept
    const isDurable = options.isDurable || (before?.isDurable ?? false)
    const { revision, isComplete } = this.#staging
    const isSame = before?.revision === revision && before.isComplete === isComplete
    const isKept = isSame && before.isDurable === isDurable && !before.isOutdated
    if (isKept && options.reason === undefined) return
    await (options.held ?? this.#staging).keep(
      (state) => this.#records.run(() => this.#record(state, isDurable, options)),
      { isDurable },
    )
  }

  async #record(
    { path, revision, keepWith, ...state }: KeptState,
    isDurable: boolean,
    {
      reason,
      onlyOf = revision,
    }: { readonly reason?: string | undefined; readonly onlyOf?: number | undefined },
  ): Promise<void> {
    if (this.#kept?.path !== path) this.#left.add(path)
    const description = onlyOf === revision && this.#isWanted() ? this.#describe(state) : undefined
    if (!description) return
    const replaced = this.#kept
    const supersedes = replaced && replaced.path !== path ? entryId(replaced.path) : undefined
    const record = stamped({
      ...description,
      ...(reason !== undefined && { reason }),
      ...(supersedes && { supersedes }),
    })
    await (keepWith ? keepWith(recordText(record)) : writeRecord(path, record, { isDurable }))
    const { isComplete } = this.#staging
    // What was said to be outdated meanwhile is so still.
    const isOutdated = this.#kept !== replaced
    this.#kept = { path, record, revision, isOutdated, isDurable, isComplete, hasRecordBeside: !keepWith }
    if (supersedes) await removeEntry(replaced!.path)
    await this.#removeLeft(path)
  }

  /**
   * Takes over the entry of a file that had the name of this one: until this one is kept, that is what the name has.
   * @returns false where there is none, or this file has an entry of its own
   */
  adopt(displaced: KeptBytes): boolean {
    if (this.#kept || !displaced.#kept) return false
    this.#kept = { ...displaced.#kept, revision: anothers }
    displaced.#bequeathed = displaced.#kept.path
    displaced.#kept = undefined
    return true
  }

  /**
   * Until the server's older version of the file is gone, the journal says that it is to go.
   * @returns how to take that back: the journal says again what it said before
   */
  doom(): Promise<() => Promise<void>> {
    return this.#records.run(async () => {
      const kept = this.#kept
      // The bytes are still those of the record: another process may find that the server refuses the delete.
      const description = kept && this.#describe(stateOf(kept.record))
      if (!description) return () => Promise.resolve()
      const { path, record, isDurable } = kept
      await writeRecord(path, stamped({ ...description, isDeleted: true }), { isDurable })
      this.#kept = { ...kept, isOutdated: true, hasRecordBeside: true }
      const undo = async (): Promise<void> => {
        await writeRecord(path, record, { isDurable })
        this.#kept = { ...kept, hasRecordBeside: true }
      }
      return () => this.#records.run(undo)
    })
  }

  /**
   * Says anew what is to become of the bytes that the journal has, and not of those that were written since: of those
   * nothing was promised.
   * @param reason why they could not be sent
   */
  restate(reason?: string): Promise<void> {
    return this.#records.run(async () => {
      const kept = this.#kept
      const isOwn = kept && kept.revision !== anothers && this.#isWanted()
      const description = isOwn && this.#describe(stateOf(kept.record))
      if (!description || !isOnItsBase(kept.record, description)) return
      const { path, isDurable } = kept
      if (!isDurable) await syncPath(path)
      const record = stamped({ ...description, ...(reason !== undefined && { reason }) })
      await writeRecord(path, record, { isDurable: true })
      const now = this.#kept
      if (now?.path !== path) return
      const isOutdated = now !== kept && now.isOutdated
      this.#kept = { ...now, record, isOutdated, isDurable: true, hasRecordBeside: true }
    })
  }

  /** What the journal says of the bytes is true no more: the next `keep` writes it anew. */
  outdate(): void {
    if (this.#kept) this.#kept = { ...this.#kept, isOutdated: true }
  }

  /** The journal needs the bytes no more: the server has them, or nobody wants them. */
  async forget(): Promise<void> {
    const kept = await this.#take()
    if (!kept) return
    const removeBeside = (): Promise<void> => removeBesideBytes(kept)
    if (!(await this.#staging.release(kept.path, removeBeside))) await removeEntry(kept.path)
  }

  /** The same, and the bytes themselves go too. */
  async remove(): Promise<void> {
    const kept = await this.#take()
    const { path } = this.#staging
    if (kept && kept.path !== path) await removeEntry(kept.path)
    await this.#removeLeft(path)
    await (this.#bequeathed === path ? this.#staging.close() : this.#staging.remove())
    if (kept?.path === path) await removeBesideBytes(kept)
  }

  #take(): Promise<Kept | undefined> {
    return this.#records.run(() => {
      const kept = this.#kept
      this.#kept = undefined
      return kept
    })
  }

  /** @param path of the bytes that count */
  async #removeLeft(path: string): Promise<void> {
    this.#left.delete(path)
    for (const other of this.#left) {
      await removeEntry(other)
      this.#left.delete(other)
    }
  }
}

async function removeBesideBytes({ path, hasRecordBeside }: Kept): Promise<void> {
  if (hasRecordBeside) await removeRecord(path)
}

function stateOf({ sizeBytes, written, baseEnd }: JournalRecord): StagingState {
  return { sizeBytes, written, baseEnd }
}

/** What is missing of the bytes is in the stored file that they change, which is another one after a rename. */
function isOnItsBase(record: JournalRecord, { replaces }: Pick<JournalRecord, 'replaces'>): boolean {
  return hasAllBytes(record) || replaces?.version === record.replaces?.version
}

function stamped(record: Omit<JournalRecord, 'format' | 'at'>): JournalRecord {
  return { format: 1, ...record, at: new Date().toISOString() }
}
