import { createServer, request as ask } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs, LocalVfsFlags } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** A proxy that sends whole answers in chunks, without their length, before a site that computes no digests. */
const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/U'
const at = useRemounts(uri)
/** What has changed just now is not kept on the disk. */
const longAgo = 'Wed, 01 Jan 2020 00:00:00 GMT'
const path = 'TEST/1/MR1/resources/U/a.txt'

let proxy: Server
let cacheDir: string
let wholeAnswers: number
const mounts: LocalVfs[] = []

function pass(request: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = request
  const upstream = ask(`${at.emulator.url}${request.url}`, { method, headers }, (answer) => {
    void answer.toArray().then((chunks: Buffer[]) => {
      const { 'content-length': length, ...others } = answer.headers
      const isWhole = answer.statusCode === 200 && request.url!.includes('/files/')
      if (isWhole) wholeAnswers++
      const bytes = Buffer.concat(chunks)
      const isXml = answer.headers['content-type']?.includes('xml')
      const body = isXml ? Buffer.from(bytes.toString().replace(/ digest="[^"]*"/g, '')) : bytes
      response.writeHead(answer.statusCode!, {
        ...others,
        ...(others['last-modified'] && { 'last-modified': longAgo }),
        ...(!isWhole && !isXml && length !== undefined && { 'content-length': length }),
      })
      response.end(body)
    })
  })
  request.pipe(upstream)
}

beforeEach(async () => {
  wholeAnswers = 0
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  proxy = createServer(pass)
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  await at.server.put('a.txt', 'as it is')
})
afterEach(async () => {
  for (const mount of mounts.splice(0)) await mount.stop()
  proxy.closeAllConnections()
  proxy.close()
  await rm(cacheDir, { recursive: true })
})

async function mount(flags: LocalVfsFlags = {}): Promise<LocalVfs> {
  const { user, password } = at.emulator
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const local = await startLocalVfs({ url, user, password }, { cacheDir, ...flags })
  mounts.push(local)
  return local
}
const read = async ({ vfs }: LocalVfs): Promise<string> =>
  (await readFile(vfsFileSystem(vfs), path)).toString()

describe('a file whose size is told with ranges only', () => {
  it('is the same file after a newer listing', async () => {
    const local = await mount({ listingTtl: 0 })
    expect(await read(local)).toBe('as it is')
    expect(await read(local)).toBe('as it is')
    expect(await read(local)).toBe('as it is')
    expect(wholeAnswers).toBe(1)
  })

  it('is read by the next mount from the cache', async () => {
    expect(await read(await mount())).toBe('as it is')
    await mounts.pop()!.stop()
    expect(await read(await mount())).toBe('as it is')
    expect(wholeAnswers).toBe(1)
  })
})
