import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { putCached } from '../../../src/xnat/file-transfer.js'
import type { Session } from '../../../src/xnat/session.js'

it('tells the digest of a large plain body though nobody asks for more than its length', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-put-'))
  const path = join(folder, 'file')
  const bytes = randomBytes(1024 * 1024)
  await writeFile(path, bytes)
  const sent: Buffer[] = []
  const session = {
    send: async (request: { headers: Record<string, string>; body: () => Readable }) => {
      let leftBytes = Number(request.headers['content-length'])
      const chunks = request.body()[Symbol.asyncIterator]()
      while (leftBytes > 0) {
        const { value } = (await chunks.next()) as { value: Buffer }
        sent.push(value)
        leftBytes -= value.length
      }
      return { status: 200, bytes: () => Promise.resolve(Buffer.alloc(0)) }
    },
  } as unknown as Session
  try {
    const source = { path, sizeBytes: bytes.length }
    const target = { path: '/data/user/cache/resources/X/files/in/file', isInner: true }
    const md5 = await putCached(session, target, source)
    expect(Buffer.concat(sent).equals(bytes)).toBe(true)
    expect(md5).toBe(createHash('md5').update(bytes).digest('hex'))
  } finally {
    await rm(folder, { recursive: true })
  }
})
