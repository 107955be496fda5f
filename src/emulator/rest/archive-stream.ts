import { open } from 'node:fs/promises'
import { createGzip } from 'node:zlib'
import { pack } from 'tar-stream'
import { StatusError, type Answer } from '../http/answer.js'
import type { BodySink } from '../http/body-sink.js'
import { MEDIA } from '../http/media.js'
import { latin1 } from '../http/text.js'
import { bytesOf, toError } from '../unknown.js'
import type { RestContext } from './resource.js'
import { DuplicateEntry, ZipWriter, type ArchiveMember } from './zip-writer.js'

const SUFFIX: Readonly<Record<string, string>> = {
  [MEDIA.zip]: '.zip',
  [MEDIA.tar]: '.tar',
  [MEDIA.tarGz]: '.tar.gz',
  [MEDIA.xar]: '.xar',
}

/**
 * The header as XNAT spells it: name raw, trailing semicolon (xnat-wire.md §3.1). Tomcat writes headers in ISO-8859-1,
 * with `?` for what that lacks and a blank for a control character.
 */
export function contentDisposition(filename: string, attachment = true): string {
  const text = latin1(filename)
    .toString('latin1')
    .replace(/[^\x20-\x7e\x80-\xff]/g, ' ')
  return `${attachment ? 'attachment; ' : ''}filename="${text}";`
}

/** `?compression=0|8`; the site's default is 0, STORED (§4). */
export function isCompressed(context: RestContext): boolean {
  const value = context.query.get('compression')
  if (value === undefined) return false
  if (!/^[+-]?\d+$/.test(value)) throw new StatusError(400, `For input string: "${value}"`)
  return Number(value) !== 0
}

/** Members as a zip, tar or tar.gz, streamed; `name` without suffix is what the download is called. */
export function archiveAnswer(
  context: RestContext,
  mediaType: string,
  name: string,
  members: readonly ArchiveMember[],
): Answer {
  const compressed = isCompressed(context)
  const isZip = mediaType === MEDIA.zip || mediaType === MEDIA.xar
  return {
    status: 200,
    headers: { 'Content-Disposition': contentDisposition(`${name}${SUFFIX[mediaType] ?? '.zip'}`) },
    body: {
      kind: 'stream',
      mediaType,
      write: (sink) =>
        isZip ? writeZip(sink, compressed, members) : writeTar(sink, mediaType === MEDIA.tarGz, members),
    },
  }
}

async function writeZip(
  sink: BodySink,
  compressed: boolean,
  members: readonly ArchiveMember[],
): Promise<void> {
  const zip = new ZipWriter(sink, compressed)
  try {
    for (const member of members) await zip.add(member)
  } catch (error) {
    // The original logs its ZipException and lets the response end there: a 200 whose archive has no end (§4).
    if (error instanceof DuplicateEntry) return zip.flush()
    throw error
  }
  await zip.finish()
}

async function writeTar(sink: BodySink, gzipped: boolean, members: readonly ArchiveMember[]): Promise<void> {
  const tar = pack()
  const output = gzipped ? tar.pipe(createGzip()) : tar
  const fill = async (): Promise<void> => {
    for (const member of members) {
      const entry = tar.entry({
        name: member.name,
        size: member.size,
        mtime: new Date(member.modifiedMs),
        mode: 0o644,
      })
      const file = await open(member.path, 'r')
      let left = member.size
      const chunks: AsyncIterable<Buffer> = file.createReadStream({ highWaterMark: 256 * 1024 })
      for await (const chunk of chunks) {
        const data = chunk.subarray(0, left)
        left -= data.length
        if (!entry.write(data)) await new Promise<void>((resolve) => entry.once('drain', () => resolve()))
      }
      entry.end(Buffer.alloc(0))
    }
    tar.finalize()
  }
  const filled = fill().catch((error: unknown) => tar.destroy(toError(error)))
  for await (const chunk of bytesOf(output)) await sink.write(chunk)
  await filled
}
