import type { Archive, DirectoryEntry, Entry, FileEntry, StoreSource } from '../archive/archive.js'
import { isDoubtful } from '../data/journal-record.js'
import type { DoubtfulBytes, JournalRecord } from '../data/journal-record.js'
import type { StagingFile } from '../data/staging-file.js'
import type { HeldBytes } from '../data/staging-state.js'
import { FsError } from '../util/fs-error.js'
import { md5OfSource } from '../util/md5.js'

/** Bytes that were sent, while no answer told whether they were stored, and turned out to be stored. */
export interface FoundUpload {
  readonly file: FileEntry
  /** Of the local bytes; undefined when another process has sent them. */
  readonly revision: number | undefined
}

/**
 * Uploads of one file whose fate is not known: what has come of them is the work of this user, and not of somebody
 * else who has changed the file meanwhile. All are remembered until one upload is known to be stored: a request that
 * broke off may still be carried out.
 */
export class DoubtfulUploads {
  readonly #uploads: { readonly bytes: DoubtfulBytes; readonly revision: number | undefined }[]
  #goesWith: FileEntry | undefined
  #going: { readonly ends: Promise<void>; readonly end: () => void } | undefined

  /** @param left what another process has left in the journal */
  constructor(left: readonly DoubtfulBytes[] = []) {
    this.#uploads = left.map((bytes) => ({ bytes, revision: undefined }))
  }

  /** What the journal says of them. */
  get record(): Pick<JournalRecord, 'doubtful' | 'goesWith'> {
    const doubtful = this.#uploads.map(({ bytes }) => bytes)
    const goesWith = this.#goesWith
    return { ...(doubtful.length > 0 && { doubtful }), ...(goesWith && { goesWith }) }
  }

  async note(source: StoreSource, revision: number): Promise<void> {
    if (this.#uploads.some((upload) => upload.revision === revision)) return
    const bytes = { sizeBytes: source.sizeBytes, md5: await md5OfSource(source) }
    this.#uploads.push({ bytes, revision })
  }

  /**
   * This stored version is about to be deleted: where that fails, or this process ends, it is no other file that has its name.
   * @param doomed the file whose delete takes it along
   */
  goesWith({ sizeBytes, digest: md5, version }: FileEntry, doomed: FileEntry): void {
    this.#goesWith = doomed
    this.#going ??= ending()
    if (sizeBytes === undefined) return
    const bytes = { sizeBytes, ...(md5 !== undefined && { md5 }), version }
    this.#uploads.push({ bytes, revision: undefined })
  }

  /** Waits for the delete that takes the file along. */
  async gone(): Promise<void> {
    while (this.#going) await this.#going.ends
  }

  /** That delete is done, or not to be expected any more. */
  hasGone(): void {
    this.#goesWith = undefined
    this.#going?.end()
    this.#going = undefined
  }

  /** Forgets them. @param displaced those of the file that had the name before: they may be stored under it */
  restart(displaced?: DoubtfulUploads): void {
    const left = displaced ? displaced.#uploads.map(({ bytes }) => ({ bytes, revision: undefined })) : []
    this.#uploads.splice(0, Infinity, ...left)
  }

  /** Sends the bytes when no delete takes along what they replace: found now, it would be gone by then. */
  async whenStaying(staging: StagingFile, send: (held: HeldBytes) => Promise<void>): Promise<void> {
    await this.gone()
    const isSent = await staging.withBytes(async (held) => {
      if (this.#going) return false
      await send(held)
      return true
    })
    if (!isSent) await this.whenStaying(staging, send)
  }

  /** Looks whether what the server has under a name is one of these. Without a digest in its listing nobody can tell. */
  async find(
    archive: Pick<Archive, 'lookup' | 'refresh' | 'isReachable'>,
    directory: DirectoryEntry,
    name: string,
  ): Promise<FoundUpload | undefined> {
    await this.gone()
    if (this.#uploads.length === 0) return undefined
    archive.refresh(directory)
    const file = await lookup(archive, directory, name)
    if (!archive.isReachable)
      throw new FsError('EIO', `nobody can tell whether ${name} was stored: the server does not answer`, {
        nextStep: 'close it again when it does',
      })
    if (file?.kind !== 'file') return undefined
    const upload = this.#uploads.find(({ bytes }) => isDoubtful(file, bytes))
    return upload && { file, revision: upload.revision }
  }
}

function ending(): { readonly ends: Promise<void>; readonly end: () => void } {
  let end = (): void => {}
  const ends = new Promise<void>((resolve) => (end = resolve))
  return { ends, end }
}

/** A folder that is not on the server, or not any more, has nothing in it. */
async function lookup(
  archive: Pick<Archive, 'lookup'>,
  directory: DirectoryEntry,
  name: string,
): Promise<Entry | undefined> {
  try {
    return await archive.lookup(directory, name)
  } catch (error) {
    if (error instanceof FsError && error.code === 'ENOENT') return undefined
    throw error
  }
}
