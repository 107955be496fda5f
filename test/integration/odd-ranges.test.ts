import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFile } from '../../src/xnat/file-transfer.js'
import type { ByteRange } from '../../src/xnat/file-transfer.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

/** A file on a server that answers ranges as the test says. */
let server: Server
let http: Http
let session: Session
let requests: (string | undefined)[]
let answerPart: (response: ServerResponse) => void
let whole: (response: ServerResponse) => void

const stored = Buffer.from('0123456789abcdef')

beforeEach(async () => {
  requests = []
  whole = (response) => response.end(stored)
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isFile = request.url!.startsWith('/data/file')
    if (isFile) requests.push(request.headers.range)
    if (!isFile) response.end('0'.repeat(32))
    else if (request.headers.range === undefined) whole(response)
    else answerPart(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  http = new Http({ baseUrl, userAgent: 'xnatfs/test', connections: 2 })
  session = new Session(http, { user: 'u', password: 'p' })
})
afterEach(async () => {
  await http.close()
  server.close()
})

const part = (range: string | undefined, body: string | Buffer, more: Record<string, string> = {}) => {
  answerPart = (response) => {
    response.writeHead(206, { ...(range !== undefined && { 'content-range': range }), ...more })
    response.end(body)
  }
}

async function read() {
  const expected = { name: 'file', sizeBytes: stored.length }
  const bytes = await readFile(session, '/data/file', { expected, range: { first: 4, last: 9 } })
  const pieces = (await bytes.body.toArray()) as Buffer[]
  const { first, rangeHonoured, totalBytes } = bytes
  return { first, rangeHonoured, totalBytes, text: Buffer.concat(pieces).toString() }
}

describe('a range that is asked for', () => {
  it('is taken where it comes as it was asked for', async () => {
    part('bytes 4-9/16', '456789')
    expect(await read()).toEqual({ first: 4, rangeHonoured: true, totalBytes: 16, text: '456789' })
    expect(requests).toEqual(['bytes=4-9'])
  })

  it.each([
    ['of a file of untold size', 'bytes 4-9/*', '456789', {}],
    ['that is shorter', 'bytes 4-6/16', '456', {}],
    ['that lies elsewhere', 'bytes 3-8/16', '345678', {}],
    ['that does not say which', undefined, '456789', {}],
    ['in an odd spelling', 'bytes=4-9/16', '456789', {}],
    [
      'in parts',
      undefined,
      '--x\r\nContent-Range: bytes 4-9/16\r\n\r\n456789\r\n--x--\r\n',
      { 'content-type': 'multipart/byteranges; boundary=x' },
    ],
    ['packed', 'bytes 4-9/12', '456789', { 'content-encoding': 'gzip' }],
  ])('%s is not used: the whole file is asked for', async (_, range, body, more) => {
    part(range, body, more)
    expect(await read()).toEqual({ first: 0, rangeHonoured: false, totalBytes: 16, text: stored.toString() })
    expect(requests).toEqual(['bytes=4-9', undefined])
  })

  it('and refused is asked for as the whole file, which shows what size it has', async () => {
    answerPart = (response) => {
      response.writeHead(416, { 'content-range': 'bytes */16' })
      response.end()
    }
    expect(await read()).toMatchObject({ rangeHonoured: false, text: stored.toString() })
  })
})

/** Apache's AddEncoding: the file is said to be packed, for its name. */
describe('a stored file that is packed itself, and said to be so by a server', () => {
  const packed = gzipSync('an image')
  const size = packed.length

  async function readPacked(expected: { name: string; sizeBytes: number | undefined }, range?: ByteRange) {
    const bytes = await readFile(session, '/data/file', { expected, range })
    const body = Buffer.concat((await bytes.body.toArray()) as Buffer[])
    return { totalBytes: bytes.totalBytes, rangeHonoured: bytes.rangeHonoured, body }
  }

  beforeEach(() => {
    whole = (response) =>
      response.writeHead(200, { 'content-encoding': 'x-gzip', 'content-length': size }).end(packed)
  })

  it.each([
    ['of the size that is listed', 'scan.nii.gz', size],
    ['of no listed size', 'scan.nii.gz', undefined],
    ['of another size than is listed', 'scan.nii.gz', 8],
    ['by another name', 'scan', size],
  ])('%s comes as it is stored', async (_, name, sizeBytes) => {
    const read = await readPacked({ name, sizeBytes })
    expect(read).toEqual({ totalBytes: size, rangeHonoured: true, body: packed })
  })

  it('comes in parts', async () => {
    part(`bytes 4-9/${size}`, packed.subarray(4, 10), { 'content-encoding': 'gzip' })
    const read = await readPacked({ name: 'scan.nii.gz', sizeBytes: size }, { first: 4, last: 9 })
    expect(read).toEqual({ totalBytes: size, rangeHonoured: true, body: packed.subarray(4, 10) })
    expect(requests).toEqual(['bytes=4-9'])
  })

  it('comes as it is stored where nobody here could unpack it', async () => {
    whole = (response) =>
      response.writeHead(200, { 'content-encoding': 'x-bzip2', 'content-length': size }).end(packed)
    expect((await readPacked({ name: 'scan.nii.bz2', sizeBytes: undefined })).body).toEqual(packed)
  })

  it.each([
    ['with another length', { 'content-length': size }, 'scan.nii', 8],
    ['without a length', {}, 'scan.nii.gz', 8],
  ])('is not taken for one that was packed on the way: %s', async (_, headers, name, sizeBytes) => {
    whole = (response) => response.writeHead(200, { 'content-encoding': 'gzip', ...headers }).end(packed)
    const read = await readPacked({ name, sizeBytes })
    expect([read.totalBytes, read.body.toString()]).toEqual([undefined, 'an image'])
  })
})
