import { createHash } from 'node:crypto'
import { FsError } from '../util/fs-error.js'
import type { Log } from '../util/log.js'
import { md5OfSource } from '../util/md5.js'
import { withSignal } from '../util/single-flight.js'
import { sleep } from '../util/sleep.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import { fileUrlPath, putFile, readFile } from '../xnat/file-transfer.js'
import type { FileBytes, Stored } from '../xnat/file-transfer.js'
import type { Session } from '../xnat/session.js'
import { shownPath, storePath, storedAs } from '../xnat/wire-path.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { FileEntry, StoreSource } from './archive.js'
import { beforeAnother } from './attempts.js'
import { storedPathOf, versionOf } from './catalog.js'
import type { ExactPaths } from './exact-paths.js'
import type { FreshFiles } from './fresh-files.js'
import { filePlaceOf } from './layout.js'
import type { ResourcePart } from './layout.js'
import { StreamedUpload } from './streamed-upload.js'
import type { UploadTarget } from './streamed-upload.js'

/** A small file is read back for less than what a listing costs. */
const smallFileBytes = 64 * 1024
/** How long the proof of one file may wait for that of others. */
const longestBatchMs = 500
/** Up to here it is worth a look whether the server has these very bytes already. */
const comparedBytes = 256 * 1024 * 1024

/** What is to be stored, and where. */
export interface UploadPlan extends UploadTarget {
  readonly source: StoreSource
}

interface Sent extends Stored {
  readonly sizeBytes: number
}

/** Sends files, and finds out what became of them: XNAT's answers are no proof (xnat-wire.md §5). */
export class Uploads {
  readonly #session: Session
  readonly #files: FreshFiles
  readonly #exact: ExactPaths
  readonly #log: Log
  /** Until a server is seen not to answer as it should what is sent behind an upload. */
  #readsBehind = true

  constructor(session: Session, files: FreshFiles, exact: ExactPaths, log: Log) {
    this.#session = session
    this.#files = files
    this.#exact = exact
    this.#log = log
  }

