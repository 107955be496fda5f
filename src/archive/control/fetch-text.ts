import { FsError } from '../../util/fs-error.js'
import { toFsError } from '../errors.js'
import type { ByteRange, FetchedBytes, FileEntry } from '../archive.js'
import type { Sources } from '../sources.js'
import { versionOf, withText } from './control-entries.js'
import type { ControlFilePlace } from './control-place.js'
import { bytesOf } from './text.js'
import type { Text } from './text.js'

/** The text of a file of `.xnat`: the one that was listed, or an error. */
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

/** A file whose text nobody was asked for before it was opened. */
export async function toldText(file: FileEntry, sources: Sources): Promise<FileEntry> {
  return withText(file, await textNow(file, sources))
}

async function textNow(file: FileEntry, sources: Sources): Promise<Text> {
  const { document, text } = file.place as ControlFilePlace
  if (!document) return text ?? { latin1: '' }
  try {
    return await sources.text(document)
  } catch (error) {
    throw toFsError(error, `read ${file.name}`)
  }
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}
