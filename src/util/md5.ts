import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Lower-case hex MD5 of a local file, as XNAT's catalogs have it. */
export async function md5OfFile(path: string): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}