  /**
   * Sends a file. One at a time in a resource: XNAT fails the second of two.
   * @param isLast nobody else waits to store a file in the resource
   * @returns what was sent, to be verified
   */
  async send(plan: UploadPlan, isLast: boolean, signal?: AbortSignal): Promise<Sent> {
    const { part, path, replaces, source } = plan
    if (replaces && (await this.#isThereAlready(plan, replaces))) {
      return { sizeBytes: source.sizeBytes, md5: await md5OfSource(source) }
    }
    const stored = replaces && storedPathOf(replaces)
    const target = replaces ? { exact: await this.#exact.of(replaces) } : { new: path }
    let overwrite = stored !== undefined
    const isReadBehind = isLast && this.#readsBehind && this.#isReadAsProof(plan, source.sizeBytes)
    for (let attempt = 1; ; attempt++) {
      try {
        const started = attempt === 1 ? await finishStarted(plan) : undefined
        if (started !== undefined) return { sizeBytes: source.sizeBytes, md5: started }
        const upload = { source, overwrite, readBack: isReadBehind ? path : undefined }
        const sent = await putFile(this.#session, part.address, target, upload, signal)
        return { ...sent, sizeBytes: source.sizeBytes }
      } catch (error) {
        if (isBareReceipt(error) && (await this.#isStored(plan, stored, error)))
          return { sizeBytes: source.sizeBytes, md5: await md5OfSource(source) }
        const failure = await beforeAnother(attempt, error, signal)
        const md5 = await this.#arrivedAllTheSame(plan, stored, failure)
        if (md5 !== undefined) return { sizeBytes: source.sizeBytes, md5 }
        // What blocks a name that is not listed are the remains of a broken upload, which nobody can see (§5).
        overwrite = true
        this.#log.info(`store ${path}: sending it again after: ${failure.message}`)
      }
    }
  }

  /**
   * Makes sure that the server has what was sent.
   * @param others resolves when those that are sent to the resource now are; undefined if this was the last
   * @returns the file as it has it
   * @throws FsError EIO when it has not
   */
  async verify(
    plan: UploadPlan,
    sent: Sent,
    others?: Promise<void>,
    signal?: AbortSignal,
  ): Promise<StoredFile> {
    const { part, path, replaces } = plan
    const proved = sent.readBack && (await this.#provedBehind(plan, sent, signal))
    if (proved) return proved
    if (!others && this.#isReadAsProof(plan, sent.sizeBytes)) {
      const stored = await this.#proveByReading(part, path, sent, signal)
      if (stored && sent.readBack) this.#readNothingBehind()
      if (stored) return stored
    }
    const wanted = wantedPathOf(plan)
    const files = others
      ? await this.#files.listWhen(part, () => Promise.race([others, sleep(longestBatchMs)]))
      : await this.#files.list(part)
    const listed = find(files, path, replaces && wanted)
    if (!listed) throw notAsSent(`the server says it stored ${path}, but does not list it`)
    if (listed.sizeBytes !== undefined && listed.sizeBytes !== sent.sizeBytes) {
      throw notAsSent(`the server has ${listed.sizeBytes} bytes of ${path}, not ${sent.sizeBytes}`)
    }
    if (listed.digest === undefined) await this.#readBack(part, listed.storedPath, sent, signal)
    else if (listed.digest !== sent.md5) throw otherBytes(path)
    return listed
  }

  /** @returns undefined where what came back behind the upload is no proof: whatever the reason, it is asked again */
  async #provedBehind(
    { part, path }: UploadPlan,
    { sizeBytes, md5, readBack }: Sent,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile | undefined> {
    const bytes = await withSignal(readBack!, signal)
    if (!bytes || (await md5Of(bytes.body).catch(() => undefined)) !== md5) return undefined
    return this.#proved(part, path, { sizeBytes, md5 }, bytes)
  }

  #readNothingBehind(): void {
    if (!this.#readsBehind) return
    this.#readsBehind = false
    const instead = 'each small file that is written takes a second round trip from now on'
    this.#log.info(`the server does not answer right what is sent behind an upload: ${instead}`)
  }

  /** @returns undefined where the file could not be read: then its listing must tell */
  async #proveByReading(
    part: ResourcePart,
    path: string,
    sent: Sent,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile | undefined> {
    try {
      return this.#proved(part, path, sent, await this.#readBack(part, path, sent, signal))
    } catch (error) {
      if (error instanceof XnatError && error.code !== 'aborted') return undefined
      throw error
    }
  }

  /** Notes a file that came back as it was sent. */
  #proved(part: ResourcePart, storedPath: string, sent: Sent, { lastModified }: FileBytes): StoredFile {
    const time = lastModified === undefined ? Number.NaN : Date.parse(lastModified)
    const modifiedMs = Number.isNaN(time) ? undefined : time
    const stored = { storedPath, sizeBytes: sent.sizeBytes, digest: sent.md5, modifiedMs }
    this.#files.note(part, stored)
    return stored
  }

  /** Whether a file is read back rather than listed, once it is stored. */
  #isReadAsProof(plan: UploadPlan, sizeBytes: number): boolean {
    const { part, path } = plan
    // A name that is no plain URL text is stored in one of several ways: the listing tells in which.
    const isPlain = storePath(path) === path && wantedPathOf(plan) === path
    return isPlain && this.#isCheaperToRead(part, sizeBytes)
  }

  /** Only where listings tell sizes and digests: else they alone know which version of a file they will show. */
  #isCheaperToRead(part: ResourcePart, sizeBytes: number): boolean {
    const listingBytes = this.#files.listingBytes(part)
    if (listingBytes === undefined || !this.#files.isFull(part)) return false
    return sizeBytes <= Math.max(smallFileBytes, listingBytes)
  }

  /**
   * The reader's version must still be there: what somebody else wrote meanwhile is not overwritten.
   * @returns true when what is there is just what is to be sent: by an upload whose answer was lost, or by chance
   */
  async #isThereAlready({ part, source }: UploadPlan, replaces: FileEntry): Promise<boolean> {
    const { storedPath, listedVersion } = filePlaceOf(replaces)
    const now = (await this.#files.list(part)).find((file) => file.storedPath === storedPath)
    if (now && now.digest !== undefined && now.digest === (await md5WhereSizeFits(now, source))) return true
    if (now && versionOf(now) === listedVersion) return false
    throw notOverwritten(replaces, now ? 'was changed' : 'was removed')
  }

  /** Whether the server has what it seems to say that it has not. */
  async #isStored(plan: UploadPlan, stored: string | undefined, failure: XnatError): Promise<boolean> {
    try {
      return (await this.#arrivedAllTheSame(plan, stored, failure)) !== undefined
    } catch (error) {
      if (error instanceof XnatError) throw failure
      throw error
    }
  }

  /** @returns the MD5 if the server has the bytes in spite of the failure @throws when it has those of somebody else */
  async #arrivedAllTheSame(
    { part, path, replaces, source }: UploadPlan,
    stored: string | undefined,
    failure: XnatError,
  ): Promise<string | undefined> {
    const listed = find(await this.#files.list(part), path, stored)
    if (!listed) {
      if (replaces) throw notOverwritten(replaces, 'was removed')
      return undefined
    }
    const isOther = replaces !== undefined && hasOtherDigest(listed, replaces)
    const md5 = await md5WhereSizeFits(listed, source, isOther ? Infinity : comparedBytes)
    if (md5 !== undefined && md5 === (listed.digest ?? (await this.#digestOf(part, listed)))) return md5
    if (isOther) throw notOverwritten(replaces, 'was changed')
    if (replaces) return undefined
    throw new XnatError('conflict', `another client has stored a file ${path} meanwhile`, { cause: failure })
  }

  /** @throws FsError EIO when the server has other bytes */
  async #readBack(
    part: ResourcePart,
    storedPath: string,
    sent: Sent,
    signal: AbortSignal | undefined,
  ): Promise<FileBytes> {
    const bytes = await this.#read(part, storedPath, sent.sizeBytes, signal)
    if ((await md5Of(bytes.body)) !== sent.md5) throw otherBytes(storedPath)
    return bytes
  }

  async #digestOf(part: ResourcePart, { storedPath, sizeBytes }: StoredFile): Promise<string> {
    return md5Of((await this.#read(part, storedPath, sizeBytes)).body)
  }

  #read(
    part: ResourcePart,
    name: string,
    sizeBytes: number | undefined,
    signal?: AbortSignal,
  ): Promise<FileBytes> {
    const path = fileUrlPath(part.address, name)
    return readFile(this.#session, path, { expected: { name, sizeBytes }, signal })
  }
}

/** A success without a Content-Type: XNAT's way to say that nothing was stored, and another server's to say that it was. */
function isBareReceipt(error: unknown): error is XnatError {
  return error instanceof XnatError && error.code === 'forbidden' && (error.status ?? 500) < 300
}

/** The path under which a file is to be listed when it is stored. */
function wantedPathOf({ path, replaces }: UploadPlan): string {
  return replaces ? storedPathOf(replaces) : storedAs(path)
}

/** @returns the MD5 of what has been sent while it was written; undefined if nothing was */
async function finishStarted(plan: UploadPlan): Promise<string | undefined> {
  const { started } = plan.source
  return started instanceof StreamedUpload && started.isFor(plan) ? started.finish() : undefined
}

async function md5Of(body: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of body) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function find(
  files: readonly StoredFile[],
  path: string,
  stored: string | undefined,
): StoredFile | undefined {
  const wanted = stored ?? storedAs(path)
  return (
    files.find((file) => file.storedPath === wanted) ??
    // Before 1.8.4 nothing was decoded, so a blank is stored as it was sent.
    (stored === undefined ? files.find((file) => shownPath(file.storedPath) === path) : undefined)
  )
}

/** The MD5 of what is to be sent, where it is worth to compare it with what is listed. */
async function md5WhereSizeFits(
  listed: StoredFile,
  source: StoreSource,
  mostBytes = comparedBytes,
): Promise<string | undefined> {
  if ((listed.sizeBytes ?? source.sizeBytes) !== source.sizeBytes) return undefined
  return source.sizeBytes <= mostBytes ? md5OfSource(source) : undefined
}

/** Sizes and times do not tell: a broken upload of this very file changes them, but never the digest in the catalog. */
function hasOtherDigest({ digest }: StoredFile, replaces: FileEntry): boolean {
  const [, before] = filePlaceOf(replaces).listedVersion.split('#')
  return digest !== undefined && before !== undefined && digest !== before
}

function notOverwritten({ name }: FileEntry, what: 'was changed' | 'was removed'): FsError {
  const reason = `${name} ${what} on the server since it was opened, and is not overwritten`
  const nextStep = 'look what is there now, and write it again under this or another name'
  return new FsError('ESTALE', reason, { nextStep })
}

function otherBytes(path: string): FsError {
  return notAsSent(`the server has other bytes of ${path} than were sent`)
}

function notAsSent(reason: string): FsError {
  return new FsError('EIO', reason, { nextStep: 'write it again' })
}
