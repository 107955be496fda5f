import { FsError } from '../../util/fs-error.js'
import { toFsError } from '../errors.js'
import type { ByteRange, FetchedBytes, FileEntry } from '../archive.js'
import type { ListingCache } from '../listing-cache.js'
import { textKey } from '../sources.js'
import type { Sources } from '../sources.js'
import { versionOf, withText } from './control-entries.js'
import type { ControlFilePlace } from './control-place.js'
import { bytesOf, withNewline } from './text.js'
import type { Text } from './text.js'

/** The text of a document: the one that was listed, or an error. */
export async function fetchText(
  file: FileEntry,
  range: ByteRange | undefined,
  sources: Sources,
): Promise<FetchedBytes> {
  const text = await textNow(file, sources)
  if (file.sizeBytes !== undefined && versionOf(text) !== file.version) {
    throw new FsError('ESTALE', `read ${file.name}: it was changed on the server`, {
      nextStep: 'open it again',
    })
  }
  const all = bytesOf(text)
  const first = Math.min(range?.first ?? 0, all.length)
  const bytes = range ? all.subarray(first, range.last + 1) : all
  return {
    first,
    rangeHonoured: range !== undefined,
    totalBytes: all.length,
    answerVersion: versionOf(text),
    isRecent: false,
    body: chunksOf(bytes),
    discard: () => {},
  }
}

/** The kernel opens a file twice whose size it learns by that: the server is asked once. */
const sameOpenMs = 1000

/** What is said by files whose text nobody was asked for before they are opened. */
export class ToldTexts {
  readonly #cache: ListingCache
  readonly #now: () => number
  #last: { readonly key: string; readonly epoch: number; readonly atMs: number } | undefined

  constructor(cache: ListingCache, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  async of(file: FileEntry, sources: Sources): Promise<FileEntry> {
    const { document } = file.place as ControlFilePlace
    if (document?.isAskedAnew) this.#distrust(textKey(document))
    return withText(file, await textNow(file, sources))
  }

  #distrust(key: string): void {
    const { epoch } = this.#cache
    // Every change through the mount is a new epoch.
    const isSame = this.#last?.key === key && this.#last.epoch === epoch
    if (isSame && this.#now() < this.#last!.atMs + sameOpenMs) return
    this.#cache.distrust((other) => other === key)
    this.#last = { key, epoch: this.#cache.epoch, atMs: this.#now() }
  }
}

async function textNow(file: FileEntry, sources: Sources): Promise<Text> {
  const { document, text, isAsked } = file.place as ControlFilePlace
  if (!document) return text ?? { latin1: '' }
  try {
    const sent = await sources.text(document)
    return isAsked ? sent : withNewline(sent)
  } catch (error) {
    throw toFsError(error, `read ${file.name}`)
  }
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}
