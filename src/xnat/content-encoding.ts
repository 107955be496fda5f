import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** A stored file, as far as it is known before its bytes come. */
export interface ExpectedFile {
  readonly name: string
  /** As it is listed; undefined where no listing tells it. */
  readonly sizeBytes: number | undefined
}

/** Names that web servers take for an encoding of the file without this ending. */
const packedName = /\.(gz|tgz|svgz|z|br|bz2|xz|zst)$/i

/**
 * Whether the body is packed for its way. We ask for bodies as they are. What a proxy packs all the same has another
 * length than the file, or tells none; but some web servers say of a stored `.nii.gz` that it is packed, for its name.
 * @param lengthBytes of the whole body as it is sent, where it is told
 */
export function isEncoded(
  contentEncoding: string | undefined,
  lengthBytes?: number,
  expected?: ExpectedFile,
): boolean {
  if (contentEncoding === undefined || /^\s*(identity)?\s*$/i.test(contentEncoding)) return false
  if (!expected || lengthBytes === undefined) return true
  return lengthBytes !== expected.sizeBytes && !packedName.test(expected.name)
}

/**
 * The body as it was before it was packed: packed bytes must not be taken for those of a file.
 * @returns undefined when it is packed in a way that nobody here knows
 */
export function decodedBody(body: Readable, contentEncoding: string): Readable | undefined {
  const decoder = decoders[contentEncoding.trim().toLowerCase()]?.()
  // What fails on the way is told to whoever reads the decoder; closing it closes the body.
  return decoder && pipeline(body, decoder, () => {})
}
