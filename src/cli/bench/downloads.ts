import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { join } from 'node:path'
import PQueue from 'p-queue'
import type { FileEntry } from '../../archive/archive.js'
import { urlPathOf } from '../../archive/fetch.js'
import { filePlaceOf } from '../../archive/layout.js'
import { resourcePath } from '../../xnat/address.js'
import type { ResourceAddress } from '../../xnat/address.js'
import { readFile } from '../../xnat/file-transfer.js'
import type { Session } from '../../xnat/session.js'

/** What a script asks for today. */
export const requestsInFlight = 32

/** Each file by a GET, many in flight; the bytes go nowhere. */
export async function fetchEach(session: Session, files: readonly FileEntry[]): Promise<void> {
  const queue = new PQueue({ concurrency: requestsInFlight })
  await queue.addAll(
    files.map((file) => async () => {
      const path = urlPathOf(file)
      if (path === undefined) return // the mount cannot read it either
      const bytes = await readFile(session, path, { expected: file })
      for await (const _ of bytes.body);
    }),
  )
}

/** The zip of each resource, one after the other, as the recipes of sites have it. @returns the files */
export async function fetchZips(
  session: Session,
  files: readonly FileEntry[],
  folder: string,
): Promise<string[]> {
  const paths: string[] = []
  for (const address of resourcesOf(files)) {
    const path = `${resourcePath(address, 'get')}/files?format=zip`
    const response = await session.send({ method: 'GET', path, html: 'never' })
    if (response.status !== 200) throw await response.toError()
    const zip = join(folder, `${paths.length}.zip`)
    await pipeline(response.body, createWriteStream(zip))
    paths.push(zip)
  }
  return paths
}

function resourcesOf(files: readonly FileEntry[]): ResourceAddress[] {
  const all = files.map((file) => filePlaceOf(file).address)
  return [...new Map(all.map((address) => [address.resource, address])).values()]
}
