import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

const MIB = 1024 * 1024
const SIZE = 300 * MIB
const LIMIT = 100 * MIB
let server: ContractServer
let files: string
beforeAll(async () => {
  server = await startContractServer()
  const project = `/data/projects/${server.project}`
  await createResource(server, project, 'BIG')
  files = `${project}/resources/BIG/files`
})
afterAll(() => server?.close())

/** How much this process, client and server together, grows while something runs. */
async function growth(run: (sample: () => void) => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss
  let peak = before
  await run(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  })
  return peak - before
}

/** Sends pieces as fast as they are taken, throws away what comes, and answers how much that was. */
async function exchange(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  pieces: Iterable<Buffer>,
  sample: () => void,
): Promise<{ status: number; bytes: number; tail: Buffer }> {
  const outgoing = request(server.url + path, {
    method,
    headers: { authorization: basic(server.user, server.password), ...headers },
  })
  const answered = new Promise<{ status: number; bytes: number; tail: Buffer }>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      let bytes = 0
      let tail = Buffer.alloc(0)
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        tail = Buffer.concat([tail, chunk.subarray(-22)]).subarray(-22)
        sample()
      })
      incoming.on('error', reject)
      incoming.on('end', () => resolve({ status: incoming.statusCode!, bytes, tail }))
    })
  })
  for (const piece of pieces) {
    if (!outgoing.write(piece)) await new Promise<void>((resolve) => outgoing.once('drain', () => resolve()))
    sample()
  }
  outgoing.end()
  return answered
}

const piece = Buffer.alloc(MIB, 'x')
function* pieces(): Generator<Buffer> {
  for (let sent = 0; sent < SIZE; sent += MIB) yield piece
}

const BOUNDARY = 'xnatfs-memory'
const head = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: application/octet-stream\r\n\r\n`,
)
const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)

// The process whose memory is looked at is this one: the server must be in it.
describe.runIf(isEmulated)('300 MB stream through the embedded XNAT', () => {
  test('an upload in the body (§5)', { timeout: 120_000 }, async () => {
    const grown = await growth(async (sample) => {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(SIZE) }
      const answer = await exchange('PUT', `${files}/big.bin`, headers, pieces(), sample)
      expect([answer.status, answer.bytes]).toEqual([200, 0])
    })
    expect(grown / MIB).toBeLessThan(LIMIT / MIB)
  })

  test('an upload as multipart (§5)', { timeout: 120_000 }, async () => {
    function* parts(): Generator<Buffer> {
      yield head
      yield* pieces()
      yield tail
    }
    const grown = await growth(async (sample) => {
      const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
      const answer = await exchange('PUT', `${files}/big.bin?overwrite=true`, headers, parts(), sample)
      expect([answer.status, answer.bytes]).toEqual([200, 0])
    })
    expect(grown / MIB).toBeLessThan(LIMIT / MIB)
  })

  test.each([
    ['a download (§3.1)', () => `${files}/big.bin`, 0],
    ['a zip (§4)', () => `${files}?format=zip`, 22],
    ['a tar (§4)', () => `${files}?format=tar`, 512],
  ])('%s', { timeout: 120_000 }, async (_what, path, least) => {
    const grown = await growth(async (sample) => {
      const answer = await exchange('GET', path(), {}, [], sample)
      expect(answer.status).toBe(200)
      expect(answer.bytes).toBeGreaterThanOrEqual(SIZE + least)
      expect(answer.bytes).toBeLessThan(SIZE + MIB)
      if (path().endsWith('zip')) expect(answer.tail.readUInt32LE(0)).toBe(0x06054b50)
    })
    expect(grown / MIB).toBeLessThan(LIMIT / MIB)
  })
})
