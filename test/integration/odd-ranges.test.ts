import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFile } from '../../src/xnat/file-transfer.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

/** A file on a server that answers ranges as the test says. */
let server: Server
let http: Http
let session: Session
let requests: (string | undefined)[]
let answerPart: (response: ServerResponse) => void

const stored = Buffer.from('0123456789abcdef')

beforeEach(async () => {
  requests = []
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isFile = request.url!.startsWith('/data/file')
    if (isFile) requests.push(request.headers.range)
    if (!isFile) response.end('0'.repeat(32))
    else if (request.headers.range === undefined) response.end(stored)
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
  const bytes = await readFile(session, '/data/file', { range: { first: 4, last: 9 } })
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
    ['packed', 'bytes 4-9/16', '456789', { 'content-encoding': 'gzip' }],
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
