import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** Whether the body is packed for its way. */
export function isEncoded(contentEncoding: string | undefined): boolean {
  return contentEncoding !== undefined && !/^\s*(identity)?\s*$/i.test(contentEncoding)
}

/**
 * The body as it was before it was packed. We ask for bodies as they are; a proxy may pack text all the same, and
 * packed bytes must not be taken for those of a file.
 * @returns undefined when it is packed in a way that nobody here knows
 */
export function decodedBody(body: Readable, contentEncoding: string | undefined): Readable | undefined {
  if (!isEncoded(contentEncoding)) return body
  const decoder = decoders[contentEncoding!.trim().toLowerCase()]?.()
  // What fails on the way is told to whoever reads the decoder; closing it closes the body.
  return decoder && pipeline(body, decoder, () => {})
}
