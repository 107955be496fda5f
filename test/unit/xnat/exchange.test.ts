import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { exchange } from '../../../src/xnat/exchange.js'
import type { ExchangeOptions } from '../../../src/xnat/exchange.js'
import { reusingConnector } from '../../../src/xnat/reused-reads.js'

let server: Server
let agent: Dispatcher

afterEach(async () => {
  await agent.destroy()
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
})

type Get = (path: string, options?: Partial<ExchangeOptions>) => ReturnType<typeof exchange>

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Get> {
  server = createServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  agent = new Agent({ connect: reusingConnector({}), connections: 4, pipelining: 1 })
  return (path, options = {}) => exchange(agent, origin + path, { method: 'GET', ...options })
}

const md5 = (pieces: readonly Buffer[]): string => {
  const hash = createHash('md5')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

async function piecesOf(body: AsyncIterable<unknown>): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(piece as Buffer)
  return pieces
}

const mib = 1024 * 1024

describe('an exchange over connections that read into the same memory again', () => {
  it('brings bodies that stay what they were while others come', async () => {
    const bodies = Array.from({ length: 12 }, (_, i) => randomBytes(i * 700_001 + 1))
    const get = await serve((request, response) => response.end(bodies[Number(request.url!.slice(1))]))
    const all = await Promise.all(bodies.map(async (_, i) => piecesOf((await get(`/${i}`)).body)))
    expect(all.map(md5)).toEqual(bodies.map((body) => md5([body])))
  })

  it('waits for a reader that is slow, without what has come being written over', async () => {
    const body = randomBytes(24 * mib)
    const get = await serve((_, response) => response.end(body))
    const answer = await get('/', { pieceBytes: 128 * 1024 })
    const pieces: Buffer[] = []
    for await (const piece of answer.body) {
      pieces.push(piece as Buffer)
      await new Promise((resolve) => setImmediate(resolve))
      expect(answer.body.readableLength).toBeLessThanOrEqual(6)
    }
    expect(md5(pieces)).toBe(md5([body]))
  })

  it('loses nothing of what comes bit by bit while nobody takes it', async () => {
    const body = randomBytes(40 * 40_000)
    let isSent!: () => void
    const sent = new Promise<void>((resolve) => (isSent = resolve))
    const get = await serve((_, response) => {
      const send = (from: number): void => {
        if (from === 20 * 40_000) isSent()
        if (from === body.length) response.end()
        else response.write(body.subarray(from, from + 40_000), () => setImmediate(send, from + 40_000))
      }
      send(0)
    })
    const answer = await get('/')
    await sent
    expect(md5(await piecesOf(answer.body))).toBe(md5([body]))
  })

  it('hands over together what one read brings, however small the chunks of the server are', async () => {
    const body = randomBytes(200_000)
    const get = await serve((_, response) => {
      response.cork() // everything in one write
      for (let at = 0; at < body.length; at += 100) response.write(body.subarray(at, at + 100))
      response.end()
    })
    const pieces = await piecesOf((await get('/')).body)
    expect(pieces.length).toBeLessThan(40)
    expect(md5(pieces)).toBe(md5([body]))
  })

  it.each([
    ['with its length', true],
    ['in chunks', false],
  ])('cuts a body that comes %s into pieces of the size that is asked for', async (_, hasLength) => {
    const body = randomBytes(300_001)
    const get = await serve((_request, response) => {
      if (hasLength) response.setHeader('content-length', body.length)
      response.write(body.subarray(0, 70_000))
      response.end(body.subarray(70_000))
    })
    const pieces = await piecesOf((await get('/', { pieceBytes: 100_000 })).body)
    expect(pieces.map((piece) => piece.length)).toEqual([100_000, 100_000, 100_000, 1])
    expect(md5(pieces)).toBe(md5([body]))
  })

  it("keeps an answer's head that comes in two halves, one of them behind a long body", async () => {
    const long = randomBytes(mib)
    const get = await serve((request, response) => {
      if (request.url === '/long') {
        response.end(long)
        return
      }
      const head = `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(9000)}\r\nContent-Le`
      response.socket!.write(head, () => setImmediate(() => response.socket!.write('ngth: 2\r\n\r\nok')))
    })
    await piecesOf((await get('/long')).body)
    const { headers, body } = await get('/halves')
    expect(headers['x-long']).toBe('a'.repeat(9000))
    expect(Buffer.concat(await piecesOf(body)).toString()).toBe('ok')
  })

  it('is an error where the body breaks off', async () => {
    const get = await serve((_, response) => {
      response.setHeader('content-length', 1000)
      response.write('a', () => response.socket!.destroy())
    })
    const { body } = await get('/', { pieceBytes: 500 })
    await expect(piecesOf(body)).rejects.toThrow(/closed|mismatch|reset/i)
  })

  it('ends when its signal comes: before the answer, in its body, while it waits for a connection', async () => {
    const closed: Promise<unknown>[] = []
    const get = await serve((request, response) => {
      closed.push(once(response, 'close'))
      if (request.url === '/body') response.write(randomBytes(mib))
    })
    const controllers = Array.from({ length: 5 }, () => new AbortController())
    const inBody = await get('/body', { signal: controllers[0]!.signal })
    const waiting = controllers.slice(1).map(({ signal }) => get('/silent', { signal }))
    const outcomes = Promise.allSettled([piecesOf(inBody.body), ...waiting])
    for (const controller of controllers) controller.abort(new Error('enough'))
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { message: 'enough' } })
    await Promise.all(closed)
  })

  it('gives its connection up when the body is destroyed, and back when it has been read', async () => {
    let connections = 0
    const ended: Promise<unknown>[] = []
    const get = await serve((request, response) => {
      if (request.url === '/endless') {
        ended.push(once(response, 'close'))
        response.write(randomBytes(mib))
      } else response.end('x')
    })
    server.on('connection', () => connections++)
    for (let i = 0; i < 5; i++) await piecesOf((await get('/')).body)
    expect(connections).toBeLessThanOrEqual(2) // a connection is free one turn after its answer
    ;(await get('/endless')).body.destroy()
    await ended[0]
  })
})
