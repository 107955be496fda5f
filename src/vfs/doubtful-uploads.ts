import type { Archive, DirectoryEntry, Entry, FileEntry, StoreSource } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import { md5OfSource } from '../util/md5.js'

/** Bytes that were sent, while no answer told whether they were stored. Plain data. */
export interface DoubtfulUpload {
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly md5: string
}

/** One of them that turned out to be stored. */
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
  readonly #uploads: (DoubtfulUpload & { readonly revision: number | undefined })[]

  /** @param left what another process has left in the journal */
  constructor(left: readonly DoubtfulUpload[] = []) {
    this.#uploads = left.map((upload) => ({ ...upload, revision: undefined }))
  }

  get all(): readonly DoubtfulUpload[] {
    return this.#uploads.map(({ sizeBytes, md5 }) => ({ sizeBytes, md5 }))
  }

  async note(source: StoreSource, revision: number): Promise<void> {
    if (this.#uploads.some((upload) => upload.revision === revision)) return
    this.#uploads.push({ sizeBytes: source.sizeBytes, md5: await md5OfSource(source), revision })
  }

  /** A file that is being deleted, and will be there if that fails, or if this process ends. */
  add({ sizeBytes, digest }: FileEntry): void {
    if (sizeBytes !== undefined && digest !== undefined)
      this.#uploads.push({ sizeBytes, md5: digest, revision: undefined })
  }

  forget(): void {
    this.#uploads.length = 0
  }

  /** Looks whether what the server has under a name is one of these. Without a digest in its listing nobody can tell. */
  async find(
    archive: Pick<Archive, 'lookup' | 'refresh' | 'isReachable'>,
    directory: DirectoryEntry,
    name: string,
  ): Promise<FoundUpload | undefined> {
    if (this.#uploads.length === 0) return undefined
    archive.refresh(directory)
    const file = await lookup(archive, directory, name)
    if (!archive.isReachable)
      throw new FsError('EIO', `nobody can tell whether ${name} was stored: the server does not answer`, {
        nextStep: 'close it again when it does',
      })
    if (file?.kind !== 'file') return undefined
    const upload = this.#uploads.find(({ md5 }) => md5 === file.digest)
    return upload && { file, revision: upload.revision }
  }
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
