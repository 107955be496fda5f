import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { Client } from 'undici'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { RequestPairs } from '../../../src/xnat/request-pairs.js'

const put = 'PUT /f HTTP/1.1'
const get = 'GET /f HTTP/1.1'
const ok = (body: string, header = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${header}\r\n${body}`

/** Answers what has come on a connection so far; ends the connection where it says null. */
type Script = (received: string, connection: number) => string | null | undefined

let server: Server
let sockets: Socket[]
let pairs: RequestPairs
afterEach(async () => {
  await pairs.destroy()
  for (const socket of sockets) socket.destroy()
  await new Promise((done) => server.close(done))
})

async function startPairs(script: Script): Promise<() => ReturnType<RequestPairs['send']>> {
  sockets = []
  server = createServer((socket) => {
    const connection = sockets.push(socket)
    let received = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.toString()
      const answer = script(received, connection)
      if (answer === null) socket.destroy()
      if (answer) {
        received = ''
        socket.write(answer)
        if (answer.includes('Connection: close')) socket.end()
      }
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  pairs = new RequestPairs(
    () => new Client(origin, { pipelining: 2 }),
    (dispatcher) => dispatcher,
  )
  const url = `${origin}/f`
  return () =>
    pairs.send(
      { url, options: { method: 'PUT', body: Buffer.from('new') } },
      { url, options: { method: 'GET', headersTimeout: 1000 } },
    )
}

describe('requests that go in pairs', () => {
  it('are both on the way before the first is answered, on connections that are used again', async () => {
    const send = await startPairs((received) =>
      received.includes(put) && received.includes(get) ? ok('') + ok('new') : undefined,
    )
    for (let round = 0; round < 6; round++) {
      const { answer, behind } = send()
      expect(await text((await answer).body)).toBe('')
      expect(await text((await behind).body)).toBe('new')
    }
    // The first may not be free yet when the second pair is sent.
    expect(sockets.length).toBeLessThanOrEqual(2)
  })

  it('take a connection of their own while others are under way', async () => {
    const held: (() => void)[] = []
    const send = await startPairs((received, connection) => {
      if (!received.includes(get)) return undefined
      held.push(() => sockets[connection - 1]!.write(ok('') + ok('new')))
      return undefined
    })
    const both = [send(), send()]
    await expect.poll(() => held.length).toBe(2)
    for (const answerNow of held) answerNow()
    for (const { answer, behind } of both) {
      await text((await answer).body)
      expect(await text((await behind).body)).toBe('new')
    }
    expect(sockets).toHaveLength(2)
  })

  it('are answered where the server closes the connection after the first', async () => {
    const send = await startPairs((received, connection) => {
      if (connection === 1) return received.includes(get) ? ok('', 'Connection: close\r\n') : undefined
      return received.includes(get) ? ok('new') : undefined
    })
    const { answer, behind } = send()
    expect((await answer).headers['connection']).toBe('close')
    await text((await answer).body)
    expect(await text((await behind).body)).toBe('new')
  })

  it('fail in the second alone where that is not answered', async () => {
    const send = await startPairs((received) => (received.includes(put) ? ok('') : undefined))
    const { answer, behind } = send()
    await text((await answer).body)
    await expect(behind).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
  })

  it('fail in the first where the connection breaks, and nobody waits for the second', async () => {
    const send = await startPairs((received, connection) =>
      connection === 1 ? null : received.includes(get) ? ok('old') : undefined,
    )
    const { answer } = send()
    await expect(answer).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' })
  })

  it('fail after the end', async () => {
    const send = await startPairs(() => undefined)
    await pairs.destroy()
    const { answer, behind } = send()
    await expect(answer).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' })
    await expect(behind).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' })
  })
})
